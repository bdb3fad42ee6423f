//! Absolute rules on a run: Goose's own, such as `p99<20ms for GET /data`, and in
//! the same grammar rules on the topology, such as `hit-ratio>=80%`.
//!
//! Goose's parser decides what is a rule of its own. The judging is done here, on
//! exact histograms of the stages that are no warm-up: Goose judges whole runs, in
//! buckets up to 0.78 % wide.

mod judge;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use services::contract::Service;

use crate::plan::{Mix, Shape};
use crate::samples::Route;
use crate::scenarios::Scenario;

pub use judge::{Figure, Figures, Judged, RouteFigures, State, Verdicts};

/// The grammar, for `--help`.
pub const HELP: &str = "\
Thresholds are rules <metric><op><limit>, with an optional \" for <subject>\":

  On responses, as in Goose (for <route>, such as GET /data/{key}; else for all):
    p99<50ms, p99.9<1s   response time percentile, to the last byte
    avg<10ms, max<2s     response time
    error-rate<0.1%      wrong or missing answers, of all requests
    rps>=200             requests per second

  On the topology:
    imbalance<=1                         requests between the busiest and the idlest gateway
    hit-ratio>=80%                       cache hits, of all cache lookups
    intruders-admitted<=0                requests with a bad token that were not refused
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
    /// Requests between the gateway with the most and the one with the fewest.
    Imbalance,
    /// Cache hits in percent of all lookups.
    HitRatio,
    /// Requests with a bad token that were not refused.
    IntrudersAdmitted,
    /// Accepted tasks that were not done in the end.
    TasksLost,
    /// CPU time of a service or node per request sent.
    CpuPerRequest,
}

/// The unit that a metric's limit and value are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The unit of the metric's values.
    pub fn unit(self) -> Unit {
        match self {
            Metric::Percentile(_) | Metric::Average | Metric::Maximum | Metric::CpuPerRequest => {
                Unit::Microseconds
            }
            Metric::ErrorRate | Metric::HitRatio => Unit::Percent,
            Metric::RequestsPerSecond => Unit::PerSecond,
            Metric::Imbalance | Metric::IntrudersAdmitted | Metric::TasksLost => Unit::Count,
        }
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
    /// The route, service or node that it is about; `None` means all together.
    pub subject: Option<String>,
}

/// A text that is no rule.
#[derive(Debug, thiserror::Error)]
#[error("threshold {rule:?}: {reason}")]
pub struct InvalidThreshold {
    rule: String,
    reason: String,
}

impl FromStr for Threshold {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = text.trim();
        let invalid = |reason: &str| InvalidThreshold {
            rule: rule.to_owned(),
            reason: reason.to_owned(),
        };
        let (name, operator, limit, subject) =
            split(rule).ok_or_else(|| invalid("write <metric><op><limit>, such as p95<500ms"))?;
        let known = Metric::OF_TOPOLOGY.iter().find(|(known, _)| *known == name);
        let metric = match known {
            Some((_, metric)) => *metric,
            None => goose_metric(rule, name).map_err(|reason| invalid(&reason))?,
        };
        let limit = parse_limit(limit, metric.unit())
            .ok_or_else(|| invalid(&format!("{limit:?} is no limit for {name}")))?;
        let threshold = Threshold {
            rule: rule.to_owned(),
            metric,
            operator,
            limit,
            subject: subject.map(str::to_owned),
        };
        threshold.refuse_the_impossible().map_err(invalid)?;
        Ok(threshold)
    }
}

impl Threshold {
    /// Refuses a rule about something that the plan doesn't have.
    pub fn check_against(&self, mix: &Mix, shape: &Shape) -> Result<(), String> {
        match (self.metric, self.subject.as_deref()) {
            (Metric::CpuPerRequest, Some(subject)) => check_node(subject, shape),
            (Metric::CpuPerRequest, None) => {
                Err("say of whom, such as `cpu-per-request<2ms for api-gateway`".to_owned())
            }
            (metric, Some(_)) if metric.is_of_topology() => {
                Err("this metric is about the whole system and takes no `for`".to_owned())
            }
            (_, Some(subject)) => check_route(subject, mix),
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

    /// A rule that no value can meet is a slip of the pen. (Goose refuses its own.)
    fn refuse_the_impossible(&self) -> Result<(), &'static str> {
        match (self.metric.is_of_topology(), self.operator) {
            (true, Operator::Less) if self.limit == 0.0 => {
                Err("it can never pass: nothing is below 0")
            }
            (true, Operator::Greater)
                if self.metric.unit() == Unit::Percent && self.limit >= 100.0 =>
            {
                Err("it can never pass: nothing is above 100 %")
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

fn check_route(subject: &str, mix: &Mix) -> Result<(), String> {
    let routes = mix.scenarios().flat_map(Scenario::routes).map(Route::name);
    let routes: Vec<_> = routes.collect();
    if routes.iter().any(|route| route == subject) {
        return Ok(());
    }
    Err(format!(
        "this plan sends no {subject:?}; it sends {}",
        routes.join(", ")
    ))
}

/// `p99<=2s for GET /x` → `p99`, `<=`, `2s`, `GET /x`.
fn split(rule: &str) -> Option<(&str, Operator, &str, Option<&str>)> {
    let at = rule.find(['<', '>'])?;
    let (name, rest) = rule.split_at(at);
    let operators = [
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    let (rest, operator) = operators
        .into_iter()
        .find_map(|(sign, operator)| Some((rest.strip_prefix(sign)?, operator)))?;
    let (limit, subject) = match rest.split_once(" for ") {
        Some((limit, subject)) => (limit, Some(subject.trim())),
        None => (rest, None),
    };
    Some((name.trim(), operator, limit.trim(), subject))
}

/// The metric of one of Goose's rules, or Goose's own words on why it is none.
fn goose_metric(rule: &str, name: &str) -> Result<Metric, String> {
    use goose::GooseError;
    use goose::threshold::Threshold as GooseThreshold;

    match rule.parse::<GooseThreshold>() {
        Ok(_) => Ok(match name {
            "avg" => Metric::Average,
            "max" => Metric::Maximum,
            "error-rate" => Metric::ErrorRate,
            "rps" => Metric::RequestsPerSecond,
            _ => name
                .strip_prefix('p')
                .and_then(|percent| percent.parse().ok())
                .map(Metric::Percentile)
                .ok_or_else(|| {
                    format!("{name:?} is a metric of Goose's that Skein doesn't know")
                })?,
        }),
        Err(GooseError::InvalidOption { detail, .. }) => {
            let (_, reason) = detail.split_once("\": ").unwrap_or(("", &detail));
            let topology = Metric::OF_TOPOLOGY.map(|(name, _)| name).join(", ");
            let reason = reason.replace(" or rps.", &format!(", rps, {topology}."));
            Err(reason.trim_end_matches('.').to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn parse_limit(text: &str, unit: Unit) -> Option<f64> {
    let (number, scale) = match unit {
        Unit::Microseconds => [("us", 1.0), ("ms", 1e3), ("s", 1e6)]
            .into_iter()
            .find_map(|(suffix, scale)| Some((text.strip_suffix(suffix)?, scale)))
            // Goose reads a bare number as milliseconds.
            .unwrap_or((text, 1e3)),
        Unit::Percent => (text.strip_suffix('%').unwrap_or(text), 1.0),
        Unit::PerSecond | Unit::Count => (text, 1.0),
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let limit = number.parse::<f64>().ok().filter(|_| plain)? * scale;
    (unit != Unit::Percent || limit <= 100.0).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rule: &str) -> Threshold {
        rule.parse().expect(rule)
    }

    #[test]
    fn gooses_rules_are_read_as_goose_reads_them() {
        let rule = parsed("p99.9 <= 1.5s for GET /data/{key}");
        assert_eq!(rule.metric, Metric::Percentile(99.9));
        assert_eq!(rule.operator, Operator::AtMost);
        assert_eq!(rule.limit, 1_500_000.0);
        assert_eq!(rule.subject.as_deref(), Some("GET /data/{key}"));
        assert_eq!(
            parsed("avg<5").limit,
            5000.0,
            "a bare time is in milliseconds"
        );
        assert_eq!(parsed("error-rate<0.1%").limit, 0.1);
        assert_eq!(parsed("rps>=200").operator, Operator::AtLeast);
    }

    #[test]
    fn topology_rules_have_the_same_grammar() {
        let rule = parsed("cpu-per-request<2ms for api-gateway");
        assert_eq!(rule.metric, Metric::CpuPerRequest);
        assert_eq!(rule.limit, 2000.0);
        assert_eq!(parsed("hit-ratio>=80%").limit, 80.0);
        assert_eq!(parsed("imbalance<=1").metric, Metric::Imbalance);
    }

    #[test]
    fn what_is_no_rule_or_can_never_pass_is_refused_with_the_reason() {
        for (rule, says) in [
            ("", "<metric><op><limit>"),
            ("p99", "<metric><op><limit>"),
            ("p100<1s", "percentile"),
            ("speed<1", "hit-ratio"),
            ("p99<fast", "not a time"),
            ("p99<0", "never pass"),
            ("imbalance<0", "never pass"),
            ("hit-ratio>100%", "never pass"),
            ("hit-ratio>=120%", "no limit"),
            ("tasks-lost<=1e3", "no limit"),
        ] {
            let message = rule.parse::<Threshold>().expect_err(rule).to_string();
            assert!(message.contains(says), "{rule}: {message}");
        }
    }
}
