//! A node that runs once, such as a migration: it is waited for until it has ended.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Node;
use crate::error::StartError;
use crate::host::NO_PROGRAM;

impl Node {
    /// Waits for the node's end, which has to be a success.
    pub(super) async fn is_done(&self) -> Result<(), StartError> {
        let began = Instant::now();
        let Some(status) = self.end(self.plan.within).await else {
            return Err(self.late("it runs"));
        };
        // Nobody told it to end, and nobody minds: it is no node that was lost.
        self.life().process = None;
        if status.success() {
            let mut done = self
                .done_after
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *done = Some(began.elapsed());
            return Ok(());
        }
        Err(match status.code() {
            Some(code) if code == i32::from(NO_PROGRAM) => self.exited(status),
            _ => StartError::NotDone {
                node: self.name(),
                status,
                log: self.log(),
            },
        })
    }

    /// The time that it took to its end, once it is done.
    pub(crate) fn done_after(&self) -> Option<Duration> {
        *self
            .done_after
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
