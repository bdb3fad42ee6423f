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

    /// Raises the soft limit to the hard one, for this process and those that it
    /// starts, and tells whether that is enough for `users`. A balancer, which inherits
    /// the limit, has a connection on either side for each of them.
    ///
    /// # Errors
    ///
    /// When the operating system neither tells the limit nor changes it.
    pub fn raise(users: usize) -> std::io::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(FileLimit {
            limit: hard,
            needed: 2 * users as u64 + Self::OTHER_FILES,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let files = FileLimit::raise(10).expect("this system has limits");
        assert_eq!(files.needed, 220);
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("it told before");
        assert_eq!((soft, files.limit), (hard, hard));
    }
}
