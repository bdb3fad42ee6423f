//! The TOML form of a plan, and the check that it makes sense.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::gate_file::GateFile;
use super::mistake::{InvalidPlan, Problem, within};
use super::request_file::{RequestFile, ValuesFile, check_requests};
use super::span::Span;
use super::stage_file::{StageFile, check_stages};
use super::{Behaviour, Mix, Plan, Requests, Shape, Stage};
use crate::evidence::Limits;
use crate::text::printable;
use crate::threshold::Threshold;

/// Reads and checks a plan.
pub(super) fn parse(file: &str, source: &str) -> Result<Plan, InvalidPlan> {
    let invalid = |problem: Problem| problem.locate(file, source);
    let plan: PlanFile = toml::from_str(source).map_err(|error| {
        invalid(Problem {
            at: error.span().unwrap_or(0..0),
            sentence: error.message().to_owned(),
        })
    })?;
    plan.check(source).map_err(invalid)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    seed: Option<u64>,
    topology: Option<Spanned<ShapeFile>>,
    stage: Spanned<Vec<StageFile>>,
    mix: Option<Spanned<Mix>>,
    #[serde(default)]
    request: Vec<Spanned<RequestFile>>,
    #[serde(default)]
    values: BTreeMap<Spanned<String>, Spanned<ValuesFile>>,
    #[serde(default)]
    behaviour: BehaviourFile,
    thresholds: Vec<Spanned<String>>,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    gate: GateFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeFile {
    gateways: Option<Spanned<usize>>,
    caches: Option<Spanned<usize>>,
    storage_latency: Option<Span>,
    task_duration: Option<Span>,
    cache_ttl: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BehaviourFile {
    items: Option<Spanned<u32>>,
    zipf_exponent: Option<Spanned<f64>>,
    listing_share: Option<Spanned<f64>>,
    repeat_share: Option<Spanned<f64>>,
    think_time: Option<Span>,
    poll_interval: Option<Span>,
}

/// Those of [`Limits`] that the plan sets; percentages are numbers.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    send_lag: Option<Span>,
    missed: Option<Spanned<f64>>,
    generator_load: Option<Spanned<f64>>,
    stolen: Option<Spanned<f64>>,
    busy: Option<Spanned<f64>>,
    waiting: Option<Spanned<f64>>,
    unread: Option<Spanned<f64>>,
    disagreement: Option<Spanned<f64>>,
    drift: Option<Spanned<f64>>,
}

impl PlanFile {
    fn check(self, source: &str) -> Result<Plan, Problem> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.get_ref().is_empty() || !self.name.get_ref().chars().all(is_plain) {
            return Err(Problem::at(
                &self.name,
                "a plan's name is made of lowercase letters, digits and `-`, for it names the run's folder",
            ));
        }
        let (mix, requests) = check_users_work(self.mix, self.request, self.values)?;
        if let (Some(_), Some(topology)) = (&requests, &self.topology) {
            return Err(Problem::at(
                topology,
                "a plan of plain requests starts no system, so it has no [topology]",
            ));
        }
        let shape = self.topology.map(Spanned::into_inner).unwrap_or_default();
        let shape = shape.check()?;
        let stages = check_stages(self.stage)?;
        Ok(Plan {
            thresholds: check_thresholds(
                self.thresholds,
                &mix,
                requests.as_ref(),
                &shape,
                &stages,
            )?,
            stages,
            name: self.name.into_inner(),
            description: printable(&self.description).into_owned(),
            seed: self.seed,
            shape,
            mix,
            requests,
            behaviour: self.behaviour.check()?,
            limits: self.limits.check()?,
            gate: self.gate.check()?,
            source: source.to_owned(),
        })
    }
}

impl ShapeFile {
    fn check(self) -> Result<Shape, Problem> {
        Ok(Shape {
            gateways: within(self.gateways, 1..=32, 3, "`gateways`")?,
            caches: within(self.caches, 0..=32, 2, "`caches`")?,
            storage_latency: self
                .storage_latency
                .map_or(Duration::from_millis(5), |s| s.0),
            task_duration: self
                .task_duration
                .map_or(Duration::from_millis(100), |s| s.0),
            cache_ttl: self.cache_ttl.map_or(Duration::from_secs(60), |s| s.0),
        })
    }
}

impl BehaviourFile {
    fn check(self) -> Result<Behaviour, Problem> {
        Ok(Behaviour {
            items: within(self.items, 1..=1_000_000, 1000, "`items`")?,
            zipf_exponent: within(self.zipf_exponent, 0.0..=10.0, 1.0, "`zipf_exponent`")?,
            listing_share: within(self.listing_share, 0.0..=1.0, 0.02, "`listing_share`")?,
            repeat_share: within(self.repeat_share, 0.0..=1.0, 0.2, "`repeat_share`")?,
            think_time: self.think_time.map_or(Duration::from_millis(5), |s| s.0),
            poll_interval: self
                .poll_interval
                .map_or(Duration::from_millis(25), |s| s.0),
        })
    }
}

impl LimitsFile {
    fn check(self) -> Result<Limits, Problem> {
        let usual = Limits::default();
        let percent = |value, usual, what| within(value, 0.0..=1000.0, usual, what);
        Ok(Limits {
            send_lag: self.send_lag.map_or(usual.send_lag, |span| span.0),
            missed: percent(self.missed, usual.missed, "`missed`")?,
            generator_load: percent(
                self.generator_load,
                usual.generator_load,
                "`generator_load`",
            )?,
            stolen: percent(self.stolen, usual.stolen, "`stolen`")?,
            busy: percent(self.busy, usual.busy, "`busy`")?,
            waiting: percent(self.waiting, usual.waiting, "`waiting`")?,
            unread: percent(self.unread, usual.unread, "`unread`")?,
            disagreement: percent(self.disagreement, usual.disagreement, "`disagreement`")?,
            drift: percent(self.drift, usual.drift, "`drift`")?,
        })
    }
}

/// What users do: a mix of scenarios or plain requests, and not both.
fn check_users_work(
    mix: Option<Spanned<Mix>>,
    requests: Vec<Spanned<RequestFile>>,
    values: BTreeMap<Spanned<String>, Spanned<ValuesFile>>,
) -> Result<(Mix, Option<Requests>), Problem> {
    match mix {
        Some(mix) if !requests.is_empty() => Err(Problem::at(
            &mix,
            "a plan has either a [mix] of scenarios or plain requests, not both",
        )),
        Some(mix) if mix.get_ref().scenarios().next().is_none() => Err(Problem::at(
            &mix,
            "the mix has no users; give at least one scenario a weight, such as `readers = 1`",
        )),
        Some(mix) => match values.into_keys().next() {
            None => Ok((mix.into_inner(), None)),
            Some(name) => Err(Problem::at(
                &name,
                "only plain requests, each a [[request]], have values for placeholders",
            )),
        },
        None if requests.is_empty() => Err(Problem {
            at: 0..0,
            sentence: "a plan says what users do: a [mix] of scenarios, or plain requests, each a [[request]]"
                .to_owned(),
        }),
        None => Ok((Mix::default(), Some(check_requests(requests, values)?))),
    }
}

fn check_thresholds(
    rules: Vec<Spanned<String>>,
    mix: &Mix,
    requests: Option<&Requests>,
    shape: &Shape,
    stages: &[Stage],
) -> Result<Vec<Threshold>, Problem> {
    rules
        .into_iter()
        .map(|rule| {
            let threshold: Threshold = rule
                .get_ref()
                .parse()
                .map_err(|error| Problem::at(&rule, format!("{error}")))?;
            threshold
                .check_against(mix, requests, shape, stages)
                .map_err(|sentence| Problem::at(&rule, sentence))?;
            Ok(threshold)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::Spacing;

    const VALID: &str = r#"
name = "tiny"
thresholds = ["p99<50ms for GET /data/{key}", "imbalance<=1"]

[[stage]]
name = "steady"
users = 4
duration = "2s"

[mix]
readers = 1
"#;

    fn error(source: &str) -> String {
        parse("tiny.toml", source).expect_err("invalid").to_string()
    }

    #[test]
    fn a_small_plan_is_read_with_defaults_for_the_rest() {
        let plan = parse("tiny.toml", VALID).expect("valid");
        assert_eq!(plan.shape.gateways, 3);
        assert_eq!(plan.stages[0].users, 4);
        assert_eq!(plan.thresholds.len(), 2);
        assert_eq!(plan.limits, Limits::default());
    }

    #[test]
    fn a_plan_sets_the_limits_that_it_names_and_no_others() {
        let source = format!("{VALID}[limits]\nsend_lag = \"5ms\"\nbusy = 90.0\n");
        let limits = parse("tiny.toml", &source).expect("valid").limits;
        let expected = Limits {
            send_lag: Duration::from_millis(5),
            busy: 90.0,
            ..Limits::default()
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn a_rate_makes_a_stage_open_and_gives_it_users_enough() {
        let stages = r#"rate = "2000/s"
arrivals = "poisson"
duration = "2s"

[[stage]]
name = "up"
rate = "3000/s"
users = 7
ramp = "1s"
"#;
        let source = VALID.replace("users = 4\n", stages);
        let plan = parse("tiny.toml", &source).expect("valid");
        let open = |stage: usize| plan.stages[stage].open.expect("open load");
        assert_eq!(open(0).spacing, Spacing::Poisson);
        assert_eq!(open(0).curve.expected(), 4000.0);
        assert_eq!(plan.stages[0].users, 200);
        assert_eq!((open(1).curve.from, plan.stages[1].users), (2000.0, 7));
    }

    #[test]
    fn an_unknown_setting_is_shown_where_it_stands() {
        let message = error(&VALID.replace("users = 4", "users = 4\nuser = 5"));
        assert!(
            message.starts_with("tiny.toml:8:1: unknown field `user`"),
            "{message}"
        );
        assert!(message.contains("8 | user = 5\n"), "{message}");
        assert!(message.ends_with("  | ^"), "{message}");
    }

    #[test]
    fn nonsense_is_refused_with_its_place_and_what_would_be_right() {
        for (from, to, place, says) in [
            ("\"2s\"", "\"2 seconds long\"", "8:12", "no duration"),
            ("\"2s\"", "\"1500ms\"", "8:12", "whole number of seconds"),
            ("users = 4", "users = 0", "7:9", "1 to 10000 users"),
            ("readers = 1", "readers = 0", "10:1", "no users"),
            ("\"tiny\"", "\"../tiny\"", "2:8", "lowercase letters"),
            (
                "p99<50ms for GET /data/{key}",
                "p99<50ms for GET /nowhere",
                "3:15",
                "GET /nowhere",
            ),
            (
                "p99<50ms for GET /data/{key}",
                "p990<50ms",
                "3:15",
                "percentile",
            ),
            ("imbalance<=1", "imbalances<=1", "3:47", "imbalances"),
            (
                "imbalance<=1",
                "tasks-lost<=0",
                "3:47",
                "nobody who submits tasks",
            ),
            ("imbalance<=1", "cpu-per-request<1ms", "3:47", "of whom"),
            (
                "imbalance<=1",
                "cpu-per-request<1ms for cache-3",
                "3:47",
                "cache-3",
            ),
            (
                "users = 4",
                "users = 4\nwarm_up = true",
                "5:1",
                "nothing to judge",
            ),
            ("users = 4\n", "", "6:8", "users or a rate"),
            ("users = 4", "rate = \"fast\"", "7:8", "1000/s"),
            (
                "users = 4",
                "users = 4\narrivals = \"poisson\"",
                "8:12",
                "for open load",
            ),
            (
                "users = 4",
                "rate = \"9/s\"\nramp_from = \"1/s\"",
                "8:13",
                "without a ramp",
            ),
            ("users = 4", "users = 4\nramp = \"3s\"", "8:8", "longer"),
            ("name = \"tiny\"", "name = \"tiny", "2:13", ""),
            (
                "[mix]",
                "[limits]\nstolen = -1.0\n[mix]",
                "11:10",
                "between 0 and 1000",
            ),
            (
                "[mix]",
                "[topology]\ngateways = 33\n[mix]",
                "11:12",
                "between 1 and 32",
            ),
        ] {
            assert!(VALID.contains(from), "{from}");
            let message = error(&VALID.replacen(from, to, 1));
            assert!(
                message.starts_with(&format!("tiny.toml:{place}: ")),
                "{to}: {message}"
            );
            assert!(message.contains(says), "{to}: {message}");
        }
    }
}
