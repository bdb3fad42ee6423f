//! What one replica more bought: the ratio of the capacities of neighbours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::point::{Point, normal_quantile};

/// A step from one number of replicas to the next that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The number of replicas before.
    pub from: f64,
    /// The number of replicas after.
    pub to: f64,
    /// The capacity after ÷ the capacity before: 1.18 when it bought 18 %.
    pub ratio: f64,
    /// The ends of its interval, when both points have one. Capacities that were measured in
    /// the same rounds have a narrower one: see [`compare`](crate::capacity::compare).
    pub interval: Option<(f64, f64)>,
    /// The ratio of a system that scales linearly.
    pub linear: f64,
}

/// The steps between neighbours, from the fewest replicas to the most.
pub fn neighbours(points: &[Point], confidence: f64) -> Vec<Step> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.replicas.total_cmp(&b.replicas));
    let step = |pair: &[Point]| {
        let (before, after) = (&pair[0], &pair[1]);
        let ratio = after.capacity / before.capacity;
        let deviations = before
            .log_deviation(confidence)
            .zip(after.log_deviation(confidence));
        let interval = deviations.map(|(before, after)| {
            let half = normal_quantile(f64::midpoint(1.0, confidence)) * before.hypot(after);
            (ratio * (-half).exp(), ratio * half.exp())
        });
        Step {
            from: before.replicas,
            to: after.replicas,
            ratio,
            interval,
            linear: after.replicas / before.replicas,
        }
    };
    points.windows(2).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_as_uncertain_as_both_of_its_ends() {
        let point = |replicas, capacity: f64, half: f64| Point {
            replicas,
            capacity,
            interval: Some((capacity * (-half).exp(), capacity * half.exp())),
        };
        let steps = neighbours(&[point(2.0, 190.0, 0.04), point(1.0, 100.0, 0.03)], 0.95);
        let [step] = steps.as_slice() else {
            panic!("{steps:?}")
        };
        assert_eq!((step.from, step.to, step.linear), (1.0, 2.0, 2.0));
        assert!((step.ratio - 1.9).abs() < 1e-12);
        let (low, high) = step.interval.expect("both have one");
        assert!(((high / low).ln() / 2.0 - 0.05).abs() < 1e-9);
        let bare = |replicas, capacity| Point {
            interval: None,
            ..point(replicas, capacity, 0.1)
        };
        let unknown = neighbours(&[bare(1.0, 1.0), point(2.0, 2.0, 0.1)], 0.95);
        assert_eq!(unknown[0].interval, None);
        assert_eq!(neighbours(&[bare(1.0, 1.0)], 0.95), []);
    }
}
