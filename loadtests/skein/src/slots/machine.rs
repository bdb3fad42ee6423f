//! Doubts about the machine while rounds were played on it, by what became of its time.

use crate::doubt::Doubt;
use crate::evidence::{Limits, MachineUse, whole};
use crate::gate::metrics::median;

/// The share of the machine that others may use, in percent, before it is remarked on.
const OTHERS: f64 = 10.0;

/// The doubt that other virtual machines took too much of its time.
pub(crate) fn stolen_from(
    uses: impl Iterator<Item = MachineUse>,
    limits: &Limits,
) -> Option<Doubt> {
    let stolen = mean(uses.map(|machine| machine.stolen))?;
    let per_mille = whole(stolen * 10.0);
    (stolen > limits.stolen).then_some(Doubt::RoundsStolenFrom { per_mille })
}

/// The doubt that processes of others used it meanwhile.
pub(crate) fn used_by_others(uses: impl Iterator<Item = MachineUse>) -> Option<Doubt> {
    let others = mean(uses.map(|machine| machine.others))?;
    let percent = whole(others);
    (others > OTHERS).then_some(Doubt::OthersBusy { percent })
}

/// The doubt that the machine was much slower in some rounds than in most, by the generator's own
/// CPU time for each request at one and the same rate, round by round, in microseconds. It does
/// the same work each time, and so does a core that nobody else shares.
pub(crate) fn slowed_down(costs: &[f64]) -> Option<Doubt> {
    /// The factor from which on a round is slow: on a quiet machine, of 36 rounds all but two were
    /// within a quarter of the middle one.
    const SLOWER: f64 = 1.5;
    /// The share of slow rounds from which on they are no accident that an interval allows for.
    const MANY: f64 = 0.05;
    let usual = median(costs.iter().copied())?;
    let slow = costs.iter().filter(|cost| **cost > usual * SLOWER).count();
    let is_many = slow as f64 > costs.len() as f64 * MANY;
    is_many.then(|| Doubt::RoundsSlowed {
        slow: slow as u64,
        rounds: costs.len() as u64,
        usual_micros: whole(usual),
        most_micros: whole(costs.iter().copied().fold(0.0, f64::max)),
    })
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_on_a_slower_machine_are_a_doubt_unless_they_are_few() {
        let quiet = [300.0, 320.0, 290.0, 410.0, 330.0, 350.0, 300.0, 310.0];
        assert_eq!(slowed_down(&quiet), None);
        assert_eq!(slowed_down(&[]), None);
        let mut costs = quiet.repeat(3);
        costs.push(900.0);
        assert_eq!(slowed_down(&costs), None);
        costs.push(700.0);
        assert_eq!(
            slowed_down(&costs),
            Some(Doubt::RoundsSlowed {
                slow: 2,
                rounds: 26,
                usual_micros: 320,
                most_micros: 900,
            })
        );
    }
}
