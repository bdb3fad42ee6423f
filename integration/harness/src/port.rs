//! Ports that belong to a node, also before it listens and while it is down.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpSocket;

/// A socket of our own on a node's address, which is bound and never listens.
///
/// While it lives, the kernel gives the port to nobody who asks for a free one,
/// neither to listen nor to call from. Nothing connects to a socket that doesn't listen,
/// so that a node that is down refuses connections as it should.
#[derive(Debug)]
pub(crate) struct Reservation {
    socket: TcpSocket,
}

impl Reservation {
    /// Reserves the port of `address`, on which a node listens that shares its port: there
    /// is no moment at which the port is anybody's. It is kept from whoever asks for just
    /// this port, too, unless he shares ports (SO_REUSEPORT) and is the same user, as the
    /// node does and is.
    pub(crate) fn of(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Not SO_REUSEADDR, with which most servers bind: it would let them in.
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        Ok(Reservation { socket })
    }

    /// Reserves a port for a program that is told where to listen. Most servers bind with
    /// SO_REUSEADDR, which lets them in beside a socket that has it too and doesn't listen
    /// (socket(7)); the kernel gives the port to nobody else who asks for any free one.
    pub(crate) fn of_a_free_port(ip: IpAddr) -> io::Result<Self> {
        let socket = match ip {
            IpAddr::V4(_) => TcpSocket::new_v4()?,
            IpAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind((ip, 0).into())?;
        Ok(Reservation { socket })
    }

    /// The address that is reserved.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
