//! What a machine can tell: rounds of a build against itself, and how far they scatter.
//! A metric that is too coarse here for its margin doesn't hold up a pass in later gates.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::comparison::{
    Design, Metric, Rule, autocorrelation, design_effect, smallest_detectable_effect,
    standard_deviation,
};

use super::metrics::{log_ratio, quad_log_ratios};
use super::record::{GateRecord, Round};
use crate::environment::Environment;
use crate::record::{RecordError, read_json, write_json};

/// The version of this form.
const SCHEMA_VERSION: u32 = 1;

/// Everything that is known of machines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Calibrations {
    schema_version: u32,
    /// One for each machine, build profile and plan.
    known: Vec<Calibration>,
}

/// What is known of one machine, with builds of one profile and one plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// What it was made of.
    pub key: Key,
    /// When it was made.
    pub made: Timestamp,
    /// How many rounds it rests on.
    pub rounds: usize,
    /// By metric.
    pub metrics: Vec<MetricScatter>,
}

/// What has to be the same for a calibration to say anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// The processor's model, if it says.
    pub processor: Option<String>,
    /// Cores that the gate may use.
    pub cores: usize,
    /// The profile's family: `debug` (dev) or `release`.
    pub profile: String,
    /// The plan as it was written.
    pub plan: String,
}

/// How far the rounds of a metric scatter when both sides are the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricScatter {
    /// Of what.
    pub metric: Metric,
    /// The standard deviation of a round's log-ratio: 0.02 are 2 %.
    pub sd: f64,
    /// The correlation of a round with the next, from −1 to 1.
    pub autocorrelation: Option<f64>,
    /// How many rounds tell as much as one that is independent of the others, from 1.
    pub design_effect: f64,
    /// How much larger the variance of rounds is than the quads within them suggest:
    /// what each start of the processes brings along. `None` where there are no quads.
    pub between_rounds: Option<f64>,
}

impl Calibrations {
    /// The file in a reports folder.
    pub fn file(reports: &Path) -> PathBuf {
        reports.join("gates").join("calibration.json")
    }

    /// What the file holds; nothing, when it isn't there.
    ///
    /// # Errors
    ///
    /// It is damaged, or of a later program.
    pub fn read(file: &Path) -> Result<Self, RecordError> {
        if file.exists() {
            read_json(file, SCHEMA_VERSION)
        } else {
            Ok(Calibrations {
                schema_version: SCHEMA_VERSION,
                known: Vec::new(),
            })
        }
    }

    /// What is known of a machine.
    pub fn of(&self, key: &Key) -> Option<&Calibration> {
        self.known
            .iter()
            .find(|calibration| calibration.key == *key)
    }

    /// Keeps what is known now in place of what was.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn keep(mut self, calibration: Calibration, file: &Path) -> Result<(), RecordError> {
        self.known.retain(|known| known.key != calibration.key);
        self.known.push(calibration);
        write_json(file, &self)
    }
}

impl Key {
    /// This machine, with this build and a plan.
    pub fn new(environment: &Environment, plan_source: &str) -> Self {
        Key {
            processor: environment.processor.clone(),
            cores: environment.cores,
            profile: environment.profile.clone(),
            plan: plan_source.to_owned(),
        }
    }
}

/// How far rounds scatter on two cores of a shared machine, where nothing else is known:
/// a little more than those of identical builds in the study of the gate did.
pub fn typical(metric: Metric) -> MetricScatter {
    MetricScatter {
        metric,
        sd: match metric {
            Metric::CpuPerRequest => 0.012,
            Metric::Throughput => 0.025,
            Metric::P50 => 0.055,
            Metric::P95 => 0.045,
            Metric::P99 => 0.1,
        },
        autocorrelation: None,
        design_effect: 1.0,
        between_rounds: None,
    }
}

impl Calibration {
    /// What the rounds of a build against itself say; `None` with too few of them.
    pub fn of(record: &GateRecord) -> Option<Self> {
        let metrics = Metric::ALL.into_iter();
        Some(Calibration {
            key: Key::new(&record.environment, &record.plan_source),
            made: record.ended,
            rounds: record.rounds.len(),
            metrics: metrics
                .map(|metric| MetricScatter::of(metric, &record.rounds))
                .collect::<Option<_>>()?,
        })
    }

    /// What is known of one metric.
    pub fn scatter(&self, metric: Metric) -> Option<MetricScatter> {
        self.metrics.iter().copied().find(|s| s.metric == metric)
    }
}

impl MetricScatter {
    /// Why a pass can't be asked of the metric by `rule`, if it can't: the smallest effect
    /// that rounds like these show by the end of `design` is more than its margin.
    pub fn too_coarse_for(&self, rule: Rule, design: &Design) -> Option<String> {
        let metrics = Metric::ALL.len();
        let smallest =
            smallest_detectable_effect(design, rule, self.sd, metrics, self.design_effect);
        let (rounds, margin) = (design.most_rounds(), rule.margin * 100.0);
        match smallest.map(|effect| effect * 100.0) {
            Some(smallest) if smallest <= margin => None,
            Some(smallest) => Some(format!(
                "{rounds} rounds see {smallest:.1} % at best, and the margin is {margin:.1} %"
            )),
            None => Some(format!("{rounds} rounds see nothing of it")),
        }
    }

    fn of(metric: Metric, rounds: &[Round]) -> Option<Self> {
        let ratios: Vec<f64> = rounds.iter().filter_map(|r| log_ratio(r, metric)).collect();
        let sd = standard_deviation(&ratios)?;
        Some(MetricScatter {
            metric,
            sd,
            autocorrelation: autocorrelation(&ratios, 1),
            design_effect: design_effect(&ratios),
            between_rounds: between_rounds(metric, rounds),
        })
    }
}

/// The variance of rounds' means of quads, by what it would be if quads of one round were
/// as independent as those of several.
fn between_rounds(metric: Metric, rounds: &[Round]) -> Option<f64> {
    let quads: Vec<Vec<f64>> = rounds.iter().map(|r| quad_log_ratios(r, metric)).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let means: Vec<f64> = quads
        .iter()
        .filter(|q| !q.is_empty())
        .map(|q| mean(q))
        .collect();
    let within = quads
        .iter()
        .filter_map(|quads| Some(standard_deviation(quads)?.powi(2) / quads.len() as f64));
    let within: Vec<f64> = within.collect();
    let between = standard_deviation(&means)?.powi(2);
    Some(between / mean(&within)).filter(|ratio| ratio.is_finite())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::record::Side;
    use crate::gate::record::example::example;

    /// A record whose candidate's CPU time scatters by about this much.
    fn scattering(by: f64) -> GateRecord {
        let mut record = example();
        for (index, round) in record.rounds.iter_mut().enumerate() {
            let factor = 1.0 + by * [1.0, -1.0, 0.3, -0.6, 0.0, 1.1][index % 6];
            for slot in &mut round.slots {
                if slot.side == Side::Candidate {
                    slot.cpu_nanos = (slot.cpu_nanos as f64 * factor) as u64;
                }
            }
        }
        record
    }

    fn verdict(by: f64) -> Option<String> {
        let calibration = Calibration::of(&scattering(by)).expect("enough rounds");
        let rule = Rule::within(Metric::CpuPerRequest, Duration::from_secs(120));
        let scatter = calibration
            .scatter(rule.metric)
            .expect("it has all metrics");
        scatter.too_coarse_for(rule, &Design::of_rounds(20))
    }

    #[test]
    fn a_metric_that_scatters_too_much_for_its_margin_says_so() {
        assert_eq!(verdict(0.002), None);
        let reason = verdict(0.2).expect("too coarse");
        assert!(
            reason.contains("20 rounds see") && reason.contains("margin is 5.0 %"),
            "{reason}"
        );
    }

    #[test]
    fn a_calibration_is_kept_by_machine_build_and_plan() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("calibration.json");
        let first = Calibration::of(&scattering(0.01)).expect("enough rounds");
        let mut other = first.clone();
        other.key.plan = "another".to_owned();
        for calibration in [&first, &other, &first] {
            let all = Calibrations::read(&file).expect("readable");
            all.keep(calibration.clone(), &file).expect("written");
        }
        let all = Calibrations::read(&file).expect("readable");
        assert_eq!(all.known.len(), 2);
        assert_eq!(all.of(&first.key), Some(&first));
    }
}
