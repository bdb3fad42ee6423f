//! The cores of the generator, and those of the systems that it loads.

use std::io;
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rand::Rng;
use rand::seq::SliceRandom;

/// The cores that this program may use.
///
/// # Errors
///
/// When the operating system doesn't tell.
pub(crate) fn allowed_cores() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(Pid::this())?;
    let cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    Ok(cores.collect())
}

/// Deals out some cores: a half for the nodes, and a half for the generator; which one, is
/// drawn. Both have all of them where there is only one, or when they aren't to be `apart`.
pub(crate) fn dealt_out(
    cores: &[usize],
    apart: bool,
    rng: &mut impl Rng,
) -> (Vec<usize>, Vec<usize>) {
    if !apart || cores.len() < 2 {
        return (cores.to_vec(), cores.to_vec());
    }
    let mut dealt = cores.to_vec();
    dealt.shuffle(rng);
    let generator = dealt.split_off(dealt.len().div_ceil(2));
    (dealt, generator)
}

/// Does `work` on a runtime whose threads are on `cores`, as many of them as there are
/// cores.
///
/// # Errors
///
/// When the operating system grants no thread, or not on these cores.
pub(crate) fn on_cores<T: Send, F: Future<Output = T>>(
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
            let done = runtime.block_on(work());
            // A name that takes long to resolve keeps nobody waiting.
            runtime.shutdown_background();
            Ok(done)
        })?;
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
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
