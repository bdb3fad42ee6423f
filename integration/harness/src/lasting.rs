//! Nodes that last: those that take too long to be started afresh for each of several systems
//! that come one after the other. They are started once, and each system has a room of its own
//! in them, such as a virtual host of RabbitMQ.

use std::sync::Arc;

use crate::error::StartError;
use crate::name::NodeName;
use crate::system::{StartOptions, System};
use crate::topology::{Rooms, Topology};

/// The variable by which the commands of [`Rooms`] are told which one is meant.
const ROOM: &str = "ROOM";

/// The nodes of a topology that last, running. They end with the last of its clones, and of the
/// systems that have rooms in them.
#[derive(Clone, Debug, Default)]
pub struct LastingNodes(Option<Arc<System>>);

impl LastingNodes {
    /// Starts those nodes of `topology` that have [`Rooms`] to give, which may be none.
    ///
    /// # Errors
    ///
    /// As for [`System::start`].
    pub async fn start(topology: &Topology, options: StartOptions) -> Result<Self, StartError> {
        let Some(lasting) = topology.lasting() else {
            return Ok(LastingNodes::default());
        };
        let system = System::start(&lasting, options).await?;
        Ok(LastingNodes(Some(Arc::new(system))))
    }

    /// Starts the other nodes of `topology`, as a system with a room in each of these.
    ///
    /// # Errors
    ///
    /// As for [`System::start`], and when there is no room.
    pub async fn start_system(
        &self,
        topology: &Topology,
        options: StartOptions,
    ) -> Result<System, StartError> {
        System::start_among(self.0.as_ref(), topology, options).await
    }
}

/// A system's room in a node that lasts. It is removed, with all that is in it, when this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Room {
    house: Arc<System>,
    node: NodeName,
    rooms: Rooms,
    name: String,
}

impl Room {
    /// A room of this name in each node of the house.
    pub(crate) async fn in_each(house: &Arc<System>, name: &str) -> Result<Vec<Self>, StartError> {
        let mut made = Vec::new();
        for plan in house.topology().nodes() {
            let room = Room {
                house: Arc::clone(house),
                node: plan.name.clone(),
                rooms: plan.rooms.clone().expect("a node that lasts has rooms"),
                name: name.to_owned(),
            };
            // What was begun is removed, too.
            let room = tokio::task::spawn_blocking(move || {
                let done = room
                    .house
                    .ask(&room.node, &room.rooms.make, (ROOM, &room.name));
                done.map(|()| room)
            });
            made.push(room.await.expect("a command doesn't panic")?);
        }
        Ok(made)
    }

    /// The node that it is in.
    pub(crate) fn node(&self) -> &NodeName {
        &self.node
    }

    /// The system that the node is one of.
    pub(crate) fn house(&self) -> &System {
        &self.house
    }

    /// The URL that leads to it: that of the node, and its name as the path.
    pub(crate) fn url(&self) -> String {
        format!(
            "{}/{}",
            self.house.url_as_told(self.node.as_str()),
            self.name
        )
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Of a node that has ended, nothing is left that could be removed.
        let _ = self
            .house
            .ask(&self.node, &self.rooms.remove, (ROOM, &self.name));
    }
}
