//! A node that runs elsewhere: nobody starts it, and it is waited for and looked at instead.

use std::time::Duration;

use super::Node;
use crate::demands;
use crate::error::StartError;
use crate::ready;
use crate::topology::Run;
use crate::wait::wait_for;

/// The time that it is given to answer.
const REACHED_WITHIN: Duration = Duration::from_secs(5);

impl Node {
    /// Waits until a server that runs elsewhere answers.
    pub(super) async fn is_reached(&self) -> Result<(), StartError> {
        let address = self.listens();
        let look = async || ready::answers(&self.plan, address).await;
        let reached = wait_for("an answer", REACHED_WITHIN.min(self.plan.within), look).await;
        reached.map_err(|overdue| StartError::OutOfReach {
            node: self.name(),
            address,
            last: overdue.last,
        })
    }

    /// The check that a server elsewhere is as the system must find it, done the first time.
    pub(super) async fn fulfils_demands(&self) -> Result<(), StartError> {
        if let (Run::Elsewhere(url), Some(demands)) = (&self.plan.run, &self.plan.demands)
            && self.fulfilled.set(()).is_ok()
        {
            let fulfilled = demands::fulfilled(url, demands).await;
            return fulfilled.map_err(|reason| StartError::Unfit {
                node: self.name(),
                reason,
            });
        }
        Ok(())
    }
}
