//! Keeps a node's port for it while the node is down.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A socket of our own on a node's address, which is bound and never listens.
///
/// While it lives, the kernel gives the port to nobody who asks for a free one,
/// neither to listen nor to call from, and to nobody who asks for this one, unless
/// it shares ports (SO_REUSEPORT) and is the same user, as the node does and is.
/// Nothing connects to a socket that doesn't listen, so that a node that is down
/// refuses connections as it should.
#[derive(Debug)]
pub(crate) struct Reservation {
    _socket: TcpSocket,
}

impl Reservation {
    /// Reserves the port of `address`, on which a node with `--share-port` listens:
    /// there is no moment at which the port is anybody's.
    pub(crate) fn of(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Not SO_REUSEADDR, with which most servers bind: it would let them in.
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        Ok(Reservation { _socket: socket })
    }
}
