//! Active health checks: asks each gateway how it is, again and again.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::Rules;
use super::rotation::{Gateway, Rotation};
use crate::client::{CallError, Client};
use crate::contract::Health;
use crate::identity;
use crate::server::Node;

/// Checks every gateway until the returned tasks are aborted or dropped.
pub(super) fn keep_checking(node: &Node, rotation: &Arc<Rotation>, rules: &Rules) -> JoinSet<()> {
    let client = Client::new();
    let mut tasks = JoinSet::new();
    for gateway in rotation.gateways().iter().cloned() {
        let check = Check {
            client: client.clone(),
            nonce: node.config.nonce.clone(),
            rules: rules.clone(),
        };
        let rotation = Arc::clone(rotation);
        tasks.spawn(async move {
            // A new gateway is trusted, so the first check can wait for its turn.
            let interval = check.rules.health_interval;
            let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Some(passed) = check.passes(&gateway).await {
                    rotation.on_check(&gateway, passed);
                }
                gateway.connections.forget_stale();
            }
        });
    }
    tasks
}

struct Check {
    client: Client,
    nonce: String,
    rules: Rules,
}

impl Check {
    /// The verdict of a check: the gateway, and no stranger on its port, says that it is well; `None` when
    /// this node had no means to ask.
    async fn passes(&self, gateway: &Gateway) -> Option<bool> {
        let (upstream, limit) = (&gateway.upstream, self.rules.health_timeout);
        let answer = self
            .client
            .call(
                upstream,
                Method::GET,
                "/health",
                identity::question(&self.nonce),
                Bytes::new(),
                limit,
            )
            .await;
        if answer.as_ref().is_err_and(CallError::is_shortage) {
            return None;
        }
        Some(answer.is_ok_and(|answer| {
            answer.status() == StatusCode::OK
                && serde_json::from_slice::<Health>(answer.body()).is_ok_and(|health| {
                    health.node == upstream.name
                        && (self.nonce.is_empty()
                            || identity::is_proven(&self.nonce, &health.nonce))
                })
        }))
    }
}
