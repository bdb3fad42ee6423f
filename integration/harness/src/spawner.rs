//! The one thread that starts processes. A node dies with the *thread* that
//! started it (PR_SET_PDEATHSIG), so that thread has to live as long as we do:
//! a worker of a test's runtime would take the nodes with it when it ends.

use std::io;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Starts a process from the thread that lives, and waits the millisecond that it
/// takes: a caller that could be cancelled meanwhile would lose the process. It runs on
/// `cores`, or on those of this program.
///
/// # Errors
///
/// Those of [`Command::spawn`], and when a core isn't there or may not be used.
pub(crate) fn spawn(command: Command, cores: Option<&[usize]>) -> io::Result<Child> {
    let (reply, child) = sync_channel(1);
    let order = Order {
        command,
        cores: cores.map(<[usize]>::to_vec),
        reply,
    };
    SPAWNER
        .send(order)
        .expect("the spawner ends with the program");
    child.recv().expect("the spawner answers every order")
}

struct Order {
    command: Command,
    cores: Option<Vec<usize>>,
    reply: SyncSender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (sender, orders) = channel::<Order>();
    thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            for mut order in orders {
                let spawned = match &order.cores {
                    Some(cores) => spawn_on(cores, &mut order.command),
                    None => order.command.spawn(),
                };
                let _ = order.reply.send(spawned);
            }
        })
        .expect("the operating system grants a thread");
    sender
});

/// A process inherits the cores of the thread that starts it, so this thread moves there
/// meanwhile.
fn spawn_on(cores: &[usize], command: &mut Command) -> io::Result<Child> {
    let this_thread = Pid::from_raw(0);
    let mut wanted = CpuSet::new();
    for core in cores {
        wanted.set(*core)?;
    }
    let usual = sched_getaffinity(this_thread)?;
    sched_setaffinity(this_thread, &wanted)?;
    let spawned = command.spawn();
    sched_setaffinity(this_thread, &usual)?;
    spawned
}
