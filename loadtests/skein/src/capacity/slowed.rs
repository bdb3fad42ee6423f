//! Starts and slots during which others slowed the machine down: nothing rests on them, and
//! where hardly anything of a start is left, there is another in its place.

use super::record::{Purpose, RoundRecord, SlotRecord};
use crate::slots::OwnCosts;

/// The state of the machine that a start is held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual<'a> {
    /// The share of the machine's time that others may take, in percent.
    pub(super) stolen: f64,
    /// The generator's own costs in the starts that count.
    pub(super) costs: &'a OwnCosts,
}

impl Usual<'_> {
    /// True of a start that says little of the system: the generator's own work took much longer
    /// than usual, or time was stolen in half of the slots that measure, or in any of those that
    /// nothing else can stand in for.
    pub(super) fn is_lost(&self, round: &RoundRecord) -> bool {
        let cost = round.own_cost_micros();
        let wanted = round.slots.iter().filter(|slot| !slot.is_common);
        let (all, taken) = wanted.fold((0, 0), |(all, taken), slot| {
            (all + 1, taken + usize::from(self.is_taken(slot)))
        });
        let too_many = match round.purpose {
            Purpose::Measure => 2 * taken >= all.max(1),
            Purpose::Probe | Purpose::Recover | Purpose::Confirm => taken > 0,
        };
        too_many || cost.is_some_and(|cost| self.costs.show_slow(cost))
    }

    /// Sets those slots of a round aside in which time was stolen.
    pub(super) fn set_slots_aside(&self, round: &mut RoundRecord) {
        if round.purpose == Purpose::Measure {
            for slot in &mut round.slots {
                slot.set_aside = self.is_taken(slot);
            }
        }
    }

    fn is_taken(&self, slot: &SlotRecord) -> bool {
        slot.stolen_percent
            .is_some_and(|stolen| stolen > self.stolen)
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::example;
    use super::*;

    /// A start of four slots, of which these shares of the machine's time were stolen.
    fn start(purpose: Purpose, stolen: [f64; 4]) -> RoundRecord {
        let rounds = example().systems.remove(0).rounds;
        let mut round = rounds.into_iter().next().expect("a round");
        let slot = round.slots.remove(0);
        let slots = stolen.map(|stolen| SlotRecord {
            stolen_percent: Some(stolen),
            is_common: false,
            ..slot.clone()
        });
        RoundRecord {
            purpose,
            slots: slots.to_vec(),
            ..round
        }
    }

    fn quiet(costs: &OwnCosts) -> Usual<'_> {
        Usual { stolen: 5.0, costs }
    }

    #[test]
    fn a_start_is_lost_when_half_of_its_slots_were_taken_and_a_probe_by_one() {
        let costs = OwnCosts::default();
        let usual = quiet(&costs);
        let (one, two) = ([0.0, 9.0, 5.0, 1.0], [0.0, 9.0, 6.0, 1.0]);
        assert!(!usual.is_lost(&start(Purpose::Measure, one)));
        assert!(usual.is_lost(&start(Purpose::Measure, two)));
        assert!(usual.is_lost(&start(Purpose::Confirm, one)));
        assert!(!usual.is_lost(&start(Purpose::Probe, [5.0; 4])));
    }

    #[test]
    fn the_slots_of_a_round_that_were_taken_are_set_aside_and_those_of_others_never() {
        let costs = OwnCosts::default();
        let usual = quiet(&costs);
        let set_aside = |purpose| {
            let mut round = start(purpose, [0.0, 9.0, 5.0, 1.0]);
            usual.set_slots_aside(&mut round);
            round.slots.iter().filter(|slot| slot.set_aside).count()
        };
        assert_eq!(set_aside(Purpose::Measure), 1);
        assert_eq!(set_aside(Purpose::Confirm), 0);
    }
}
