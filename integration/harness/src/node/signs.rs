//! The signs by which a node that was started shows that it is ready, and who it is.

use std::io;
use std::process::ChildStdout;
use std::time::Duration;

use tokio::time::sleep;

use super::Node;
use super::place::Place;
use crate::error::StartError;
use crate::launcher::Launch;
use crate::listener;
use crate::process::Process;
use crate::ready;
use crate::topology::Ready;

/// The time between two looks for the sign that a node is ready.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Node {
    /// Waits until the node says where it listens, and makes sure that it is it.
    pub(super) async fn announces_itself(
        &self,
        launch: &Launch<'_>,
        output: ChildStdout,
    ) -> Result<(), StartError> {
        let Some(address) = ready::announced(launch, output).await? else {
            return Err(self.ended_early().await);
        };
        ready::identified(launch, address).await?;
        if self.place.get().is_none() {
            let _ = self.place.set(Place::of_a_listener(&self.plan, address)?);
        }
        Ok(())
    }

    /// Looks again and again for the node's sign, and then whether it is the node that
    /// gives it. Ends at once when the process does, and says in the end what it saw last.
    pub(super) async fn shows_its_sign(
        &self,
        launch: &Launch<'_>,
        logged_before: u64,
    ) -> Result<(), StartError> {
        let deadline = tokio::time::Instant::now() + self.plan.within;
        let written = || ready::written_since(&self.log, logged_before);
        let mut last = "nothing".to_owned();
        loop {
            if let Some(status) = self.life().process.as_mut().and_then(Process::ended) {
                return Err(self.exited(status));
            }
            // A command may give the sign before there is anything that could be told to stop.
            let executes = Process::executes_its_program;
            let executes = self.life().process.as_ref().is_some_and(executes);
            let look = async {
                match executes {
                    true => ready::shows_its_sign(launch, &written).await,
                    false => Err("its program is not executed yet".to_owned()),
                }
            };
            match tokio::time::timeout_at(deadline, look).await {
                Ok(Ok(())) => match self.is_the_listener(launch)? {
                    true => return Ok(()),
                    false => {
                        "its sign comes from a process that is not its own".clone_into(&mut last);
                    }
                },
                Ok(Err(seen)) => last = seen,
                Err(_) => return Err(self.late(&last)),
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(self.late(&last));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// True when it is the node that listens on its address. A node that is ready by other
    /// signs than an answer need not listen at all.
    fn is_the_listener(&self, launch: &Launch<'_>) -> Result<bool, StartError> {
        if !matches!(launch.plan.ready, Ready::Tcp | Ready::Http(_)) {
            return Ok(true);
        }
        let Some(group) = self.life().running().and_then(|process| process.first()) else {
            // That it has ended is noticed at the next look.
            return Ok(false);
        };
        if self.seat.network.is_some() {
            // An address of its own is the container's alone.
            return Ok(true);
        }
        listener::belongs_to(launch.listen, group).map_err(|error| StartError::Unseen {
            node: self.name(),
            address: launch.listen,
            source: io::Error::other(error.to_string()),
        })
    }

    /// The output has ended without an announcement, so the process is about to.
    async fn ended_early(&self) -> StartError {
        match self.end(self.plan.within).await {
            Some(status) => self.exited(status),
            None => self.late("it closed its output without a word"),
        }
    }
}
