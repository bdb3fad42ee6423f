//! Where and for how long the generator works: on cores of its own, and until somebody
//! interrupts the gate.

use std::io;
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The cores that this program may use.
///
/// # Errors
///
/// When the operating system doesn't tell.
pub(super) fn allowed_cores() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(Pid::this())?;
    let cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    Ok(cores.collect())
}

/// Does `work` on a runtime whose threads are on `cores`, as many of them as there are
/// cores.
///
/// # Errors
///
/// When the operating system grants no thread, or not on these cores.
pub(super) fn on_cores<T: Send, F: Future<Output = T>>(
    cores: &[usize],
    work: impl FnOnce() -> F + Send,
) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("round".to_owned());
        let worker = worker.spawn_scoped(scope, || {
            let mut wanted = CpuSet::new();
            for core in cores {
                wanted.set(*core)?;
            }
            // Threads that are started from here on inherit it.
            sched_setaffinity(Pid::from_raw(0), &wanted)?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(cores.len())
                .enable_all()
                .build()?;
            Ok(runtime.block_on(work()))
        })?;
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Tells when somebody interrupts the gate. From the first listening on, Ctrl-C and
/// SIGTERM no longer end the program by themselves.
#[derive(Clone, Debug)]
pub(super) struct Interruption(watch::Receiver<bool>);

impl Interruption {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// When signals can't be listened for.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (mut interrupt, mut terminate) = {
            let _within = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        let (told, tells) = watch::channel(false);
        let listener = thread::Builder::new().name("interruption".to_owned());
        // It ends with the program.
        drop(listener.spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                told.send_replace(true);
                told.closed().await;
            });
        })?);
        Ok(Interruption(tells))
    }

    /// Whether it has happened.
    pub(super) fn happened(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it happens.
    pub(super) async fn happens(&self) {
        if self.0.clone().wait_for(|told| *told).await.is_err() {
            // Nobody is left who could tell.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_on_the_cores_that_it_is_given() {
        let all = allowed_cores().expect("Linux tells");
        let one = &all[all.len() - 1..];
        let seen = on_cores(one, || async {
            tokio::spawn(async { sched_getaffinity(Pid::from_raw(0)) }).await
        });
        let seen = seen
            .expect("granted")
            .expect("no panic")
            .expect("Linux tells");
        let on: Vec<usize> = (0..CpuSet::count())
            .filter(|core| seen.is_set(*core).unwrap_or(false))
            .collect();
        assert_eq!(on, one);
        assert_eq!(allowed_cores().expect("Linux tells"), all);
    }
}
