//! The laboratory's figures, which thresholds find by their names.

use skein::{Figure, FigureRecord, Reading, Unit};

use crate::record::{GatewayRecord, LaboratoryRecord};
use crate::shape::Shape;

/// Requests between the busiest and the idlest gateway, over the whole run.
const IMBALANCE: Figure = Figure::new(
    "imbalance",
    Unit::Count,
    "requests between the busiest and the idlest gateway, over the whole run",
);
/// Cache hits in percent of lookups, over the judged stages.
const HIT_RATIO: Figure = Figure::new(
    "hit-ratio",
    Unit::Percent,
    "cache hits, of all cache lookups",
)
.labelled("cache hit ratio")
.better_high()
.unless(|plan| {
    let nobody = plan.mix.weight("readers") + plan.mix.weight("writers") == 0;
    match plan.table::<Shape>().caches {
        0 => Some("has no caches"),
        _ => nobody.then_some("has nobody who reads"),
    }
});
/// Requests with a bad token that were let in, over the whole run.
const INTRUDERS_ADMITTED: Figure = Figure::new(
    "intruders-admitted",
    Unit::Count,
    "requests with a bad token that were let in, over the whole run",
)
.unless(|plan| {
    let nobody = plan.mix.weight("intruders") == 0;
    nobody.then_some("has no intruders")
});
/// Accepted tasks that were not done in the end, over the whole run.
const TASKS_LOST: Figure = Figure::new(
    "tasks-lost",
    Unit::Count,
    "accepted tasks that were not done in the end, over the whole run",
)
.unless(|plan| {
    let nobody = plan.mix.weight("task_submitters") == 0;
    nobody.then_some("has nobody who submits tasks")
});

/// Every figure.
pub(crate) const ALL: [Figure; 4] = [IMBALANCE, HIT_RATIO, INTRUDERS_ADMITTED, TASKS_LOST];

/// The readings of all figures in a run.
pub(crate) fn readings(of: &LaboratoryRecord) -> [(&'static Figure, Reading); 4] {
    let (intruders, tasks) = (&of.intruders, &of.tasks);
    let hit_ratio = match &of.caches {
        Some(caches) => caches
            .hit_ratio()
            .map_or(Reading::NoSamples, Reading::Value),
        None => Reading::OutOfSight,
    };
    [
        (&IMBALANCE, imbalance(&of.gateways)),
        (&HIT_RATIO, hit_ratio),
        (
            &INTRUDERS_ADMITTED,
            Reading::among(intruders.admitted, intruders.refused + intruders.admitted),
        ),
        (
            &TASKS_LOST,
            Reading::among(tasks.accepted.saturating_sub(tasks.done), tasks.accepted),
        ),
    ]
}

/// The same as a record keeps them.
pub(crate) fn records(of: &LaboratoryRecord) -> Vec<FigureRecord> {
    let readings = readings(of).into_iter();
    readings
        .map(|(figure, reading)| figure.record(reading))
        .collect()
}

/// Requests between the busiest gateway and the idlest, by the balancer's count or else by
/// their own. From outside, a gateway that served nothing doesn't show, so that answers can't tell.
fn imbalance(gateways: &[GatewayRecord]) -> Reading {
    let shares: Option<Vec<u64>> = gateways.iter().map(GatewayRecord::counted).collect();
    let shares = shares.unwrap_or_default();
    match (shares.iter().max(), shares.iter().min()) {
        // Where nobody served anything, nothing was shared.
        (Some(0), _) => Reading::NoSamples,
        (Some(most), Some(fewest)) => Reading::Value((most - fewest) as f64),
        _ => Reading::OutOfSight,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gateways(attempts: &[Option<u64>]) -> Vec<GatewayRecord> {
        let gateway = |attempts: &Option<u64>| GatewayRecord {
            name: "a gateway".to_owned(),
            answers: 5,
            attempts: *attempts,
            seen: None,
        };
        attempts.iter().map(gateway).collect()
    }

    #[test]
    fn gateways_that_served_nobody_are_not_in_balance() {
        let idle = gateways(&[Some(0), Some(0), Some(0)]);
        assert_eq!(imbalance(&idle), Reading::NoSamples);
    }

    #[test]
    fn from_outside_the_balance_doesnt_show() {
        assert_eq!(imbalance(&gateways(&[None, None])), Reading::OutOfSight);
        assert_eq!(imbalance(&[]), Reading::OutOfSight);
    }

    proptest! {
        #[test]
        fn imbalance_is_the_gap_between_the_busiest_and_the_idlest(
            idlest in 0u64..1000, gap in 1u64..1000,
        ) {
            let shares = gateways(&[Some(idlest + gap), Some(idlest)]);
            prop_assert_eq!(imbalance(&shares), Reading::Value(gap as f64));
        }
    }
}
