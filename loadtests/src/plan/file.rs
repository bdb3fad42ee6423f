//! The TOML form of a plan, and the check that it makes sense.

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use toml::Spanned;

use super::gate_file::GateFile;
use super::mistake::{InvalidPlan, Problem, ToldPlan, within};
use super::request_file::{RequestFile, ValuesFile, check_requests};
use super::span::{Size, Span, check_timeout};
use super::stage_file::{StageFile, check_stages};
use super::words::plainly;
use super::{Behaviour, Mix, Plan, Requests, Shape, Stage};
use crate::client::AnswerLimits;
use crate::evidence::Limits;
use crate::text::printable;
use crate::threshold::Threshold;

/// Reads and checks a plan.
pub(super) fn parse(file: &str, source: &str) -> Result<Plan, InvalidPlan> {
    read(source).map_err(|problem| problem.locate(file, source))
}

/// Reads and checks a plan that was told on the command line.
pub(super) fn parse_told(told: &ToldPlan) -> Result<Plan, InvalidPlan> {
    read(told.source()).map_err(|problem| problem.blame(told))
}

fn read(source: &str) -> Result<Plan, Problem> {
    let plan: Result<PlanFile, _> = toml::from_str(source);
    let plan = plan.map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        let sentence = plainly(error.message(), source, at.start);
        Problem {
            at,
            ..Problem::somewhere(sentence)
        }
    })?;
    plan.check(source)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    seed: Option<u64>,
    timeout: Option<Spanned<Span>>,
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
    answer: AnswerFile,
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

/// Those of [`AnswerLimits`] that the plan sets, but for the time limit.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerFile {
    fields: Option<Spanned<usize>>,
    head: Option<Spanned<Size>>,
    body: Option<Spanned<Size>>,
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
        let usual = match requests {
            Some(_) => AnswerLimits::OF_PLAIN_REQUESTS,
            None => AnswerLimits::OF_A_MIX,
        };
        let timeout = self.timeout.as_ref().map(check_timeout).transpose()?;
        let answers = self.answer.check(usual)?;
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
            answers: answers.within(timeout.unwrap_or(usual.timeout)),
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

impl AnswerFile {
    fn check(self, usual: AnswerLimits) -> Result<AnswerLimits, Problem> {
        let bytes = |size: Option<Spanned<Size>>, least, most, usual, what| match size {
            Some(size) if !(least..=most).contains(&size.get_ref().0) => {
                let (least, most) = (ByteSize(least), ByteSize(most));
                let sentence = format!("{what} is between {least} and {most}");
                Err(Problem::at(&size, sentence))
            }
            Some(size) => Ok(size.into_inner().0),
            None => Ok(usual),
        };
        Ok(AnswerLimits {
            fields: within(self.fields, 1..=100_000, usual.fields, "`fields`")?,
            head: bytes(self.head, 1 << 10, 1 << 30, usual.head, "`head`")?,
            body: bytes(self.body, 0, 1 << 50, usual.body, "`body`")?,
            timeout: usual.timeout,
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
        None if requests.is_empty() => Err(Problem::somewhere(
            "a plan says what users do: a [mix] of scenarios, or plain requests, each a [[request]]",
        )),
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
mod tests;
