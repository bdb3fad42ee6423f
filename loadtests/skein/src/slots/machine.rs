//! Doubts about the machine while rounds were played on it, by what became of its time.

use crate::doubt::Doubt;
use crate::evidence::{Limits, MachineUse, whole};
use crate::gate::metrics::median;

/// The share of the machine that others may use, in percent, before it is remarked on.
const OTHERS: f64 = 10.0;

/// The doubt that other virtual machines took too much of its time, by the percent of it that
/// they took again and again.
pub(crate) fn stolen_from(stolen: impl Iterator<Item = f64>, limits: &Limits) -> Option<Doubt> {
    let stolen = mean(stolen)?;
    let per_mille = whole(stolen * 10.0);
    (stolen > limits.stolen).then_some(Doubt::RoundsStolenFrom { per_mille })
}

/// The doubt that processes of others used it meanwhile.
pub(crate) fn used_by_others(uses: impl Iterator<Item = MachineUse>) -> Option<Doubt> {
    let others = mean(uses.map(|machine| machine.others))?;
    let percent = whole(others);
    (others > OTHERS).then_some(Doubt::OthersBusy { percent })
}

/// The generator's own CPU time for each request at one and the same rate, round by round, in
/// microseconds. It does the same work each time, and so does a core that nobody else shares.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnCosts(Vec<f64>);

impl OwnCosts {
    /// The factor from which on a round is slow: on a quiet machine, of 36 rounds all but two were
    /// within a quarter of the middle one.
    const SLOWER: f64 = 1.5;

    /// True when the machine was slow in a round that cost so much, as far as enough others tell.
    pub(crate) fn show_slow(&self, cost: f64) -> bool {
        /// Rounds that tell what is usual.
        const ENOUGH: usize = 5;
        self.0.len() >= ENOUGH
            && self
                .usual()
                .is_some_and(|usual| cost > usual * Self::SLOWER)
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, cost: f64) {
        self.0.push(cost);
    }

    /// The doubt that the machine was much slower in some rounds than in most.
    pub(crate) fn doubt(&self) -> Option<Doubt> {
        /// The share of slow rounds from which on they are no accident that an interval allows
        /// for.
        const MANY: f64 = 0.05;
        let usual = self.usual()?;
        let all = self.0.iter();
        let slow = all.filter(|cost| **cost > usual * Self::SLOWER).count();
        let is_many = slow as f64 > self.0.len() as f64 * MANY;
        is_many.then(|| Doubt::RoundsSlowed {
            slow: slow as u64,
            rounds: self.0.len() as u64,
            usual_micros: whole(usual),
            most_micros: whole(self.0.iter().copied().fold(0.0, f64::max)),
        })
    }

    fn usual(&self) -> Option<f64> {
        median(self.0.iter().copied())
    }
}

impl FromIterator<f64> for OwnCosts {
    fn from_iter<T: IntoIterator<Item = f64>>(costs: T) -> Self {
        OwnCosts(costs.into_iter().collect())
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The costs of a number of rounds on a quiet machine, and of `others`.
    fn costs(quiet: usize, others: &[f64]) -> OwnCosts {
        let usual = [300.0, 320.0, 290.0, 410.0, 330.0, 350.0, 300.0, 310.0];
        let quiet = usual.into_iter().cycle().take(quiet);
        quiet.chain(others.iter().copied()).collect()
    }

    #[test]
    fn rounds_on_a_slower_machine_are_a_doubt_unless_they_are_few() {
        assert_eq!(costs(8, &[]).doubt(), None);
        assert_eq!(costs(0, &[]).doubt(), None);
        assert_eq!(costs(24, &[900.0]).doubt(), None);
        assert_eq!(
            costs(24, &[900.0, 700.0]).doubt(),
            Some(Doubt::RoundsSlowed {
                slow: 2,
                rounds: 26,
                usual_micros: 320,
                most_micros: 900,
            })
        );
    }

    #[test]
    fn a_round_is_slow_beside_others_and_not_before_there_are_enough_of_them() {
        assert!(!costs(4, &[]).show_slow(900.0));
        assert!(costs(5, &[]).show_slow(900.0));
        assert!(!costs(5, &[]).show_slow(400.0));
    }
}
