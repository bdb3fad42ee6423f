//! Absolute rules on a run: Goose's own, such as `p99<20ms for GET /data`, and in
//! the same grammar rules on the topology, such as `hit-ratio>=80%`.
//!
//! Goose's parser decides what is a rule of its own. The judging is done here, on
//! exact histograms of the stages that are no warm-up: Goose judges whole runs, in
//! buckets up to 0.78 % wide.

mod grammar;
mod judge;
mod lost;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::figure::{Figure, Kind};
use crate::plan::Stage;
use crate::samples::Statistic;

pub use judge::{
    ConnectionFigures, Judged, RouteFigures, ScenarioFigures, State, TurnFigures, Verdicts,
};
pub(crate) use judge::{Figures, Measured};
pub use lost::{AtMost, PlannedTurns};

/// The grammar, for `--help`, with the figures that a program adds.
pub(crate) fn help(figures: &[Figure]) -> String {
    let mut own = String::new();
    for figure in figures {
        own += &format!("    {:<37}{}\n", example(figure), figure.about);
    }
    format!("{OF_RESPONSES}{own}{OF_ALL}")
}

/// A rule about a figure, as an example.
fn example(figure: &Figure) -> String {
    let (op, limit) = match (figure.is_better_high, figure.unit) {
        (true, Unit::Percent) => (">=", "80%"),
        (true, _) => (">=", "1"),
        (false, Unit::Percent) => ("<=", "1%"),
        (false, Unit::Microseconds) => ("<", "2ms"),
        (false, _) => ("<=", "0"),
    };
    let statistic = match figure.kind {
        Kind::Told | Kind::Counted => "",
        Kind::Measured => "-p99",
    };
    format!("{}{statistic}{op}{limit}", figure.name)
}

const OF_RESPONSES: &str = "\
Thresholds are rules <metric><op><limit>, with an optional \" for <subject>\":

  On responses, as in Goose (for <route>, such as GET /items/{key}, or <scenario>; else for all):
    p99<50ms, p99.9<1s   response time percentile, to the last byte
    avg<10ms, max<2s     response time
    error-rate<0.1%      wrong or missing answers, of all requests
    rps>=200             requests per second
    checks>=99%          named checks that held (for <check>; else all of them together)
    first-byte-p99<20ms  from the actual send to the head of the answer

  On connections, of the whole run:
    connect-p99<5ms, handshake-p99<20ms  TCP, and TLS on top of it
    resumed>=90%                         TLS handshakes that resumed a session, of all
    requests-per-connection>=100         how well connections are kept
    stream-wait-p99<5ms                  waits for a stream of HTTP/2, of requests that had to

  On the turns of judged open stages (for <stage>, or for a <scenario> with a rate of its own;
  else for all of them together):
    unsent<=2%           turns that found no user free until their stage was over, and
                         were never sent, of all that came up
    late<5%              turns sent more than 1 ms after their intended time
  A plan that has no rule of its own on unsent has `unsent<=2%` for each such stage or scenario: a
  rate that isn't kept because all users wait for answers is the system's failure.

  On the topology:
";

const OF_ALL: &str = "    \
cpu-per-request<2ms for <node>       CPU time of a service or node per request sent

The op is <, <=, > or >=; a time takes us, ms or s. Warm-up stages don't count; what a
program counts over the whole run instead, its list above says.";

/// The metric that a threshold is about.
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
    /// A percentile of the time from the actual send to the head of the answer.
    FirstByte(f64),
    /// A percentile of the time to connect.
    Connect(f64),
    /// A percentile of the time of TLS handshakes.
    Handshake(f64),
    /// A percentile of the waits for a stream, of requests that had to wait.
    StreamWait(f64),
    /// TLS handshakes that resumed a session, in percent of all.
    Resumed,
    /// Requests for each connection.
    RequestsPerConnection,
    /// Turns of open load that were never sent, in percent of all that came up.
    Unsent,
    /// Turns of open load that were sent late, in percent of all that came up.
    Late,
    /// A figure that the program adds.
    Named(&'static str),
    /// A statistic of a figure that scenarios count or measure.
    Measured(&'static str, Statistic),
    /// CPU time of a service or node per request sent.
    CpuPerRequest,
    /// Named checks of answers that held, in percent.
    Checks,
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
    /// Skein's own metrics that have a percentile in their name.
    fn own_percentile(name: &str) -> Option<Self> {
        let (metric, percent) = name.rsplit_once("-p")?;
        let percent = percent.parse().ok()?;
        if !(0.0 < percent && percent < 100.0) {
            return None;
        }
        match metric {
            "first-byte" => Some(Metric::FirstByte(percent)),
            "connect" => Some(Metric::Connect(percent)),
            "handshake" => Some(Metric::Handshake(percent)),
            "stream-wait" => Some(Metric::StreamWait(percent)),
            _ => None,
        }
    }

    /// Skein's own metrics by name; Goose's are found by Goose's parser.
    const OWN: [(&str, Metric); 6] = [
        ("checks", Metric::Checks),
        ("unsent", Metric::Unsent),
        ("late", Metric::Late),
        ("cpu-per-request", Metric::CpuPerRequest),
        ("resumed", Metric::Resumed),
        ("requests-per-connection", Metric::RequestsPerConnection),
    ];

    /// The metric of Skein's own or of the program's that is called so.
    fn own(name: &str, figures: &[Figure]) -> Option<Self> {
        let mut own = Self::OWN.into_iter().chain(named(figures));
        own.find_map(|(known, metric)| (known == name).then_some(metric))
            .or_else(|| Self::own_percentile(name))
            .or_else(|| figures.iter().find_map(|figure| measured(figure, name)))
    }

    /// The names of Skein's own metrics and the program's, as a list in a sentence.
    fn own_names(figures: &[Figure]) -> String {
        let own = Self::OWN.into_iter().chain(named(figures));
        let names: Vec<&str> = own.map(|(name, _)| name).collect();
        names.join(", ")
    }

    /// The unit of the metric's values.
    fn unit(self, figures: &[Figure]) -> Unit {
        match self {
            Metric::Percentile(_)
            | Metric::Average
            | Metric::Maximum
            | Metric::CpuPerRequest
            | Metric::FirstByte(_)
            | Metric::Connect(_)
            | Metric::Handshake(_)
            | Metric::StreamWait(_) => Unit::Microseconds,
            Metric::ErrorRate
            | Metric::Unsent
            | Metric::Late
            | Metric::Checks
            | Metric::Resumed => Unit::Percent,
            Metric::RequestsPerConnection => Unit::Count,
            Metric::Measured(_, Statistic::Rate) => Unit::PerSecond,
            Metric::RequestsPerSecond => Unit::PerSecond,
            Metric::Named(name) | Metric::Measured(name, _) => figures
                .iter()
                .find(|figure| figure.name == name)
                .map_or(Unit::Count, |figure| figure.unit),
        }
    }

    /// True when Goose doesn't know it.
    fn is_own(self) -> bool {
        matches!(
            self,
            Metric::Unsent
                | Metric::Late
                | Metric::CpuPerRequest
                | Metric::Checks
                | Metric::Named(_)
                | Metric::Measured(..)
                | Metric::FirstByte(_)
                | Metric::Connect(_)
                | Metric::Handshake(_)
                | Metric::StreamWait(_)
                | Metric::Resumed
                | Metric::RequestsPerConnection
        )
    }
}

/// Refuses the name of a figure that is somebody else's already, or that no rule could have.
pub(crate) fn free_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c == '-';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err("a figure's name is made of lowercase letters and `-`".to_owned());
    }
    let is_taken = Threshold::read(&format!("{name}<1"), &[]).is_ok();
    match is_taken {
        true => Err(format!(
            "{name} is a metric already; give the figure another name"
        )),
        false => Ok(()),
    }
}

fn named(figures: &[Figure]) -> impl Iterator<Item = (&'static str, Metric)> {
    figures.iter().filter_map(|figure| {
        let name = figure.name;
        match figure.kind {
            Kind::Told => Some((name, Metric::Named(name))),
            Kind::Counted => Some((name, Metric::Measured(name, Statistic::Sum))),
            Kind::Measured => None,
        }
    })
}

/// The statistic of a figure that users count or measure, if that is what is called so.
fn measured(figure: &Figure, name: &str) -> Option<Metric> {
    let end = name.strip_prefix(figure.name)?.strip_prefix('-')?;
    let statistic = match figure.kind {
        Kind::Told => None,
        Kind::Counted => (end == "rate").then_some(Statistic::Rate),
        Kind::Measured => Statistic::of_trend(end),
    };
    Some(Metric::Measured(figure.name, statistic?))
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
    /// The operator that a text begins with, and the rest of the text.
    pub(crate) fn read(text: &str) -> Option<(Self, &str)> {
        let operators = [
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        operators
            .into_iter()
            .find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?)))
    }

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
    /// The metric that it is about.
    pub metric: Metric,
    /// How the value is compared.
    pub operator: Operator,
    /// The unit of limit and value.
    pub unit: Unit,
    /// The limit, in that unit.
    pub limit: f64,
    /// The route, stage, service or node that it is about; `None` means all together.
    pub subject: Option<String>,
}

/// The most turns of a judged open stage that may never be sent, in percent, where a plan
/// doesn't say otherwise: the error that figures may have.
pub const UNSENT: f64 = 2.0;

/// The rules that a plan with these stages and `rules` has without having written them:
/// each judged open stage sends its turns, and each scenario with a rate of its own. A rate that users couldn't keep up with because
/// they waited for answers is the system's failure to keep it; no plan asks for a rate
/// without meaning that. (What the generator itself doesn't get round to makes the run
/// invalid.)
pub fn built_in(stages: &[Stage], rules: &[Threshold]) -> Vec<Threshold> {
    let judged = stages.iter().filter(|stage| !stage.warm_up);
    let mut open: Vec<(&str, Vec<&str>)> = Vec::new();
    for stage in judged {
        // A rate of nothing is a pause, and has no turns to send.
        let loads = stage.open_loads().filter(|(_, open)| !open.is_pause());
        for (scenario, _) in loads {
            let name = scenario.unwrap_or(&stage.name);
            match open.iter_mut().find(|(known, _)| *known == name) {
                Some((_, stages)) => stages.push(&stage.name),
                None => open.push((name, vec![&stage.name])),
            }
        }
    }
    let is_only_one = open.len() == 1;
    let is_ruled = |name: &str, stages: &[&str]| {
        let own = rules.iter().filter(|rule| rule.metric == Metric::Unsent);
        let mut subjects = own.map(|rule| rule.subject.as_deref());
        subjects.any(|subject| {
            subject.is_none_or(|subject| subject == name || stages.contains(&subject))
        })
    };
    let rule = |name: &str| {
        let subject = (!is_only_one).then(|| name.to_owned());
        let about = subject.iter().map(|subject| format!(" for {subject}"));
        Threshold {
            rule: format!("unsent<={UNSENT}%{}", about.collect::<String>()),
            metric: Metric::Unsent,
            operator: Operator::AtMost,
            unit: Unit::Percent,
            limit: UNSENT,
            subject,
        }
    };
    let unruled = open.iter().filter(|(name, stages)| !is_ruled(name, stages));
    unruled.map(|(name, _)| rule(name)).collect()
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::testing;

    /// A plan with these rules, of two judged stages with a rate and two without judgement
    /// or rate.
    fn plan(rules: &str) -> Result<Plan, String> {
        let source = format!(
            r#"
name = "turns"
thresholds = [{rules}]
[mix]
browsers = 1
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
        testing::try_parse(&source)
    }

    fn built_in_of(rules: &str) -> Vec<String> {
        let plan = plan(rules).expect("a plan");
        let rules = built_in(&plan.stages, &plan.thresholds);
        for rule in &rules {
            assert_eq!(Threshold::read(&rule.rule, &[]).expect("a rule"), *rule);
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
        let closed = testing::plan("smoke");
        assert_eq!(built_in(&closed.stages, &[]), []);
    }

    #[test]
    fn each_scenario_with_a_rate_of_its_own_sends_its_turns_over_all_stages() {
        let source = r#"
name = "turns"
thresholds = ["unsent<5% for peak"]
[[stage]]
name = "steady"
duration = "5s"
scenario.browsers = { rate = "10/s" }
scenario.buyers = { rate = "1/s" }
[[stage]]
name = "peak"
duration = "5s"
scenario.buyers = { rate = "10/s" }
"#;
        let of = |source: &str| -> Vec<String> {
            let plan = testing::parse(source);
            let rules = built_in(&plan.stages, &plan.thresholds);
            rules.into_iter().map(|rule| rule.rule).collect()
        };
        assert_eq!(of(source), ["unsent<=2% for browsers"]);
        let unruled = source.replace("\"unsent<5% for peak\"", "");
        assert_eq!(
            of(&unruled),
            ["unsent<=2% for browsers", "unsent<=2% for buyers"]
        );
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
    }
}
