//! Absolute rules on a run: Goose's own, such as `p99<20ms for GET /data`, and in
//! the same grammar rules on the topology, such as `hit-ratio>=80%`.
//!
//! Goose's parser decides what is a rule of its own. The judging is done here, on
//! exact histograms of the stages that are no warm-up: Goose judges whole runs, in
//! buckets up to 0.78 % wide.

mod grammar;
mod judge;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use services::contract::Service;

use crate::plan::{Mix, Requests, Shape, Stage};
use crate::samples::Route;
use crate::scenarios::Scenario;

pub use judge::{Figure, Figures, Judged, RouteFigures, State, TurnFigures, Verdicts};

/// The grammar, for `--help`.
pub const HELP: &str = "\
Thresholds are rules <metric><op><limit>, with an optional \" for <subject>\":

  On responses, as in Goose (for <route>, such as GET /data/{key}; else for all):
    p99<50ms, p99.9<1s   response time percentile, to the last byte
    avg<10ms, max<2s     response time
    error-rate<0.1%      wrong or missing answers, of all requests
    rps>=200             requests per second

  On the turns of judged open stages (for <stage>; else for all of them together):
    unsent<=2%           turns that found no user free until their stage was over, and
                         were never sent, of all that came up
    late<5%              turns sent more than 1 ms after their intended time
  A plan that has no rule of its own on unsent has `unsent<=2%` for each such stage: a
  rate that isn't kept because all users wait for answers is the system's failure.

  On the topology:
    imbalance<=1                         requests between the busiest and the idlest gateway
    hit-ratio>=80%                       cache hits, of all cache lookups
    intruders-admitted<=0                requests with a bad token that were let in
    tasks-lost<=0                        accepted tasks that were not done in the end
    cpu-per-request<2ms for api-gateway  CPU time of a service or node per request sent

The op is <, <=, > or >=; a time takes us, ms or s. Warm-up stages don't count,
except that imbalance, intruders and tasks are counted over the whole run.";

/// What a threshold measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A response time percentile, above 0 and below 100.
    Percentile(f64),
    /// The mean response time.
    Average,
    /// The longest response time.
    Maximum,
    /// Failed requests in percent of all.
    ErrorRate,
    /// Requests per second.
    RequestsPerSecond,
    /// Turns of open load that were never sent, in percent of all that came up.
    Unsent,
    /// Turns of open load that were sent late, in percent of all that came up.
    Late,
    /// Requests between the gateway with the most and the one with the fewest.
    Imbalance,
    /// Cache hits in percent of all lookups.
    HitRatio,
    /// Requests with a bad token that were let in.
    IntrudersAdmitted,
    /// Accepted tasks that were not done in the end.
    TasksLost,
    /// CPU time of a service or node per request sent.
    CpuPerRequest,
}

/// The unit that a metric's limit and value are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Microseconds.
    Microseconds,
    /// Percent.
    Percent,
    /// Per second.
    PerSecond,
    /// A number of things.
    Count,
}

impl Metric {
    /// Topology metrics by name; Goose's are found by Goose's parser.
    const OF_TOPOLOGY: [(&str, Metric); 5] = [
        ("imbalance", Metric::Imbalance),
        ("hit-ratio", Metric::HitRatio),
        ("intruders-admitted", Metric::IntrudersAdmitted),
        ("tasks-lost", Metric::TasksLost),
        ("cpu-per-request", Metric::CpuPerRequest),
    ];

    /// Metrics of open load by name.
    const OF_TURNS: [(&str, Metric); 2] = [("unsent", Metric::Unsent), ("late", Metric::Late)];

    /// The metric of Skein's own that is called so.
    fn own(name: &str) -> Option<Self> {
        let all = Self::OF_TURNS.iter().chain(&Self::OF_TOPOLOGY);
        let (_, metric) = all.into_iter().find(|(known, _)| *known == name)?;
        Some(*metric)
    }

    /// The names of Skein's own metrics, as a list in a sentence.
    fn own_names() -> String {
        let all = Self::OF_TURNS.iter().chain(&Self::OF_TOPOLOGY);
        let names: Vec<&str> = all.map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The unit of the metric's values.
    pub fn unit(self) -> Unit {
        match self {
            Metric::Percentile(_) | Metric::Average | Metric::Maximum | Metric::CpuPerRequest => {
                Unit::Microseconds
            }
            Metric::ErrorRate | Metric::HitRatio | Metric::Unsent | Metric::Late => Unit::Percent,
            Metric::RequestsPerSecond => Unit::PerSecond,
            Metric::Imbalance | Metric::IntrudersAdmitted | Metric::TasksLost => Unit::Count,
        }
    }

    fn is_of_turns(self) -> bool {
        Self::OF_TURNS.iter().any(|(_, metric)| *metric == self)
    }

    fn is_of_topology(self) -> bool {
        Self::OF_TOPOLOGY.iter().any(|(_, metric)| *metric == self)
    }
}

/// How a value is compared with the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Operator {
    /// Whether `value` is on the right side of `limit`.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Operator::Less => value < limit,
            Operator::AtMost => value <= limit,
            Operator::Greater => value > limit,
            Operator::AtLeast => value >= limit,
        }
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// The rule as it was written.
    pub rule: String,
    /// What it measures.
    pub metric: Metric,
    /// How the value is compared.
    pub operator: Operator,
    /// The limit, in the metric's unit.
    pub limit: f64,
    /// The route, stage, service or node that it is about; `None` means all together.
    pub subject: Option<String>,
}

/// The most turns of a judged open stage that may never be sent, in percent, where a plan
/// doesn't say otherwise: the error that figures may have.
pub const UNSENT: f64 = 2.0;

/// The rules that a plan with these stages and `rules` has without having written them:
/// each judged open stage sends its turns. A rate that users couldn't keep up with because
/// they waited for answers is the system's failure to keep it; no plan asks for a rate
/// without meaning that. (What the generator itself doesn't get round to makes the run
/// invalid.)
pub fn built_in(stages: &[Stage], rules: &[Threshold]) -> Vec<Threshold> {
    // A rate of nothing is a pause, and has no turns to send.
    let has_turns = |stage: &Stage| stage.open.is_some_and(|open| open.curve.mean() > 0.0);
    let open = || stages.iter().filter(|s| !s.warm_up && has_turns(s));
    let is_only_one = open().count() == 1;
    let is_ruled = |stage: &Stage| {
        let mut own = rules.iter().filter(|rule| rule.metric == Metric::Unsent);
        own.any(|rule| rule.subject.as_ref().is_none_or(|s| *s == stage.name))
    };
    let rule = |stage: &Stage| {
        let subject = (!is_only_one).then(|| stage.name.clone());
        let about = subject.iter().map(|subject| format!(" for {subject}"));
        Threshold {
            rule: format!("unsent<={UNSENT}%{}", about.collect::<String>()),
            metric: Metric::Unsent,
            operator: Operator::AtMost,
            limit: UNSENT,
            subject,
        }
    };
    open().filter(|stage| !is_ruled(stage)).map(rule).collect()
}

impl Threshold {
    /// Refuses a rule about something that the plan doesn't have.
    pub fn check_against(
        &self,
        mix: &Mix,
        requests: Option<&Requests>,
        shape: &Shape,
        stages: &[Stage],
    ) -> Result<(), String> {
        match (self.metric, self.subject.as_deref()) {
            (metric, subject) if metric.is_of_turns() => check_stage(subject, stages),
            (metric, _) if metric.is_of_topology() && requests.is_some() => Err(
                "a plan of plain requests knows nothing of the topology behind the server; judge responses, such as `p99<50ms`"
                    .to_owned(),
            ),
            (Metric::CpuPerRequest, Some(subject)) => check_node(subject, shape),
            (Metric::CpuPerRequest, None) => {
                Err("say of whom, such as `cpu-per-request<2ms for api-gateway`".to_owned())
            }
            (metric, Some(_)) if metric.is_of_topology() => {
                Err("this metric is about the whole system and takes no `for`".to_owned())
            }
            (_, Some(subject)) => check_route(subject, mix, requests),
            (Metric::HitRatio, None) if shape.caches == 0 => {
                Err("this plan has no caches".to_owned())
            }
            (Metric::HitRatio, None) if mix.readers + mix.writers == 0 => {
                Err("this plan has nobody who reads".to_owned())
            }
            (Metric::IntrudersAdmitted, None) if mix.intruders == 0 => {
                Err("this plan has no intruders".to_owned())
            }
            (Metric::TasksLost, None) if mix.task_submitters == 0 => {
                Err("this plan has nobody who submits tasks".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)
    }
}

fn check_stage(subject: Option<&str>, stages: &[Stage]) -> Result<(), String> {
    let open = stages.iter().filter(|s| !s.warm_up && s.open.is_some());
    let names: Vec<&str> = open.map(|stage| stage.name.as_str()).collect();
    match subject {
        _ if names.is_empty() => Err(
            "this is about the turns of open load, and no judged stage of this plan has a rate"
                .to_owned(),
        ),
        Some(subject) if !names.contains(&subject) => Err(format!(
            "no judged stage with a rate is called {subject:?}; there is {}",
            names.join(", ")
        )),
        _ => Ok(()),
    }
}

fn check_node(subject: &str, shape: &Shape) -> Result<(), String> {
    let nodes = |service: Service| match service {
        Service::ApiGateway => shape.gateways,
        Service::Cache => shape.caches,
        _ => 1,
    };
    let is_meant = |service: Service| {
        let mut replicas = (1..=nodes(service)).map(|number| format!("{service}-{number}"));
        nodes(service) > 0 && (service.as_str() == subject || replicas.any(|name| name == subject))
    };
    if Service::ALL.into_iter().any(is_meant) {
        return Ok(());
    }
    Err(format!(
        "no service or node of this plan is called {subject:?}; try api-gateway or api-gateway-1"
    ))
}

fn check_route(subject: &str, mix: &Mix, requests: Option<&Requests>) -> Result<(), String> {
    let of_scenarios = mix.scenarios().flat_map(Scenario::routes).map(Route::name);
    let plain = requests.iter().flat_map(|requests| &requests.requests);
    let routes: Vec<_> = of_scenarios
        .chain(plain.map(|request| request.route.name()))
        .collect();
    if routes.iter().any(|route| route == subject) {
        return Ok(());
    }
    Err(format!(
        "this plan sends no {subject:?}; it sends {}",
        routes.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    /// A plan with these rules, of two judged stages with a rate and two without judgement
    /// or rate.
    fn plan(rules: &str) -> Result<Plan, String> {
        let source = format!(
            r#"
name = "turns"
thresholds = [{rules}]
[mix]
readers = 1
[[stage]]
name = "warm-up"
rate = "10/s"
duration = "1s"
warm_up = true
[[stage]]
name = "steady"
rate = "10/s"
duration = "5s"
[[stage]]
name = "peak"
rate = "100/s"
duration = "1s"
[[stage]]
name = "closed"
users = 4
duration = "1s"
"#
        );
        Plan::parse("turns.toml", &source).map_err(|error| error.to_string())
    }

    fn built_in_of(rules: &str) -> Vec<String> {
        let plan = plan(rules).expect("a plan");
        let rules = built_in(&plan.stages, &plan.thresholds);
        for rule in &rules {
            assert_eq!(rule.rule.parse::<Threshold>().expect("a rule"), *rule);
        }
        rules.into_iter().map(|rule| rule.rule).collect()
    }

    #[test]
    fn each_judged_stage_with_a_rate_sends_its_turns_unless_the_plan_says_otherwise() {
        let both = ["unsent<=2% for steady", "unsent<=2% for peak"];
        assert_eq!(built_in_of(r#""error-rate<1%", "late<5%""#), both);
        assert_eq!(built_in_of(r#""unsent<=30% for peak""#), both[..1]);
        assert_eq!(built_in_of(r#""unsent<=30%""#), [] as [&str; 0]);
        let mut alone = plan(r#""p99<1s""#).expect("a plan");
        alone.stages.retain(|stage| stage.name != "peak");
        let rules = built_in(&alone.stages, &alone.thresholds);
        assert_eq!(rules[0].rule, "unsent<=2%");
        let closed = Plan::load("smoke").expect("built in");
        assert_eq!(built_in(&closed.stages, &[]), []);
    }

    #[test]
    fn a_rule_on_turns_is_about_a_judged_stage_with_a_rate() {
        for (rule, says) in [
            ("unsent<1% for warm-up", "there is steady, peak"),
            ("late<1% for closed", "there is steady, peak"),
            ("unsent<1% for GET /data/{key}", "there is steady, peak"),
        ] {
            let message = plan(&format!("{rule:?}")).expect_err(rule);
            assert!(message.contains(says), "{message}");
        }
        let closed = Plan::load("smoke").expect("built in");
        let message = "late<1%"
            .parse::<Threshold>()
            .expect("a rule")
            .check_against(&closed.mix, None, &closed.shape, &closed.stages);
        assert!(message.expect_err("no rate").contains("has a rate"));
    }
}
