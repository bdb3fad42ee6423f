//! What this machine lacked in a round, which is no failure of either side.

use harness::error::StartError;

use super::record::NeverLeft;
use crate::client::Shortage;
use crate::samples::Samples;

/// The requests of a side that never left this machine.
pub(super) fn never_left(samples: &Samples) -> Vec<NeverLeft> {
    let shortages = samples.near_side.iter();
    let requests = shortages.map(|(shortage, requests)| NeverLeft {
        shortage: *shortage,
        count: requests.count,
        example: requests.example.clone(),
    });
    requests.collect()
}

/// True when a start failed for want of something on this machine: of what a program that
/// can't be executed fails for, that is no part.
pub(super) fn is_behind(error: &StartError) -> bool {
    use Shortage::{Files, Memory, Ports, Threads};
    let shortage = Shortage::behind(error, None);
    matches!(shortage, Some(Files | Memory | Ports | Threads))
}

#[cfg(test)]
mod tests {
    use std::io;

    use nix::libc::{EACCES, EAGAIN, EMFILE, ENOENT, ENOMEM};

    use super::*;
    use crate::gate::record::Side;
    use crate::gate::round::RoundError;

    #[test]
    fn a_start_that_this_machine_has_nothing_left_for_is_no_failure_of_a_side() {
        let start = |errno: i32| RoundError::Start {
            side: Side::Candidate,
            source: StartError::Folder {
                path: "x".into(),
                source: io::Error::from_raw_os_error(errno),
            },
        };
        for errno in [EMFILE, EAGAIN, ENOMEM] {
            assert_eq!(start(errno).crashed(), None);
        }
        for errno in [ENOENT, EACCES] {
            assert_eq!(start(errno).crashed(), Some(Side::Candidate));
        }
    }
}
