//! Holds a run's figures against its rules.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Metric, Threshold, Unit};
use crate::figure::Reading;
use crate::samples::{MeasuredSamples, WireSamples};

/// What the rules are judged on.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Requests of the judged stages, by route name.
    pub routes: BTreeMap<String, RouteFigures>,
    /// Requests of the judged stages, by the scenario of who sent them.
    pub scenarios: ScenarioFigures,
    /// Turns of the open loads of judged stages.
    pub turns: Vec<TurnFigures>,
    /// Named checks of answers in the judged stages, by how often they failed and held.
    pub checks: BTreeMap<String, [u64; 2]>,
    /// Connections of the whole run.
    pub connections: ConnectionFigures,
    /// How long the judged stages lasted, in seconds.
    pub seconds: f64,
    /// Figures of the figures that the program adds, by name.
    pub named: BTreeMap<&'static str, Reading>,
    /// Figures that scenarios counted and measured in the judged stages, by name.
    pub measured: Measured,
    /// CPU microseconds per request sent, by service and by node, over the judged stages;
    /// `None` where that can't be seen, and empty without requests.
    pub cpu_per_request: Option<BTreeMap<String, f64>>,
}

/// Figures that scenarios count and measure, by name.
pub type Measured = BTreeMap<&'static str, MeasuredSamples>;

/// Requests of one route.
#[derive(Clone, Debug)]
pub struct RouteFigures {
    /// Response times in microseconds, of failed requests too.
    pub response_times: Histogram<u64>,
    /// How many failed.
    pub failed: u64,
    /// Microseconds to the head of the answer, where one came.
    pub first_bytes: Histogram<u64>,
}

/// Connections, and the requests that went over them.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFigures {
    /// The number of requests that were sent.
    pub requests: u64,
    /// The connections.
    pub samples: WireSamples,
}

/// Requests by the scenario of who sent them, each with the time that its load lasted, in seconds.
pub type ScenarioFigures = BTreeMap<String, (RouteFigures, f64)>;

/// Turns of one open load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnFigures {
    /// The stage.
    pub stage: String,
    /// The scenario whose load it is, unless it is that of all.
    pub scenario: Option<String>,
    /// Turns that came up.
    pub planned: u64,
    /// Turns that were never sent, for no user was free.
    pub unsent: u64,
    /// Turns that were sent late.
    pub late: u64,
}

/// How a rule came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The value is on the right side of the limit.
    Passed,
    /// It isn't, or there was nothing to measure although there could have been.
    Failed,
    /// The figure can't be seen from where the run stood; neither good nor bad.
    NotObservable,
    /// The run was stopped before it could be told; neither good nor bad.
    NotJudged,
}

/// A rule and how it came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// The rule as it was written.
    pub rule: String,
    /// How it came out.
    pub state: State,
    /// The limit, in `unit`.
    pub limit: f64,
    /// The value, in `unit`; `None` without samples or sight.
    pub value: Option<f64>,
    /// The unit of limit and value.
    pub unit: Unit,
    /// True when the plan has the rule without having written it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub built_in: bool,
}

/// Every rule of a run, judged.
pub type Verdicts = Vec<Judged>;

impl Threshold {
    /// Judges the rule on a run's figures.
    pub fn judge(&self, figures: &Figures) -> Judged {
        let (value, state) = match self.observe(figures) {
            Reading::Value(value) if self.operator.holds(value, self.limit) => {
                (Some(value), State::Passed)
            }
            Reading::Value(value) => (Some(value), State::Failed),
            Reading::NoSamples => (None, State::Failed),
            Reading::OutOfSight => (None, State::NotObservable),
        };
        Judged {
            rule: self.rule.clone(),
            state,
            limit: self.limit,
            value,
            unit: self.unit,
            built_in: false,
        }
    }

    /// The rule in a run that was stopped before it could be told.
    pub fn unjudged(&self) -> Judged {
        Judged {
            rule: self.rule.clone(),
            state: State::NotJudged,
            limit: self.limit,
            value: None,
            unit: self.unit,
            built_in: false,
        }
    }

    fn observe(&self, figures: &Figures) -> Reading {
        let measured = |figure: &dyn Fn(&RouteFigures) -> f64| match self.requests(figures) {
            Some(requests) => Reading::Value(figure(&requests)),
            None => Reading::NoSamples,
        };
        match self.metric {
            Metric::Percentile(percent) => {
                measured(&|r| r.response_times.value_at_percentile(percent) as f64)
            }
            Metric::Average => measured(&|r| r.response_times.mean()),
            Metric::Maximum => measured(&|r| r.response_times.max() as f64),
            Metric::FirstByte(percent) => match self.requests(figures) {
                Some(requests) => percentile(&requests.first_bytes, percent),
                None => Reading::NoSamples,
            },
            Metric::Connect(percent) => percentile(&figures.connections.samples.connect, percent),
            Metric::Handshake(percent) => {
                percentile(&figures.connections.samples.handshake, percent)
            }
            Metric::StreamWait(percent) => {
                match percentile(&figures.connections.samples.stream_wait, percent) {
                    // Nobody had to wait.
                    Reading::NoSamples if figures.connections.requests > 0 => Reading::Value(0.0),
                    reading => reading,
                }
            }
            Metric::Resumed => {
                let samples = &figures.connections.samples;
                Reading::percent(samples.resumed, samples.handshake.len())
            }
            Metric::RequestsPerConnection => {
                let opened = figures.connections.samples.connect.len();
                match opened {
                    0 => Reading::NoSamples,
                    _ => Reading::Value(figures.connections.requests as f64 / opened as f64),
                }
            }
            Metric::ErrorRate => measured(&|r| r.failed as f64 / r.sent() * 100.0),
            Metric::RequestsPerSecond => {
                let seconds = self.scenario(figures).map_or(figures.seconds, |(_, s)| *s);
                match seconds > 0.0 {
                    true => measured(&|r| r.sent() / seconds),
                    false => Reading::NoSamples,
                }
            }
            Metric::Unsent => self.share_of_turns(figures, |turns| turns.unsent),
            Metric::Late => self.share_of_turns(figures, |turns| turns.late),
            Metric::Named(name) => {
                let reading = figures.named.get(name);
                reading.copied().unwrap_or(Reading::OutOfSight)
            }
            Metric::Measured(name, statistic) => {
                let samples = figures.measured.get(name);
                samples.map_or(Reading::NoSamples, |samples| {
                    samples.reading(statistic, figures.seconds)
                })
            }
            Metric::Checks => {
                let checks = figures
                    .checks
                    .iter()
                    .filter(|(name, _)| self.is_about(name));
                let (failed, held) = checks.fold((0, 0), |(failed, held), (_, of)| {
                    (failed + of[0], held + of[1])
                });
                Reading::percent(held, failed + held)
            }
            Metric::CpuPerRequest => {
                let subject = self.subject.as_deref().unwrap_or_default();
                match &figures.cpu_per_request {
                    None => Reading::OutOfSight,
                    Some(none) if none.is_empty() => Reading::NoSamples,
                    Some(known) => known
                        .get(subject)
                        .map_or(Reading::OutOfSight, |micros| Reading::Value(*micros)),
                }
            }
        }
    }

    /// In percent of the turns that the rule is about.
    fn share_of_turns(&self, figures: &Figures, part: fn(&TurnFigures) -> u64) -> Reading {
        let is_meant = |turns: &&TurnFigures| {
            let scenario = turns.scenario.as_deref();
            self.is_about(&turns.stage) || scenario.is_some_and(|name| self.is_about(name))
        };
        let loads = || figures.turns.iter().filter(is_meant);
        let planned: u64 = loads().map(|turns| turns.planned).sum();
        let part: u64 = loads().map(part).sum();
        Reading::percent(part, planned)
    }

    pub(super) fn is_about(&self, name: &str) -> bool {
        self.subject.as_ref().is_none_or(|subject| subject == name)
    }

    /// The scenario that the rule is about, if it is about one.
    fn scenario<'a>(&self, figures: &'a Figures) -> Option<&'a (RouteFigures, f64)> {
        figures.scenarios.get(self.subject.as_ref()?)
    }

    /// The requests that the rule is about, or `None` when there were none.
    pub(super) fn requests(&self, figures: &Figures) -> Option<RouteFigures> {
        let of_scenario = self.scenario(figures).map(|(requests, _)| requests.clone());
        if let Some(requests) = of_scenario {
            return Some(requests).filter(|requests| !requests.response_times.is_empty());
        }
        figures
            .routes
            .iter()
            .filter(|(name, _)| self.is_about(name))
            .map(|(_, route)| route.clone())
            .reduce(|mut sum, route| {
                sum.response_times += route.response_times;
                sum.failed += route.failed;
                sum.first_bytes += route.first_bytes;
                sum
            })
            .filter(|sum| !sum.response_times.is_empty())
    }
}

/// A percentile of these times, if there are any.
fn percentile(times: &Histogram<u64>, percent: f64) -> Reading {
    match times.is_empty() {
        true => Reading::NoSamples,
        false => Reading::Value(times.value_at_percentile(percent) as f64),
    }
}

impl RouteFigures {
    fn sent(&self) -> f64 {
        self.response_times.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::figure::Figure;

    /// Requests that took as long as the longest of these; none where there are none.
    fn slow(times: &[u64]) -> RouteFigures {
        let mut response_times = Histogram::new(3).expect("3 digits are allowed");
        if let Some(time) = times.iter().max() {
            response_times.record(*time).expect("within range");
        }
        RouteFigures {
            first_bytes: response_times.clone(),
            response_times,
            failed: 0,
        }
    }

    fn figures(times: &[u64], failed: u64) -> Figures {
        let mut response_times = Histogram::new(3).expect("3 digits are allowed");
        for time in times {
            response_times.record(*time).expect("within range");
        }
        let route = RouteFigures {
            first_bytes: response_times.clone(),
            response_times,
            failed,
        };
        let mut connections = ConnectionFigures {
            requests: 100,
            ..ConnectionFigures::default()
        };
        for _ in 0..4 {
            let samples = &mut connections.samples;
            samples.connect.record(500).expect("within range");
            samples.handshake.record(800).expect("within range");
            samples.resumed = 3;
        }
        Figures {
            routes: BTreeMap::from([("GET /items".to_owned(), route)]),
            turns: vec![
                TurnFigures {
                    stage: "steady".to_owned(),
                    scenario: None,
                    planned: 300,
                    unsent: 0,
                    late: 30,
                },
                TurnFigures {
                    stage: "peak".to_owned(),
                    scenario: Some("buyers".to_owned()),
                    planned: 100,
                    unsent: 40,
                    late: 10,
                },
            ],
            scenarios: BTreeMap::from([("buyers".to_owned(), (slow(times), 1.0))]),
            measured: BTreeMap::from([("baskets", baskets()), ("wait", waits())]),
            checks: BTreeMap::from([("fresh".to_owned(), [1, 3]), ("whole".to_owned(), [0, 4])]),
            connections,
            seconds: 2.0,
            named: BTreeMap::from([
                ("fresh-ratio", Reading::OutOfSight),
                ("orders-lost", Reading::Value(2.0)),
                ("strays", Reading::NoSamples),
            ]),
            cpu_per_request: Some(BTreeMap::from([("shop".to_owned(), 300.0)])),
        }
    }

    const BASKETS: Figure = Figure::counted("baskets", "");
    const WAIT: Figure = Figure::measured("wait", Unit::Microseconds, "");

    fn baskets() -> MeasuredSamples {
        let mut baskets = MeasuredSamples::new(BASKETS);
        baskets.add_to_sum(6);
        baskets
    }

    fn waits() -> MeasuredSamples {
        let mut waits = MeasuredSamples::new(WAIT);
        for millis in 1..=10 {
            waits.keep(std::time::Duration::from_millis(millis).into());
        }
        waits
    }

    fn state(rule: &str, figures: &Figures) -> State {
        let known = [
            BASKETS,
            WAIT,
            Figure::new("fresh-ratio", Unit::Percent, ""),
            Figure::new("orders-lost", Unit::Count, ""),
            Figure::new("strays", Unit::Count, ""),
        ];
        let rule = Threshold::read(rule, &known).expect(rule);
        rule.judge(figures).state
    }

    #[test]
    fn rules_hold_or_fail_by_their_figure() {
        let figures = figures(&[1000, 2000, 3000, 4000], 1);
        for (rule, expected) in [
            ("p50<=2.1ms", State::Passed),
            ("max<4ms for GET /items", State::Failed),
            ("avg<2.6ms", State::Passed),
            ("error-rate<=25%", State::Passed),
            ("error-rate<25%", State::Failed),
            ("rps>=2", State::Passed),
            ("rps>2", State::Failed),
            ("unsent<=10%", State::Passed),
            ("unsent<10%", State::Failed),
            ("unsent<=0% for steady", State::Passed),
            ("unsent<=39% for peak", State::Failed),
            ("late<=10%", State::Passed),
            ("late<10% for peak", State::Failed),
            ("unsent<=40% for buyers", State::Passed),
            ("unsent<40% for buyers", State::Failed),
            ("p50<=4.1ms for buyers", State::Passed),
            ("p50<4ms for buyers", State::Failed),
            ("rps>=1 for buyers", State::Passed),
            ("first-byte-p50<=2.1ms for GET /items", State::Passed),
            ("first-byte-p99<2ms", State::Failed),
            ("connect-p99<=0.5ms", State::Passed),
            ("handshake-p99<0.8ms", State::Failed),
            ("stream-wait-p99<1ms", State::Passed),
            ("resumed>=75%", State::Passed),
            ("requests-per-connection>25", State::Failed),
            ("orders-lost<=2", State::Passed),
            ("baskets>=6", State::Passed),
            ("baskets>6", State::Failed),
            ("baskets-rate>=3", State::Passed),
            ("wait-p90<=9.1ms", State::Passed),
            ("wait-p90<9ms", State::Failed),
            ("wait-max<=10.1ms", State::Passed),
            ("wait-min<1ms", State::Failed),
            ("orders-lost<=1", State::Failed),
            ("cpu-per-request<1ms for shop", State::Passed),
        ] {
            assert_eq!(state(rule, &figures), expected, "{rule}");
        }
    }

    #[test]
    fn nothing_measured_fails_and_nothing_observable_is_said() {
        let figures = figures(&[], 0);
        assert_eq!(state("p50<1s", &figures), State::Failed);
        assert_eq!(state("strays<=0", &figures), State::Failed);
        assert_eq!(state("fresh-ratio>=0%", &figures), State::NotObservable);
        let cpu = "cpu-per-request<1s for store";
        assert_eq!(state(cpu, &figures), State::NotObservable);
        let idle = Figures {
            turns: vec![TurnFigures {
                stage: "steady".to_owned(),
                ..TurnFigures::default()
            }],
            cpu_per_request: Some(BTreeMap::new()),
            ..figures
        };
        assert_eq!(state(cpu, &idle), State::Failed);
        assert_eq!(state("unsent<=2%", &idle), State::Failed);
    }

    proptest! {
        #[test]
        fn a_rule_and_its_opposite_never_agree(
            times in prop::collection::vec(1u64..1_000_000, 1..50),
            limit in 1u32..1000,
        ) {
            let figures = figures(&times, 0);
            let below = state(&format!("p90<{limit}ms"), &figures);
            let above = state(&format!("p90>={limit}ms"), &figures);
            prop_assert_ne!(below, above);
        }
    }
}
