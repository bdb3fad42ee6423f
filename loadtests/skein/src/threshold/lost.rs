//! Rules that no continuation of a run could make hold any more: decided from what was counted
//! so far and the most that can still come, and never from what is likely.

use std::collections::BTreeMap;

use super::judge::{Figures, RouteFigures, TurnFigures};
use super::{Metric, Operator, Threshold};
use crate::samples::Statistic;

/// The most that a run may have counted when its plan is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AtMost {
    /// Requests in judged stages; `None` where nobody knows.
    pub requests: Option<u64>,
    /// The same of each scenario.
    pub scenarios: BTreeMap<String, u64>,
    /// Turns of the open loads of judged stages.
    pub turns: Vec<PlannedTurns>,
    /// Checks of one answer.
    pub checks: u64,
}

/// The turns that the plan holds for one open load.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTurns {
    /// The stage.
    pub stage: String,
    /// The scenario whose load it is, unless it is that of all.
    pub scenario: Option<String>,
    /// The number of turns.
    pub planned: u64,
}

/// A time in microseconds that counts as the longest.
const LONGEST: u64 = 3 * 60 * 60 * 1_000_000;

/// The most further requests that are thought through one by one with histograms; with more,
/// a rule is rather not called lost.
const MOST: u64 = 1 << 40;

/// The part of a mean that rounding may be wrong by.
const ROUNDING: f64 = 1e-9;

impl Threshold {
    /// True when the rule fails however the run goes on. Of turns, `so_far` has as unsent those
    /// that surely never will be.
    pub fn is_lost(&self, so_far: &Figures, at_most: &AtMost) -> bool {
        match self.metric {
            Metric::Maximum | Metric::Measured(_, Statistic::Sum | Statistic::Maximum)
                if self.wants_less() =>
            {
                self.is_missed(so_far)
            }
            Metric::Percentile(_)
            | Metric::FirstByte(_)
            | Metric::Maximum
            | Metric::Average
            | Metric::ErrorRate => match self.further(so_far, at_most) {
                Some(further) if further <= MOST => self.is_lost_at_best(so_far, further),
                // Any number of good ones may follow, which leaves a share above nothing.
                _ => {
                    let any_is_too_many =
                        self.metric == Metric::ErrorRate && self.wants_less() && self.limit == 0.0;
                    any_is_too_many && self.is_missed(so_far)
                }
            },
            Metric::Unsent | Metric::Late => self.are_turns_lost(so_far, at_most),
            Metric::Checks => self.are_checks_lost(so_far, at_most),
            // Shares of what is only known at the end, or of what nobody can bound.
            Metric::RequestsPerSecond
            | Metric::Connect(_)
            | Metric::Handshake(_)
            | Metric::StreamWait(_)
            | Metric::Resumed
            | Metric::RequestsPerConnection
            | Metric::Named(_)
            | Metric::Measured(..)
            | Metric::CpuPerRequest => false,
        }
    }

    fn wants_less(&self) -> bool {
        matches!(self.operator, Operator::Less | Operator::AtMost)
    }

    /// True when there is a value, on the wrong side of the limit.
    fn is_missed(&self, figures: &Figures) -> bool {
        let value = self.judge(figures).value;
        value.is_some_and(|value| !self.operator.holds(value, self.limit))
    }

    /// The most requests that may still come of those that the rule is about.
    fn further(&self, so_far: &Figures, at_most: &AtMost) -> Option<u64> {
        let subject = self.subject.as_ref();
        if let Some((name, (requests, _))) =
            subject.and_then(|name| so_far.scenarios.get_key_value(name))
            && let Some(most) = at_most.scenarios.get(name)
        {
            return Some(most.saturating_sub(requests.response_times.len()));
        }
        let counted = so_far.routes.values();
        let counted: u64 = counted.map(|route| route.response_times.len()).sum();
        Some(at_most.requests?.saturating_sub(counted))
    }

    /// True when the rule fails even if as many `further` requests as can be come, each as
    /// good as can be. Fewer of them, or worse ones, make nothing better: a percentile, a
    /// mean or a share only moves towards what follows.
    fn is_lost_at_best(&self, so_far: &Figures, further: u64) -> bool {
        let Some(mut requests) = self.requests(so_far) else {
            return false;
        };
        let best = if self.wants_less() { 1 } else { LONGEST };
        let add = |times: &mut hdrhistogram::Histogram<u64>| times.record_n(best, further).is_ok();
        if !(add(&mut requests.response_times) && add(&mut requests.first_bytes)) {
            return false;
        }
        if !self.wants_less() {
            requests.failed += further;
        }
        let at_best = Figures {
            routes: BTreeMap::from([(String::new(), requests)]),
            ..Figures::default()
        };
        let of_all = Threshold {
            subject: None,
            limit: match (self.metric, self.wants_less()) {
                (Metric::Average, true) => self.limit * (1.0 + ROUNDING),
                (Metric::Average, false) => self.limit * (1.0 - ROUNDING),
                _ => self.limit,
            },
            ..self.clone()
        };
        of_all.is_missed(&at_best)
    }

    /// Of all turns that the plan holds, those that failed already may be too many.
    fn are_turns_lost(&self, so_far: &Figures, at_most: &AtMost) -> bool {
        if !self.wants_less() {
            return false;
        }
        let turns = at_most.turns.iter().map(|load| {
            let so_far = so_far
                .turns
                .iter()
                .find(|turns| turns.stage == load.stage && turns.scenario == load.scenario);
            TurnFigures {
                stage: load.stage.clone(),
                scenario: load.scenario.clone(),
                planned: load.planned,
                unsent: so_far.map_or(0, |turns| turns.unsent),
                late: so_far.map_or(0, |turns| turns.late),
            }
        });
        self.is_missed(&Figures {
            turns: turns.collect(),
            ..Figures::default()
        })
    }

    /// Of all checks that can be made, those that failed already may be too many.
    fn are_checks_lost(&self, so_far: &Figures, at_most: &AtMost) -> bool {
        if self.wants_less() {
            return false;
        }
        let any = Threshold {
            subject: None,
            ..self.clone()
        };
        let counted = so_far.routes.values();
        let counted: u64 = counted
            .map(|route: &RouteFigures| route.response_times.len())
            .sum();
        let further = at_most.requests.map(|most| most.saturating_sub(counted));
        let meant = so_far.checks.iter().filter(|(name, _)| self.is_about(name));
        let (failed, held) = meant.fold((0, 0), |(failed, held), (_, of)| {
            (failed + of[0], held + of[1])
        });
        let Some(further) = further else {
            return failed > 0 && self.limit >= 100.0;
        };
        // What of a request was counted before it is a sample is among those that follow.
        let held = held.saturating_add(further.saturating_mul(at_most.checks));
        any.is_missed(&Figures {
            checks: BTreeMap::from([(String::new(), [failed, held])]),
            ..Figures::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::super::State;
    use super::*;

    /// A request: the time that it took in microseconds, and whether it failed.
    type Request = (u64, bool);

    fn requests(all: &[Request]) -> RouteFigures {
        let mut times = Histogram::new(3).expect("3 digits are allowed");
        for (time, _) in all {
            times.record(*time).expect("it grows");
        }
        RouteFigures {
            first_bytes: times.clone(),
            response_times: times,
            failed: all.iter().filter(|(_, failed)| *failed).count() as u64,
        }
    }

    /// The figures of these requests, each also a check and a turn of a scenario that failed or
    /// held with it.
    fn figures(all: &[Request]) -> Figures {
        let of_all = requests(all);
        let (failed, count) = (of_all.failed, all.len() as u64);
        Figures {
            scenarios: BTreeMap::from([("buyers".to_owned(), (of_all.clone(), 10.0))]),
            routes: BTreeMap::from([("GET /".to_owned(), of_all)]),
            turns: vec![TurnFigures {
                stage: "steady".to_owned(),
                scenario: Some("buyers".to_owned()),
                planned: count,
                unsent: failed,
                late: failed,
            }],
            checks: BTreeMap::from([("fresh".to_owned(), [failed, count - failed])]),
            seconds: 10.0,
            ..Figures::default()
        }
    }

    fn at_most(most: Option<u64>) -> AtMost {
        AtMost {
            requests: most,
            scenarios: most
                .map(|most| ("buyers".to_owned(), most))
                .into_iter()
                .collect(),
            turns: most
                .map(|planned| PlannedTurns {
                    stage: "steady".to_owned(),
                    scenario: Some("buyers".to_owned()),
                    planned,
                })
                .into_iter()
                .collect(),
            checks: 1,
        }
    }

    fn rule(rule: &str) -> Threshold {
        Threshold::read(rule, &[]).expect(rule)
    }

    fn a_rule() -> impl Strategy<Value = Threshold> {
        let metrics = prop::sample::select(vec![
            "p50",
            "p90",
            "p99",
            "p99.9",
            "max",
            "avg",
            "first-byte-p90",
            "error-rate",
            "checks",
            "unsent",
            "late",
            "rps",
        ]);
        let op = prop::sample::select(vec!["<", "<=", ">", ">="]);
        let about = prop::sample::select(vec!["", " for buyers"]);
        (metrics, op, 0u32..100, about).prop_filter_map("a rule", |(metric, op, limit, about)| {
            let unit = match metric {
                "error-rate" | "checks" | "unsent" | "late" => "%",
                "rps" => "",
                _ => "ms",
            };
            let about = if metric == "checks" { "" } else { about };
            Threshold::read(&format!("{metric}{op}{limit}{unit}{about}"), &[]).ok()
        })
    }

    fn some_requests(most: usize) -> impl Strategy<Value = Vec<Request>> {
        prop::collection::vec((1u64..120_000, prop::bool::weighted(0.2)), 0..most)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_run_that_is_stopped_would_have_failed_whatever_had_come(
            rule in a_rule(), seen in some_requests(60), follow in some_requests(60),
            spare in 0u64..5, is_bounded: bool,
        ) {
            let all: Vec<Request> = seen.iter().chain(&follow).copied().collect();
            let most = is_bounded.then_some(all.len() as u64 + spare);
            if rule.is_lost(&figures(&seen), &at_most(most)) {
                prop_assert_eq!(rule.judge(&figures(&all)).state, State::Failed, "{}", rule);
                prop_assert_eq!(rule.judge(&figures(&seen)).state, State::Failed, "{}", rule);
            }
        }
    }

    #[test]
    fn a_rule_is_lost_from_the_request_on_that_makes_it_certain() {
        let seen = |failed: usize, slow: usize| {
            let mut all = vec![(1_000, true); failed];
            all.extend(vec![(80_000, false); slow]);
            all.extend(vec![(1_000, false); 50 - failed - slow]);
            figures(&all)
        };
        // Of 1,000 requests, 50 are over.
        let bounded = at_most(Some(1_000));
        for (text, holding, lost) in [
            ("error-rate<1%", seen(9, 0), seen(10, 0)),
            ("error-rate<=0% for buyers", seen(0, 0), seen(1, 0)),
            ("p99<50ms", seen(0, 10), seen(0, 11)),
            ("first-byte-p99<50ms for buyers", seen(0, 10), seen(0, 11)),
            ("avg<2ms", seen(0, 24), seen(0, 25)),
            ("checks>=99%", seen(10, 0), seen(11, 0)),
            ("unsent<=2%", seen(20, 0), seen(21, 0)),
            ("late<2% for buyers", seen(19, 0), seen(20, 0)),
        ] {
            assert!(!rule(text).is_lost(&holding, &bounded), "{text} may hold");
            assert!(rule(text).is_lost(&lost, &bounded), "{text} is lost");
        }
    }

    #[test]
    fn where_nobody_knows_how_many_follow_only_what_none_may_have_is_lost() {
        let unbounded = at_most(None);
        let bad = figures(&[(80_000, true); 50]);
        for text in ["max<50ms", "error-rate<=0%", "checks>=100%"] {
            assert!(rule(text).is_lost(&bad, &unbounded), "{text}");
        }
        for text in [
            "p99<50ms",
            "avg<2ms",
            "error-rate<1%",
            "checks>=99%",
            "max>1s",
            "rps>=9999",
        ] {
            assert!(!rule(text).is_lost(&bad, &unbounded), "{text}");
        }
    }
}
