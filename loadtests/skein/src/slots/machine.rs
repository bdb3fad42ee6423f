//! Doubts about the machine while rounds were played on it, by what became of its time.

use crate::doubt::Doubt;
use crate::evidence::{Limits, MachineUse, whole};

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

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
