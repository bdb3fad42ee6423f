//! The limit on open files, and the errors of a process that has reached it.

use std::io;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Raises the limit on open files as far as this process may, which costs nothing: the
/// usual 1024 exists for programs that use `select`.
pub(crate) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        warn!(%error, "the limit on open files stays as it is");
    }
}

/// The number of connections that clients may have if nothing else is set: half of the files, so
/// that each request can have a connection to an upstream.
pub(super) fn most_connections() -> usize {
    /// A number as good as no limit.
    const UNKNOWN: u64 = 1 << 20;
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(UNKNOWN, |(soft, _)| soft);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
}

/// Errors that tell of a shortage on this machine, for which whoever is at the
/// other end is not to blame.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let shortages = [
        Errno::EMFILE,
        Errno::ENFILE,
        Errno::ENOBUFS,
        Errno::ENOMEM,
        Errno::EADDRNOTAVAIL,
        Errno::EAGAIN,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| shortages.contains(&Errno::from_raw(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_from_a_refusal() {
        let error = |errno| io::Error::from_raw_os_error(errno as i32);
        assert!(is_shortage(&error(Errno::EMFILE)));
        assert!(!is_shortage(&error(Errno::ECONNREFUSED)));
        assert!(!is_shortage(&io::ErrorKind::ConnectionRefused.into()));
    }
}
