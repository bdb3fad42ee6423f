//! The seat of a node: the address at which it listens, on loopback or on a network that it
//! shares with containers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::container::Network;
use crate::error::StartError;
use crate::topology::{NodePlan, Topology};

/// The address that a node listens at, and the network that its container is on.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) ip: IpAddr,
    /// None for a node that is on the network of this machine.
    pub(crate) network: Option<Arc<Network>>,
}

impl Seat {
    /// A seat for each node of a topology, and the network that some of them are on.
    ///
    /// # Errors
    ///
    /// When no network can be made, or a container would not reach whom it calls.
    pub(crate) async fn for_each(
        topology: &Topology,
        nonce: &str,
    ) -> Result<Vec<Self>, StartError> {
        let nodes = topology.nodes();
        let Some(first) = nodes.iter().find(|node| node.has_its_own_address()) else {
            return Ok(nodes.iter().map(|_| Seat::on_loopback()).collect());
        };
        let nonce = nonce.to_owned();
        let made = tokio::task::spawn_blocking(move || Network::of_the_system(&nonce));
        let network = made.await.expect("docker doesn't panic");
        let network = network.map_err(|error| StartError::NoNetwork {
            node: first.name.clone(),
            reason: error.to_string(),
        })?;
        let network = Arc::new(network);
        let mut addresses = (0..).map(|number| network.address(number));
        let seats = nodes.iter().map(|node| match node.has_its_own_address() {
            true => Seat {
                ip: addresses.next().expect("there are many").into(),
                network: Some(Arc::clone(&network)),
            },
            // Nobody else sees that address: it is of this machine and its containers alone.
            false if is_called_from_there(node, topology) => Seat {
                ip: network.gateway().into(),
                network: None,
            },
            false => Seat::on_loopback(),
        });
        Ok(seats.collect())
    }

    fn on_loopback() -> Self {
        Seat {
            ip: Ipv4Addr::LOCALHOST.into(),
            network: None,
        }
    }
}

/// True when a container with an address of its own calls the node.
fn is_called_from_there(node: &NodePlan, topology: &Topology) -> bool {
    let mut callers = topology.nodes().iter();
    callers.any(|caller| caller.has_its_own_address() && caller.calls.contains(&node.name))
}
