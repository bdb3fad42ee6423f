//! What a plan says about a performance gate: how its rounds are made up, and how much
//! of a slowdown is too much.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use stats::comparison::{Metric, Rule};

/// What a plan says about a performance gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateSettings {
    /// Users of closed load, 1 to 1000: enough to keep the nodes' cores busy.
    pub users: usize,
    /// How long one side has its turn, 50 ms to 1 s. It is made longer where fewer than
    /// 200 requests of closed load would fit in. Open load makes fewer, by its share: at
    /// 50 % about half of them.
    pub slot: Duration,
    /// What is dropped at the begin of each slot, up to half of it.
    pub dropped: Duration,
    /// Closed load on each side before anything counts, up to a minute.
    pub warm_up: Duration,
    /// Quads of closed load in a round, 1 to 1000.
    pub closed_quads: usize,
    /// Quads of open load in a round, 1 to 1000.
    pub open_quads: usize,
    /// The rate of open load, in percent of what the baseline can do, 1 to 90.
    pub open_share: f64,
    /// Whether nodes and generator share all cores, in place of having a half each.
    pub share_cores: bool,
    /// What the plan sets for a metric, other than what suits the budget.
    pub limits: BTreeMap<Metric, Limit>,
}

/// What a plan sets for a metric. Both are shares: 0.02 is 2 %.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limit {
    /// How much worse it may be and still pass.
    pub margin: Option<f64>,
    /// How much worse it must surely be to fail.
    pub tolerance: Option<f64>,
}

impl Default for GateSettings {
    fn default() -> Self {
        GateSettings {
            users: 16,
            slot: Duration::from_millis(120),
            dropped: Duration::from_millis(20),
            warm_up: Duration::from_millis(300),
            closed_quads: 5,
            open_quads: 5,
            open_share: 50.0,
            share_cores: true,
            limits: BTreeMap::new(),
        }
    }
}

impl GateSettings {
    /// How `metric` is judged in a gate of so long. A usual tolerance that leaves nothing
    /// below the margin gives way to it; one that the plan sets holds.
    pub fn rule(&self, metric: Metric, budget: Duration) -> Rule {
        let usual = Rule::within(metric, budget);
        let limit = self.limits.get(&metric).copied().unwrap_or_default();
        let margin = limit.margin.unwrap_or(usual.margin);
        let usual_tolerance = usual.tolerance.min(margin / 2.0);
        Rule {
            metric,
            margin,
            tolerance: limit.tolerance.unwrap_or(usual_tolerance),
        }
    }

    /// Whether each tolerance is below its margin in a gate of so long.
    ///
    /// # Errors
    ///
    /// One that the plan sets is not.
    pub fn check(&self, budget: Duration) -> Result<(), ToleranceTooHigh> {
        for metric in self.limits.keys() {
            let rule = self.rule(*metric, budget);
            if rule.tolerance >= rule.margin {
                return Err(ToleranceTooHigh { rule, budget });
            }
        }
        Ok(())
    }
}

/// A tolerance that is not below its margin: what surely fails could pass as well.
#[derive(Debug, thiserror::Error)]
pub struct ToleranceTooHigh {
    rule: Rule,
    budget: Duration,
}

impl fmt::Display for ToleranceTooHigh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| (share * 10_000.0).round() / 100.0;
        let metric = self.rule.metric;
        let tolerance = percent(self.rule.tolerance);
        let margin = percent(self.rule.margin);
        let budget = humantime::format_duration(self.budget);
        let key = metric.name().replace('-', "_");
        write!(
            f,
            "the plan's tolerance of {tolerance} % for {metric} is not below the margin, which \
             is {margin} % in a gate of {budget}: lower `{key}` in [gate.tolerance], or raise it \
             in [gate.margin]"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::testing::parse_file;

    fn plan(gate: &str) -> Result<Plan, String> {
        let plan = format!(
            "name = \"g\"\nthresholds = []\n[[stage]]\nname = \"s\"\nusers = 1\nduration = \"1s\"\n\
             [mix]\nbrowsers = 1\n{gate}"
        );
        parse_file("g.toml", &plan).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_sets_margins_by_metric_and_leaves_the_others_to_the_budget() {
        let gate = "[gate]\nslot = \"80ms\"\n[gate.margin]\np99 = 30.0\n[gate.tolerance]\np99 = 3";
        let settings = plan(gate).expect("valid").gate;
        let budget = Duration::from_secs(120);
        let p99 = settings.rule(Metric::P99, budget);
        assert_eq!((p99.margin, p99.tolerance), (0.3, 0.03));
        assert_eq!(
            settings.rule(Metric::P50, budget),
            Rule::within(Metric::P50, budget)
        );
        assert_eq!(settings.slot, Duration::from_millis(80));
        assert_eq!(settings.dropped, Duration::from_millis(20));
        assert_eq!(plan("").expect("valid").gate, GateSettings::default());
    }

    #[test]
    fn a_tolerance_that_the_plan_sets_holds_or_is_refused() {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        let settings = plan("[gate.tolerance]\ncpu_per_request = 4.0");
        let settings = settings.expect("valid").gate;
        let rule = settings.rule(Metric::CpuPerRequest, minutes(2));
        assert_eq!((rule.margin, rule.tolerance), (0.05, 0.04));
        assert!(settings.check(minutes(2)).is_ok());
        let error = settings.check(minutes(6)).expect_err("it is above");
        let message = error.to_string();
        for part in [
            "4 % for cpu-per-request",
            "2 % in a gate of 6m",
            "`cpu_per_request` in [gate.tolerance]",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_usual_tolerance_gives_way_to_the_margin_that_the_plan_sets() {
        let budget = Duration::from_secs(120);
        let settings = plan("[gate.margin]\np99 = 1.0").expect("valid").gate;
        assert_eq!(settings.rule(Metric::P99, budget).tolerance, 0.005);
        assert!(settings.check(budget).is_ok());
    }

    #[test]
    fn nonsense_is_refused_where_it_stands() {
        for (gate, place, says) in [
            ("[gate]\nslot = \"2s\"", "10:8", "from 50 to 1000 ms"),
            ("[gate]\ndropped = \"70ms\"", "10:11", "from 0 to 60 ms"),
            ("[gate.margin]\np99 = 0.0", "10:7", "between 0.1 and 50"),
            ("[gate.margin]\np999 = 1.0", "10:1", "unknown field"),
            ("[gate]\nopen_share = 100.0", "10:14", "between 1 and 90"),
            ("[gate]\nclosed_quads = 0", "10:16", "between 1 and 1000"),
        ] {
            let message = plan(gate).expect_err("invalid");
            assert!(
                message.starts_with(&format!("g.toml:{place}: ")),
                "{message}"
            );
            assert!(message.contains(says), "{message}");
        }
    }
}
