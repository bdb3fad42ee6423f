//! Keeping what was found out: each file by itself, so that one that doesn't fit takes no
//! other along. What could not be kept is said after the figures, which are in memory.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit_code::{NOT_KEPT, PASS};
use crate::output::tell;

/// Has a file that has reached its limit (`ulimit -f`) take no more, as on a full disk: by
/// default, the signal that comes with it kills. Where that can't be had, it stays so.
pub fn outlive_full_files() {
    let runtime = Builder::new_current_thread().enable_io().build();
    if let Ok(runtime) = runtime {
        let _within = runtime.enter();
        // The handler stays, whether or not anybody listens.
        let _ = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32));
    }
}

/// Sends a message to a writer's thread as soon as there is room for it. Gives whether there was
/// by `deadline`.
pub fn send_by<T>(writer: &SyncSender<T>, deadline: Instant, mut message: T) -> bool {
    const PAUSE: Duration = Duration::from_millis(5);
    loop {
        match writer.try_send(message) {
            Ok(()) => return true,
            Err(TrySendError::Full(back)) if Instant::now() < deadline => message = back,
            Err(_) => return false,
        }
        thread::sleep(PAUSE);
    }
}

/// What is missing when a file could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Something that can't be made again.
    Original,
    /// Something that `loadtests report` makes again, or that nobody's verdict rests on.
    Derived,
    /// Something that was only to be told to another program, while it happened.
    Told,
}

/// Files that could not be kept, each with the reason.
#[derive(Debug, Default)]
pub struct Losses(Vec<(Weight, anyhow::Error)>);

impl Losses {
    /// Notes what is lost, if it is. Gives what was kept.
    pub fn note<T>(
        &mut self,
        weight: Weight,
        kept: Result<T, impl Into<anyhow::Error>>,
    ) -> Option<T> {
        kept.map_err(|error| self.0.push((weight, error.into())))
            .ok()
    }

    /// True when nothing is lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over what somebody else noted.
    pub fn add(&mut self, other: Losses) {
        self.0.extend(other.0);
    }

    /// Losses, each with the reason, in a sentence.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(_, error)| format!("{error:#}"))
    }

    /// Says on the standard error what is lost, and what can be done about it.
    pub fn tell(&self) {
        for (weight, error) in &self.0 {
            tell(format_args!("{}: not kept: {error:#}", weight.word()));
        }
        let any = |wanted| self.0.iter().any(|(weight, _)| *weight == wanted);
        if any(Weight::Derived) && !any(Weight::Original) {
            tell("the record is kept, and `loadtests report` makes its pages again");
        }
    }

    /// The exit code of a program whose work came to `code`. A pass that leaves no record
    /// isn't one to go by; any other code has said already that something is amiss.
    pub fn exit_code(&self, code: u8) -> u8 {
        let lost = self.0.iter().any(|(weight, _)| *weight == Weight::Original);
        if code == PASS && lost { NOT_KEPT } else { code }
    }
}

impl Weight {
    fn word(self) -> &'static str {
        match self {
            Weight::Original => "error",
            Weight::Derived | Weight::Told => "warning",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::{FAIL, INVALID};

    #[test]
    fn only_a_pass_whose_record_is_lost_has_another_code() {
        let losing = |weights: &[Weight]| {
            let mut losses = Losses::default();
            for weight in weights {
                let full = Err::<(), _>(std::io::Error::other("no space left"));
                assert_eq!(losses.note(*weight, full), None);
            }
            assert_eq!(
                losses.note(Weight::Original, Ok::<_, std::io::Error>(7)),
                Some(7)
            );
            [PASS, FAIL, INVALID].map(|code| losses.exit_code(code))
        };
        assert_eq!(losing(&[]), [PASS, FAIL, INVALID]);
        for weight in [Weight::Derived, Weight::Told] {
            assert_eq!(losing(&[weight]), [PASS, FAIL, INVALID]);
        }
        let both = [Weight::Derived, Weight::Original];
        assert_eq!(losing(&both), [NOT_KEPT, FAIL, INVALID]);
    }
}
