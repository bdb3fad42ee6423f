//! The place of a node: where it listens, for as long as its system lives.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use super::Seat;
use crate::elsewhere;
use crate::error::StartError;
use crate::port::Reservation;
use crate::topology::{NodePlan, Ready, Run};

/// The port of a container that has an address of its own and is told where to listen.
const PORT: u16 = 8000;

/// An address that is the node's alone.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    _reservation: Option<Reservation>,
}

/// Ports of a node beside the one that it listens on, by their names.
#[derive(Debug)]
pub(super) struct FurtherPorts(BTreeMap<String, Reservation>);

impl Place {
    /// The place of a node that is told where to listen, or is elsewhere; one that announces
    /// its place has none before it is ready.
    pub(super) async fn before_the_start(
        plan: &NodePlan,
        seat: &Seat,
    ) -> Result<Option<Self>, StartError> {
        if let Run::Elsewhere(url) = &plan.run {
            let address = elsewhere::address(url).await;
            let address = address.map_err(|reason| StartError::NoSuchPlace {
                node: plan.name.clone(),
                reason,
            })?;
            return Ok(Some(Place::unreserved(address)));
        }
        if plan.ready == Ready::Announced {
            return Ok(None);
        }
        if seat.network.is_some() {
            // There, nobody else has any port.
            let port = if plan.port == 0 { PORT } else { plan.port };
            return Ok(Some(Place::unreserved((seat.ip, port).into())));
        }
        let fixed = SocketAddr::from((seat.ip, plan.port));
        let place = match plan.port {
            0 => Place::on_a_free_port(seat.ip),
            // Whoever listens there now would be taken for the node, or keep it out.
            _ => TcpListener::bind(fixed).map(|_| Place::unreserved(fixed)),
        };
        let place = place.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken {
                node: plan.name.clone(),
                address: fixed,
            },
            _ => unreserved(plan, fixed, source),
        })?;
        Ok(Some(place))
    }

    /// The place of a node that listens there and has announced it. A node on a free port
    /// keeps it; two systems on one fixed port must notice.
    pub(super) fn of_a_listener(plan: &NodePlan, address: SocketAddr) -> Result<Self, StartError> {
        let shares_port = plan.port == 0;
        let reservation = shares_port.then(|| Reservation::of(address)).transpose();
        Ok(Place {
            address,
            _reservation: reservation.map_err(|source| unreserved(plan, address, source))?,
        })
    }

    fn on_a_free_port(ip: IpAddr) -> io::Result<Self> {
        let reservation = Reservation::of_a_free_port(ip)?;
        Ok(Place {
            address: reservation.address()?,
            _reservation: Some(reservation),
        })
    }

    fn unreserved(address: SocketAddr) -> Self {
        Place {
            address,
            _reservation: None,
        }
    }
}

impl FurtherPorts {
    /// A free port for each name that the plan's texts have.
    pub(super) fn of(plan: &NodePlan) -> Result<Self, StartError> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let names = plan.further_ports().into_iter();
        let reserved =
            names.map(|name| Ok((name.to_owned(), Reservation::of_a_free_port(any.ip())?)));
        let reserved: io::Result<_> = reserved.collect();
        reserved
            .map(FurtherPorts)
            .map_err(|source| unreserved(plan, any, source))
    }

    /// The number of the port of this name.
    pub(super) fn number(&self, name: &str) -> u16 {
        let address = self.0[name].address();
        address.expect("it was reserved for its address").port()
    }
}

fn unreserved(plan: &NodePlan, address: SocketAddr, source: io::Error) -> StartError {
    StartError::Reservation {
        node: plan.name.clone(),
        address,
        source,
    }
}
