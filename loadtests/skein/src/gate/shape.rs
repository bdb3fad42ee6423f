//! The shape of a round and its random choices: who starts first, who has which
//! core, whose turn it is when. All of it follows from the round's seed.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::record::Side;
use crate::slots::dealt_out;

/// The shape of every round of a gate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// Users of closed load.
    pub(super) users: usize,
    /// Users that open load may need, the same ones included.
    pub(super) open_users: usize,
    /// The length of a slot, with what is dropped.
    pub(super) slot: Duration,
    /// The part that is dropped at the beginning of each slot: until the system is as busy as
    /// it will be.
    pub(super) dropped: Duration,
    /// Quads of closed load in a round.
    pub(super) closed_quads: usize,
    /// Quads of open load in a round.
    pub(super) open_quads: usize,
    /// Closed load on each side before anything counts, so that caches are warm.
    pub(super) warm_up: Duration,
    /// True when nodes and generator have cores of their own, where there are two or more.
    pub(super) apart: bool,
}

/// Everything that is drawn for one round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RoundPlan {
    /// The seed of the round; both sides' users have it too.
    pub(super) seed: u64,
    /// The side that is started first.
    pub(super) first: Side,
    /// Cores of the nodes, of either side.
    pub(super) node_cores: Vec<usize>,
    /// Cores of the generator.
    pub(super) generator_cores: Vec<usize>,
    /// The quads in order.
    pub(super) quads: Vec<Quad>,
}

/// Four slots, two on each side, in an order that a drift in a line can't favour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quad {
    /// The kind of load.
    pub(super) load: LoadKind,
    /// The side whose turn it is: ABBA or BAAB.
    pub(super) turns: [Side; 4],
}

/// The two kinds of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadKind {
    /// At saturation: for throughput and CPU time.
    Closed,
    /// At a rate well below: for response times.
    Open,
}

impl Shape {
    /// The time that a round takes, roughly, with starts and stops.
    pub(super) fn round(&self) -> Duration {
        let slots = 4 * (self.closed_quads + self.open_quads) as u32;
        OVERHEAD + 2 * self.warm_up + slots * (self.slot + BETWEEN_SLOTS)
    }
}

/// The time that starting and stopping two systems takes on two cores.
const OVERHEAD: Duration = Duration::from_millis(200);
/// The time that passes between two slots, while the last turns are finished.
const BETWEEN_SLOTS: Duration = Duration::from_millis(8);

impl RoundPlan {
    /// Draws a round on these `cores`.
    pub(super) fn draw(shape: &Shape, cores: &[usize], seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (node_cores, generator_cores) = dealt_out(cores, shape.apart, &mut rng);
        let mut loads = vec![LoadKind::Closed; shape.closed_quads];
        loads.resize(shape.closed_quads + shape.open_quads, LoadKind::Open);
        loads.shuffle(&mut rng);
        let quads = loads.into_iter().map(|load| {
            let (a, b) = either(&mut rng);
            let turns = [a, b, b, a];
            Quad { load, turns }
        });
        RoundPlan {
            seed,
            quads: quads.collect(),
            first: either(&mut rng).0,
            node_cores,
            generator_cores,
        }
    }
}

fn either(rng: &mut Xoshiro256PlusPlus) -> (Side, Side) {
    let first = Side::BOTH[usize::from(rng.random::<bool>())];
    (first, first.other())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(apart: bool) -> Shape {
        Shape {
            users: 4,
            open_users: 8,
            slot: Duration::from_millis(100),
            dropped: Duration::from_millis(25),
            closed_quads: 5,
            open_quads: 3,
            warm_up: Duration::from_millis(300),
            apart,
        }
    }

    proptest! {
        #[test]
        fn each_quad_gives_both_sides_the_same_place_on_average(seed: u64) {
            let plan = RoundPlan::draw(&shape(true), &[0, 1], seed);
            prop_assert_eq!(plan.quads.len(), 8);
            for quad in plan.quads {
                let place = |side| -> usize {
                    (0..4).filter(|slot| quad.turns[*slot] == side).sum()
                };
                prop_assert_eq!(place(Side::Baseline), place(Side::Candidate));
            }
        }

        #[test]
        fn nobody_shares_a_core_when_there_are_enough(
            seed: u64, cores in prop::collection::btree_set(0usize..64, 2..9)
        ) {
            let cores: Vec<usize> = cores.into_iter().collect();
            let plan = RoundPlan::draw(&shape(true), &cores, seed);
            let mut all = [plan.node_cores.clone(), plan.generator_cores.clone()].concat();
            prop_assert!(!plan.node_cores.is_empty() && !plan.generator_cores.is_empty());
            all.sort_unstable();
            prop_assert_eq!(all, cores);
        }
    }

    #[test]
    fn a_seed_draws_the_same_round_again_and_another_draws_another() {
        let draw = |seed| RoundPlan::draw(&shape(true), &[0, 1], seed);
        assert_eq!(draw(7), draw(7));
        assert!((0..20).any(|seed| draw(seed).first != draw(7).first));
        assert!((0..20).any(|seed| draw(seed).node_cores != draw(7).node_cores));
        let shared = RoundPlan::draw(&shape(false), &[0, 1], 7);
        assert_eq!(shared.node_cores, shared.generator_cores);
    }
}
