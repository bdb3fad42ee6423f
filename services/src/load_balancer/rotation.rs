//! The order of turns: strict round robin over the gateways in rotation.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tracing::{info, warn};

use super::connections::Connections;
use super::standing::Standing;
use super::{Config, Rules};
use crate::client::Upstream;
use crate::metrics::Metrics;

/// The most gateways that one balancer serves: as many as [`TriedSet`] has bits.
pub(super) const MOST_GATEWAYS: usize = 64;

/// The gateways and whose turn it is.
#[derive(Debug)]
pub(super) struct Rotation {
    gateways: Vec<Arc<Gateway>>,
    /// One for each gateway, under one lock, so that "the last one in rotation"
    /// has a meaning.
    standings: Mutex<Vec<Standing>>,
    /// The members that follow from the standings. Replaced whole, so that a pick needs no lock.
    members: ArcSwap<Members>,
    /// Counts the turns. Every turn belongs to one request, also when many
    /// requests come at once, and that is what makes the shares exact.
    turns: AtomicUsize,
    rules: Rules,
}

#[derive(Debug)]
struct Members {
    /// The indices of the gateways in rotation.
    in_rotation: Vec<usize>,
    /// True when a pick must look for a probation that is due.
    any_ejected: bool,
}

/// One gateway as the balancer knows it.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) upstream: Upstream,
    pub(super) connections: Arc<Connections>,
    pub(super) requests: Counter,
    ejections: Counter,
    healthy: Gauge,
    index: usize,
}

/// The gateways that a request has been tried on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TriedSet(u64);

impl TriedSet {
    fn contains(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }

    fn insert(&mut self, index: usize) {
        self.0 |= 1 << index;
    }
}

/// The label by which a gateway's metrics are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct UpstreamLabel {
    upstream: String,
}

impl Rotation {
    pub(super) fn new(config: &Config, metrics: &Metrics) -> Self {
        let requests = metrics.counters::<UpstreamLabel>(
            "upstream_requests",
            "Requests given to a gateway, each retry counted again.",
        );
        let ejections = metrics.counters::<UpstreamLabel>(
            "upstream_ejections",
            "Times that failed requests took a gateway out of rotation.",
        );
        let healthy = metrics.register(
            "upstream_healthy",
            "1 while a gateway is in rotation, 0 otherwise.",
            Family::<UpstreamLabel, Gauge>::default(),
        );
        let gateway = |(index, upstream): (usize, &Upstream)| {
            let label = UpstreamLabel {
                upstream: upstream.name.to_string(),
            };
            let gateway = Gateway {
                upstream: upstream.clone(),
                connections: Arc::new(Connections::new(upstream.authority.clone(), &config.limits)),
                requests: requests.get_or_create_owned(&label),
                ejections: ejections.get_or_create_owned(&label),
                healthy: healthy.get_or_create_owned(&label),
                index,
            };
            gateway.healthy.set(1);
            Arc::new(gateway)
        };
        let standings = vec![Standing::new(); config.gateways.len()];
        Rotation {
            gateways: config.gateways.iter().enumerate().map(gateway).collect(),
            members: ArcSwap::from_pointee(Members::of(&standings)),
            standings: Mutex::new(standings),
            turns: AtomicUsize::new(0),
            rules: config.rules.clone(),
        }
    }

    /// Every gateway, in the order given.
    pub(super) fn gateways(&self) -> &[Arc<Gateway>] {
        &self.gateways
    }

    /// The next gateway for a request that has been tried on those in `tried`, or
    /// `None` when no other is in rotation. Adds the choice to `tried`.
    pub(super) fn pick(self: &Arc<Self>, tried: &mut TriedSet) -> Option<Turn> {
        let turn = self
            .due_probation(*tried)
            .or_else(|| self.next_in_turn(*tried))?;
        tried.insert(turn.gateway.index);
        turn.gateway.requests.inc();
        Some(turn)
    }

    fn next_in_turn(self: &Arc<Self>, tried: TriedSet) -> Option<Turn> {
        let in_rotation = &self.members.load().in_rotation;
        let candidates = in_rotation.len();
        (0..candidates)
            .map(|_| in_rotation[self.turns.fetch_add(1, Ordering::Relaxed) % candidates])
            .find(|index| !tried.contains(*index))
            .map(|index| self.turn(index, false))
    }

    fn due_probation(self: &Arc<Self>, tried: TriedSet) -> Option<Turn> {
        if !self.members.load().any_ejected {
            return None;
        }
        let now = Instant::now();
        let mut standings = self.standings();
        (0..standings.len())
            .filter(|index| !tried.contains(*index))
            .find(|index| standings[*index].begin_probation(now))
            .map(|index| self.turn(index, true))
    }

    fn turn(self: &Arc<Self>, index: usize, on_probation: bool) -> Turn {
        let gateway = Arc::clone(&self.gateways[index]);
        Turn {
            probation: on_probation.then(|| Arc::clone(self)),
            gateway,
        }
    }

    /// A health check of `gateway` passed or failed.
    pub(super) fn on_check(&self, gateway: &Gateway, passed: bool) {
        self.change(gateway, |standing, _| {
            standing.on_check(passed, &self.rules);
        });
    }

    /// A request to `gateway` was answered.
    pub(super) fn on_success(&self, gateway: &Gateway) {
        self.change(gateway, |standing, _| standing.on_success());
    }

    /// A request to `gateway` failed for a reason that the gateway answers for.
    pub(super) fn on_failure(&self, gateway: &Gateway) {
        self.change(gateway, |standing, is_last| {
            standing.on_failure(Instant::now(), is_last, &self.rules);
        });
    }

    /// Changes the standing of `gateway`, and the members if that makes a difference.
    /// `change` is told whether the gateway is the last one in rotation.
    fn change(&self, gateway: &Gateway, change: impl FnOnce(&mut Standing, bool)) {
        let mut standings = self.standings();
        let standing = &mut standings[gateway.index];
        let (was_in, was_ejected) = (standing.in_rotation(), standing.is_ejected());
        change(standing, self.members.load().in_rotation == [gateway.index]);
        let (is_in, is_ejected) = (standing.in_rotation(), standing.is_ejected());
        if (was_in, was_ejected) == (is_in, is_ejected) {
            return;
        }
        self.members.store(Arc::new(Members::of(&standings)));
        drop(standings);

        gateway.healthy.set(i64::from(is_in));
        if is_ejected && !was_ejected {
            gateway.ejections.inc();
        }
        let upstream = &gateway.upstream.name;
        match (was_in, is_in) {
            (true, false) => warn!(%upstream, is_ejected, "left the rotation"),
            (false, true) => info!(%upstream, "returned to the rotation"),
            _ => {}
        }
    }

    fn standings(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn of(standings: &[Standing]) -> Self {
        Members {
            in_rotation: (0..standings.len())
                .filter(|i| standings[*i].in_rotation())
                .collect(),
            any_ejected: standings.iter().any(Standing::is_ejected),
        }
    }
}

/// A request's turn with a gateway. A probation request that ends without success
/// or failure, because its client went away, leaves the probation to the next one.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) gateway: Arc<Gateway>,
    probation: Option<Arc<Rotation>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(rotation) = self.probation.take() {
            let abandon = |standing: &mut Standing, _| standing.abandon_probation(Instant::now());
            rotation.change(&self.gateway, abandon);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};
    use proptest::prelude::*;

    use super::*;

    fn rotation(gateways: usize) -> Arc<Rotation> {
        let list = (1..=gateways)
            .map(|n| format!("api-gateway-{n}=http://127.0.0.1:{n}"))
            .collect::<Vec<_>>()
            .join(",");
        let command = Config::augment_args(clap::Command::new("load-balancer"));
        let matches = command.get_matches_from([
            "load-balancer",
            "--name",
            "load-balancer",
            "--gateway",
            &list,
            "--ejection-time",
            "0s",
        ]);
        let config = Config::from_arg_matches(&matches).expect("well-formed");
        Arc::new(Rotation::new(&config, &Metrics::default()))
    }

    fn pick(rotation: &Arc<Rotation>) -> Option<usize> {
        rotation
            .pick(&mut TriedSet::default())
            .map(|turn| turn.gateway.index)
    }

    fn shares(rotation: &Rotation) -> Vec<u64> {
        rotation
            .gateways
            .iter()
            .map(|gateway| gateway.requests.get())
            .collect()
    }

    proptest! {
        #[test]
        fn shares_differ_by_at_most_one_however_many_threads_pick(
            gateways in 1_usize..=7, threads in 1_usize..=4, each in 1_usize..=200,
        ) {
            let rotation = rotation(gateways);
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| (0..each).for_each(|_| assert!(pick(&rotation).is_some())));
                }
            });
            let shares = shares(&rotation);
            let (least, most) = (shares.iter().min(), shares.iter().max());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{shares:?}");
            prop_assert_eq!(shares.iter().sum::<u64>(), (threads * each) as u64);
        }

        #[test]
        fn a_request_meets_each_gateway_at_most_once(gateways in 1_usize..=7, skipped in 0_usize..10) {
            let rotation = rotation(gateways);
            (0..skipped).for_each(|_| assert!(pick(&rotation).is_some()));
            let mut tried = TriedSet::default();
            let mut met: Vec<usize> =
                std::iter::from_fn(|| rotation.pick(&mut tried)).map(|turn| turn.gateway.index).collect();
            met.sort_unstable();
            prop_assert_eq!(met, (0..gateways).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_gateway_that_fails_leaves_and_returns_through_probation() {
        let rotation = rotation(3);
        let failing = Arc::clone(&rotation.gateways[1]);
        (0..3).for_each(|_| rotation.on_failure(&failing));
        assert_eq!(rotation.members.load().in_rotation, [0, 2]);
        assert_eq!(failing.ejections.get(), 1);

        let abandoned = rotation
            .pick(&mut TriedSet::default())
            .expect("somebody is there");
        assert_eq!(
            abandoned.gateway.index, 1,
            "the probation is due at once here"
        );
        assert_ne!(pick(&rotation), Some(1), "one probation at a time");
        drop(abandoned);

        let probation = rotation
            .pick(&mut TriedSet::default())
            .expect("somebody is there");
        assert_eq!(
            probation.gateway.index, 1,
            "an abandoned probation is repeated"
        );
        rotation.on_success(&probation.gateway);
        drop(probation);
        assert_eq!(rotation.members.load().in_rotation, [0, 1, 2]);
    }

    #[test]
    fn checks_can_empty_the_rotation_but_requests_leave_the_last_gateway_in() {
        let rotation = rotation(2);
        for gateway in rotation.gateways() {
            (0..10).for_each(|_| rotation.on_failure(gateway));
        }
        assert_eq!(rotation.members.load().in_rotation, [1]);
        for gateway in rotation.gateways() {
            (0..3).for_each(|_| rotation.on_check(gateway, false));
        }
        assert_eq!(pick(&rotation), None);
    }
}
