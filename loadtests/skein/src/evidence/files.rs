//! How many files this process may open: each user's connection is one.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many files a process may open, and how many it may need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileLimit {
    /// How many it may open.
    pub limit: u64,
    /// How many its users may need.
    pub needed: u64,
}

impl FileLimit {
    /// What logs, the runtime and the nodes' pipes take, generously.
    const OTHER_FILES: u64 = 200;

    /// Raises the limit as far as may be needed, for this process and those that it starts, and
    /// tells whether that is enough for this number of `connections`. A balancer that is started,
    /// which inherits the limit, has one on either side for each of them.
    ///
    /// # Errors
    ///
    /// When the operating system neither tells the limit nor changes it.
    pub fn raise(connections: usize, is_started: bool) -> std::io::Result<Self> {
        let sides = if is_started { 2 } else { 1 };
        let needed = sides * connections as u64 + Self::OTHER_FILES;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        // Only who is privileged may go beyond the hard limit.
        if needed > hard && setrlimit(Resource::RLIMIT_NOFILE, needed, needed).is_ok() {
            return Ok(FileLimit {
                limit: needed,
                needed,
            });
        }
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(FileLimit {
            limit: hard,
            needed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let files = FileLimit::raise(10, true).expect("this system has limits");
        assert_eq!(files.needed, 220);
        let outside = FileLimit::raise(10, false).expect("this system has limits");
        assert_eq!(outside.needed, 210);
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("it told before");
        assert_eq!((soft, files.limit), (hard, hard));
    }
}
