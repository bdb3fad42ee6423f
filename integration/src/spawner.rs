//! The one thread that starts processes. A node dies with the *thread* that
//! started it (PR_SET_PDEATHSIG), so that thread has to live as long as we do:
//! a worker of a test's runtime would take the nodes with it when it ends.

use std::io;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::sync::oneshot;

/// Starts a process from the thread that lives.
///
/// # Errors
///
/// Those of [`Command::spawn`].
pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    let (reply, child) = oneshot::channel();
    SPAWNER
        .send(Order { command, reply })
        .expect("the spawner ends with the program");
    child.await.expect("the spawner answers every order")
}

struct Order {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (sender, orders) = channel::<Order>();
    thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            for mut order in orders {
                let spawned = order.command.spawn();
                // Whoever gave up waiting can't look after the process any more.
                if let Err(Ok(mut unwanted)) = order.reply.send(spawned) {
                    let _ = unwanted.kill();
                    let _ = unwanted.wait();
                }
            }
        })
        .expect("the operating system grants a thread");
    sender
});
