//! Many searches on one server, counted.

use super::Truth;
use crate::capacity::Held;
use crate::capacity::finding::Finished;
use crate::trial::Proportion;

/// Half the width of an interval that is narrow, in proportion to the capacity.
const NARROW: f64 = 0.03;

/// Many searches on one server, held against its true capacity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Searches that found a capacity, of all.
    pub found: Proportion,
    /// Searches whose interval holds the truth, of those that found one.
    pub covered: Proportion,
    /// The same for the capacity of a typical start.
    pub typical_covered: Proportion,
    /// Searches whose interval is within 3 % of the capacity on both sides.
    pub narrow: Proportion,
    /// Searches that called the system bistable, of all.
    pub bistable: Proportion,
    /// Searches whose confirmation contradicts the rounds, of those that have one.
    pub contradicted: Proportion,
    /// The logarithms of found ÷ true.
    pub errors: Vec<f64>,
    /// Half the widths of the intervals.
    pub half_widths: Vec<f64>,
}

impl Tally {
    /// `searches` on a server of this `truth`.
    pub fn of(searches: &[Finished], truth: Truth) -> Self {
        let mut tally = Tally::default();
        for search in searches {
            tally.bistable.count(search.bistable.is_some());
            if let Some(confirmation) = &search.confirmation {
                let contradicts = confirmation.held == Held::Contradicts;
                tally.contradicted.count(contradicts);
            }
            let estimate = search.capacity.estimate();
            tally.found.count(estimate.is_some());
            let Some(estimate) = estimate else { continue };
            let holds = |low: f64, high: f64, truth: f64| low <= truth && truth <= high;
            let covered = holds(estimate.low, estimate.high, truth.capacity);
            tally.covered.count(covered);
            tally.narrow.count(estimate.half_width() <= NARROW);
            tally.errors.push((estimate.rate / truth.capacity).ln());
            tally.half_widths.push(estimate.half_width());
            if let Some(typical) = search.clauses[0].typical {
                let covered = holds(typical.low, typical.high, truth.typical);
                tally.typical_covered.count(covered);
            }
        }
        tally
    }

    /// The mean error, as a share of the capacity: below 0 when capacities are found too low.
    pub fn bias(&self) -> f64 {
        self.errors.iter().sum::<f64>() / self.errors.len() as f64
    }

    /// The standard deviation of the errors.
    pub fn deviation(&self) -> f64 {
        let bias = self.bias();
        let squares: f64 = self.errors.iter().map(|error| (error - bias).powi(2)).sum();
        (squares / self.errors.len() as f64).sqrt()
    }

    /// The median of half the widths of intervals.
    pub fn half_width(&self) -> f64 {
        let mut widths = self.half_widths.clone();
        widths.sort_by(f64::total_cmp);
        widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN)
    }
}
