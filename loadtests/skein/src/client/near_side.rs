//! Shortages of the generator's own machine, which keep a request from leaving it. They
//! tell nothing of the server: whoever asks for more than the machine has made a mistake
//! in the measurement.

use std::error::Error;
use std::io;
use std::net::IpAddr;

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A thing that the generator's machine lacks or refuses, so that a request can't leave it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Shortage {
    /// No local port, or no local address, is left to connect from.
    Ports,
    /// No file descriptor is left, for the process or for the machine.
    Files,
    /// The kernel has no memory for a socket, or for what is sent over it.
    Memory,
    /// No further thread or process may be started.
    Threads,
    /// A firewall or a sandbox on this machine forbids the connection.
    Forbidden,
    /// The server's name can't be resolved to an address.
    Names,
    /// The machine has no network, or not of this kind.
    Network,
    /// A plan's data has no row left that wasn't given to somebody.
    Data,
}

/// A name that could not be resolved to an address.
#[derive(Debug, thiserror::Error)]
#[error("the server's name can't be resolved")]
pub struct Unresolved(#[from] io::Error);

impl Shortage {
    /// Every shortage.
    #[cfg(test)]
    pub const ALL: [Shortage; 8] = [
        Shortage::Ports,
        Shortage::Files,
        Shortage::Memory,
        Shortage::Threads,
        Shortage::Forbidden,
        Shortage::Names,
        Shortage::Network,
        Shortage::Data,
    ];

    /// The shortage that an error comes from, by the error and its causes; `None` when it
    /// may as well have been caused at the far side, which is `host`.
    pub fn behind(error: &(dyn Error + 'static), host: Option<IpAddr>) -> Option<Self> {
        let mut cause = Some(error);
        let mut unresolved = false;
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                let errno = io.raw_os_error().map(Errno::from_raw);
                if let Some(shortage) = errno.and_then(|errno| Self::of(errno, host)) {
                    return Some(shortage);
                }
                // An error that was made of another one shows it as its own self.
                if let Some(inner) = io.get_ref() {
                    unresolved |= inner.is::<Unresolved>();
                }
            }
            unresolved |= error.is::<Unresolved>();
            cause = error.source();
        }
        unresolved.then_some(Shortage::Names)
    }

    /// The shortage that the operating system means by `errno` when a socket is made,
    /// connected or written to; `None` when the far side, or the way there, may be meant
    /// (connect(2), socket(2), send(2), ip(7)).
    pub fn of(errno: Errno, host: Option<IpAddr>) -> Option<Self> {
        match errno {
            Errno::EADDRNOTAVAIL | Errno::EADDRINUSE => Some(Shortage::Ports),
            Errno::EMFILE | Errno::ENFILE => Some(Shortage::Files),
            Errno::ENOMEM | Errno::ENOBUFS => Some(Shortage::Memory),
            Errno::EAGAIN => Some(Shortage::Threads),
            Errno::EPERM => Some(Shortage::Forbidden),
            // Over IPv6, a router's "administratively prohibited" is told as the same
            // (RFC 4443, section 3.1; `icmpv6_err_convert` in Linux).
            Errno::EACCES if host.is_some_and(|host| host.is_ipv4()) => Some(Shortage::Forbidden),
            Errno::ENETDOWN | Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT => {
                Some(Shortage::Network)
            }
            _ => None,
        }
    }

    /// The cause, to follow "for" in a sentence.
    pub fn cause(self) -> &'static str {
        match self {
            Shortage::Ports => "it had no local port left to send from",
            Shortage::Files => "it could open no more files",
            Shortage::Memory => "its kernel had no memory left for sockets",
            Shortage::Threads => "it could start no more threads or processes",
            Shortage::Forbidden => "a firewall or a sandbox on it forbids the connection",
            Shortage::Names => "it could not resolve the server's name",
            Shortage::Network => "it has no network of this kind",
            Shortage::Data => "the plan's data had no row left",
        }
    }

    /// The way out, as an order.
    pub fn remedy(self) -> &'static str {
        match self {
            Shortage::Ports => {
                "have the server keep its connections open, widen net.ipv4.ip_local_port_range, or ask for less"
            }
            Shortage::Files => {
                "raise the limit with `ulimit -n`, or fs.file-max for the whole machine, or ask for fewer users"
            }
            Shortage::Memory => "give the machine more memory, or ask for fewer users",
            Shortage::Threads => {
                "raise the limit with `ulimit -u`, or pids.max of the control group"
            }
            Shortage::Forbidden => "allow it, or send from elsewhere",
            Shortage::Names => {
                "check the name and /etc/resolv.conf, or give the server's address in place of its name"
            }
            Shortage::Network => "check its interfaces with `ip address`, or use another address",
            Shortage::Data => "give it more rows, another `order`, or ask for less",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    /// An error with a cause, as libraries wrap them.
    #[derive(Debug, thiserror::Error)]
    #[error("something failed")]
    struct Wrapped<E: Error + 'static>(#[source] E);

    fn os_error(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno as i32)
    }

    #[test]
    fn what_this_machine_lacks_is_told_from_what_a_server_does() {
        for (errno, shortage) in [
            (Errno::EADDRNOTAVAIL, Some(Shortage::Ports)),
            (Errno::EADDRINUSE, Some(Shortage::Ports)),
            (Errno::EMFILE, Some(Shortage::Files)),
            (Errno::ENFILE, Some(Shortage::Files)),
            (Errno::ENOMEM, Some(Shortage::Memory)),
            (Errno::ENOBUFS, Some(Shortage::Memory)),
            (Errno::EAGAIN, Some(Shortage::Threads)),
            (Errno::EPERM, Some(Shortage::Forbidden)),
            (Errno::EACCES, Some(Shortage::Forbidden)),
            (Errno::ENETDOWN, Some(Shortage::Network)),
            (Errno::EAFNOSUPPORT, Some(Shortage::Network)),
            // These a server or a router can bring about.
            (Errno::ECONNREFUSED, None),
            (Errno::ECONNRESET, None),
            (Errno::ECONNABORTED, None),
            (Errno::EPIPE, None),
            (Errno::ETIMEDOUT, None),
            (Errno::EHOSTUNREACH, None),
            (Errno::ENETUNREACH, None),
        ] {
            assert_eq!(Shortage::of(errno, Some(V4)), shortage, "{errno}");
            let deep = Wrapped(Wrapped(os_error(errno)));
            assert_eq!(Shortage::behind(&deep, Some(V4)), shortage, "{errno}");
        }
        // A router can say so too, of a server that is far or may be.
        for host in [Some(V6), None] {
            assert_eq!(Shortage::of(Errno::EACCES, host), None);
            assert_eq!(Shortage::of(Errno::EPERM, host), Some(Shortage::Forbidden));
        }
    }

    #[test]
    fn a_name_without_an_address_is_a_shortage_unless_there_is_a_deeper_one() {
        let unresolved = |source| Wrapped(Unresolved(source));
        let unknown = unresolved(io::Error::other("Name or service not known"));
        assert_eq!(Shortage::behind(&unknown, None), Some(Shortage::Names));
        let no_files = unresolved(os_error(Errno::EMFILE));
        assert_eq!(Shortage::behind(&no_files, None), Some(Shortage::Files));
        let other = Wrapped(io::Error::other("Name or service not known"));
        assert_eq!(Shortage::behind(&other, None), None);
    }

    #[test]
    fn each_shortage_has_a_cause_and_a_way_out() {
        for shortage in Shortage::ALL {
            assert!(!shortage.cause().is_empty() && !shortage.remedy().ends_with('.'));
        }
    }
}
