//! The moments of a plan's open loads, one after the other, however many go on side by side.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::arrivals::Arrivals;
use crate::plan::{LoadIndex, Schedule};

/// A moment at which something is to be done for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    /// When, from the beginning of all load.
    pub(super) after: Duration,
    /// The thing that is to be done.
    pub(super) what: What,
    /// The load.
    pub(super) load: LoadIndex,
}

/// A thing that is to be done for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// An arrival is due.
    Due,
    /// The load is over.
    Over,
}

/// The moments of all open loads, in order. Arrivals are those that the seed plans.
pub(super) fn timetable(schedule: &Schedule, seed: u64) -> impl Iterator<Item = Moment> {
    let loads = schedule.loads().iter().enumerate();
    let open = loads.filter_map(|(load, of)| {
        let open = of.open?;
        let arrivals = open.curve.arrivals(open.spacing, seed, load as u64);
        Some(OfLoad {
            load,
            begins: of.begins,
            ends: Some(of.ends),
            arrivals,
        })
    });
    let mut open: Vec<OfLoad> = open.collect();
    let mut next: BinaryHeap<Reverse<(Moment, usize)>> = BinaryHeap::new();
    for (place, of) in open.iter_mut().enumerate() {
        next.extend(of.take().map(|moment| Reverse((moment, place))));
    }
    std::iter::from_fn(move || {
        let Reverse((moment, place)) = next.pop()?;
        next.extend(open[place].take().map(|moment| Reverse((moment, place))));
        Some(moment)
    })
}

/// The moments of one load that are still to come.
struct OfLoad {
    load: LoadIndex,
    begins: Duration,
    ends: Option<Duration>,
    arrivals: Arrivals,
}

impl OfLoad {
    fn take(&mut self) -> Option<Moment> {
        let due = self
            .arrivals
            .next()
            .map(|due| (self.begins + due, What::Due));
        let (after, what) = due.or_else(|| Some((self.ends.take()?, What::Over)))?;
        let load = self.load;
        Some(Moment { after, what, load })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    proptest! {
        #[test]
        fn loads_side_by_side_keep_their_own_arrivals_in_one_order_of_time(
            begins in 0u64..5_000, lasts in 100u64..5_000, rate in 1u32..200, seed: u64,
        ) {
            let source = format!(
                r#"
name = "side-by-side"
thresholds = []
[[stage]]
name = "steady"
duration = "10s"
scenario.browsers = {{ rate = "50/s", arrivals = "poisson" }}
scenario.buyers = {{ rate = "{rate}/s", begins = "{begins}ms", duration = "{lasts}ms" }}
[[stage]]
name = "after"
duration = "1s"
scenario.browsers = {{ rate = "10/s" }}
"#
            );
            let schedule = testing::parse(&source).schedule();
            let moments: Vec<Moment> = timetable(&schedule, seed).collect();
            prop_assert!(moments.is_sorted_by_key(|moment| moment.after));
            for (load, of) in schedule.loads().iter().enumerate() {
                let open = of.open.expect("open load");
                let alone: Vec<_> = open.curve.arrivals(open.spacing, seed, load as u64).collect();
                let own = moments.iter().filter(|moment| moment.load == load);
                let due: Vec<_> = own.clone().filter(|moment| moment.what == What::Due)
                    .map(|moment| moment.after - of.begins).collect();
                prop_assert_eq!(due, alone);
                let mut own = own;
                let last = own.next_back().expect("its end");
                prop_assert_eq!((last.what, last.after), (What::Over, of.ends));
            }
        }
    }
}
