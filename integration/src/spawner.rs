//! The one thread that starts processes. A node dies with the *thread* that
//! started it (PR_SET_PDEATHSIG), so that thread has to live as long as we do:
//! a worker of a test's runtime would take the nodes with it when it ends.

use std::io;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Starts a process from the thread that lives, and waits the millisecond that it
/// takes: a caller that could be cancelled meanwhile would lose the process.
///
/// # Errors
///
/// Those of [`Command::spawn`].
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let (reply, child) = sync_channel(1);
    SPAWNER
        .send(Order { command, reply })
        .expect("the spawner ends with the program");
    child.recv().expect("the spawner answers every order")
}

struct Order {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (sender, orders) = channel::<Order>();
    thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            for mut order in orders {
                let _ = order.reply.send(order.command.spawn());
            }
        })
        .expect("the operating system grants a thread");
    sender
});
