//! A promise to users: rules on response times and failures, each of which a share of all
//! requests may break. A rule is one of thresholds' own, such as `p99<50ms for GET /items`,
//! which says that 1 % of these requests may take longer.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::plan::Plan;
use crate::samples::Route;
use crate::slots::Done;
use crate::threshold::{Metric, Operator, Threshold};

/// A promise to users.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Promise {
    clauses: Vec<Clause>,
}

/// One rule of a promise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clause {
    /// The rule as it was written.
    pub(crate) rule: String,
    /// The route that it is about; `None` means all together.
    route: Option<String>,
    breaks: Breaks,
    /// The share of requests that may break it, above 0 and below 1.
    pub(crate) allowed: f64,
}

/// A request that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Breaks {
    /// One that takes as long as this, or longer.
    From(Duration),
    /// One that takes longer than this.
    Beyond(Duration),
    /// One whose answer is wrong or missing.
    Failed,
}

/// The requests of a slot that a clause is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Requests that were due, sent or not.
    pub(crate) due: u64,
    /// Requests among them that broke it.
    pub(crate) broken: u64,
}

/// A text that is no promise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("promise {rule:?}: {reason}")]
pub struct InvalidPromise {
    rule: String,
    reason: String,
}

impl Promise {
    /// The promise that these rules make together.
    ///
    /// # Errors
    ///
    /// One is no rule of a promise, or there are none.
    pub(crate) fn of(
        rules: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, InvalidPromise> {
        let clauses = rules.into_iter().map(|rule| rule.as_ref().parse());
        let clauses: Vec<Clause> = clauses.collect::<Result<_, _>>()?;
        match clauses.is_empty() {
            true => Err(InvalidPromise {
                rule: String::new(),
                reason: "write rules such as p99<50ms, error-rate<0.1%".to_owned(),
            }),
            false => Ok(Promise { clauses }),
        }
    }

    /// The rules.
    pub(crate) fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// Refuses a rule about a route that the plan's users don't ask for.
    ///
    /// # Errors
    ///
    /// There is one.
    pub(crate) fn check_against(&self, plan: &Plan) -> Result<(), InvalidPromise> {
        for clause in &self.clauses {
            if let Some(route) = &clause.route {
                plan.check_route(route).map_err(|reason| InvalidPromise {
                    rule: clause.rule.clone(),
                    reason,
                })?;
            }
        }
        Ok(())
    }

    /// The longest response time that keeps every rule; `None` when none is about time.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.clauses.iter().filter_map(Clause::time).max()
    }
}

impl Clause {
    /// The response time that it is about, if it is about one.
    pub(crate) fn time(&self) -> Option<Duration> {
        match self.breaks {
            Breaks::From(limit) | Breaks::Beyond(limit) => Some(limit),
            Breaks::Failed => None,
        }
    }

    /// The requests that this rule is about among the `counted` ones of a slot, and among as
    /// many turns that were due then and never sent.
    ///
    /// A turn that was never sent is broken whatever it would have asked for. Of a rule about
    /// one route, only the share of them counts that this route had among those that were sent.
    pub(crate) fn kept<'a>(
        &self,
        counted: impl Iterator<Item = &'a Done> + Clone,
        unsent: u64,
    ) -> Kept {
        let all = counted.clone().count() as f64;
        let mut kept = Kept::default();
        for done in counted.filter(|done| self.is_about(done.route)) {
            kept.due += 1;
            kept.broken += u64::from(self.is_broken_by(done.time, done.failed));
        }
        let share = match &self.route {
            Some(_) if all > 0.0 => kept.due as f64 / all,
            _ => 1.0,
        };
        let unsent = (unsent as f64 * share).round() as u64;
        Kept {
            due: kept.due + unsent,
            broken: kept.broken + unsent,
        }
    }

    fn is_about(&self, route: Route) -> bool {
        self.route.as_ref().is_none_or(|name| *name == route.name())
    }

    fn is_broken_by(&self, time: Duration, failed: bool) -> bool {
        match self.breaks {
            // Who gets a wrong answer soon was not served in time either.
            Breaks::From(limit) => failed || time >= limit,
            Breaks::Beyond(limit) => failed || time > limit,
            Breaks::Failed => failed,
        }
    }
}

impl FromStr for Clause {
    type Err = InvalidPromise;

    fn from_str(text: &str) -> Result<Self, InvalidPromise> {
        let invalid = |reason: String| InvalidPromise {
            rule: text.trim().to_owned(),
            reason,
        };
        let rule =
            Threshold::read(text, &[]).map_err(|error| invalid(error.reason().to_owned()))?;
        let limit = || Duration::from_secs_f64(rule.limit / 1e6);
        let (breaks, allowed) = match (rule.metric, rule.operator) {
            (Metric::Percentile(percent), Operator::Less) => {
                (Breaks::From(limit()), 1.0 - percent / 100.0)
            }
            (Metric::Percentile(percent), Operator::AtMost) => {
                (Breaks::Beyond(limit()), 1.0 - percent / 100.0)
            }
            (Metric::ErrorRate, Operator::Less | Operator::AtMost) => {
                (Breaks::Failed, rule.limit / 100.0)
            }
            _ => {
                return Err(invalid(
                    "a promise is made of rules that a share of requests may break, such as \
                     p99<50ms or error-rate<0.1%"
                        .to_owned(),
                ));
            }
        };
        if !(allowed > 0.0 && allowed < 1.0) {
            return Err(invalid(
                "no load is low enough to show that nothing ever fails; allow a share, such as \
                 error-rate<0.1%"
                    .to_owned(),
            ));
        }
        Ok(Clause {
            rule: rule.rule,
            route: rule.subject,
            breaks,
            allowed,
        })
    }
}

impl FromStr for Promise {
    type Err = InvalidPromise;

    /// Rules with commas between them.
    fn from_str(text: &str) -> Result<Self, InvalidPromise> {
        Promise::of(text.split(',').filter(|rule| !rule.trim().is_empty()))
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<&str> = self.clauses.iter().map(|clause| &*clause.rule).collect();
        f.write_str(&rules.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    const READ: Route = Route::new("GET", "/items/{item}");
    const BUY: Route = Route::new("POST", "/basket");

    fn done(route: Route, millis: u64, failed: bool) -> Done {
        Done {
            route,
            failed,
            ended: Instant::now(),
            time: Duration::from_millis(millis),
        }
    }

    fn clause(rule: &str) -> Clause {
        rule.parse().expect(rule)
    }

    #[test]
    fn a_rule_says_which_requests_break_it_and_how_many_may() {
        let slot = [
            done(READ, 49, false),
            done(READ, 50, false),
            done(BUY, 60, true),
        ];
        let broken = |rule: &str| clause(rule).kept(slot.iter(), 0);
        assert_eq!(broken("p99<50ms"), Kept { due: 3, broken: 2 });
        assert_eq!(broken("p99<=50ms"), Kept { due: 3, broken: 1 });
        assert_eq!(broken("error-rate<1%"), Kept { due: 3, broken: 1 });
        assert_eq!(
            broken("p99<55ms for POST /basket"),
            Kept { due: 1, broken: 1 }
        );
        assert!((clause("p99.9<1s").allowed - 0.001).abs() < 1e-12);
        assert!((clause("error-rate<0.1%").allowed - 0.001).abs() < 1e-12);
    }

    #[test]
    fn a_request_that_fails_soon_was_not_served_in_time() {
        let slot = [done(READ, 1, true)];
        assert_eq!(clause("p99<50ms").kept(slot.iter(), 0).broken, 1);
    }

    #[test]
    fn what_is_no_promise_is_refused_with_the_reason() {
        for (text, says) in [
            ("", "write rules such as"),
            ("p99", "<metric><op><limit>"),
            ("avg<5ms", "a share of requests may break"),
            ("max<5ms", "a share of requests may break"),
            ("p99>5ms", "a share of requests may break"),
            ("hit-ratio>=80%", "metric"),
            ("error-rate<=0%", "no load is low enough"),
            ("p99<50ms, error-rate<fast", "promise"),
        ] {
            let error = text.parse::<Promise>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let promise: Promise = "p99<50ms, error-rate<0.1%".parse().expect("a promise");
        assert_eq!(promise.to_string(), "p99<50ms, error-rate<0.1%");
        assert_eq!(promise.patience(), Some(Duration::from_millis(50)));
    }

    proptest! {
        #[test]
        fn what_was_never_sent_is_broken_whatever_it_would_have_asked_for(
            times in prop::collection::vec(1u64..100, 1..50), unsent in 0u64..100,
        ) {
            let slot: Vec<Done> = times.iter().map(|millis| done(READ, *millis, false)).collect();
            for rule in ["p90<50ms", "error-rate<5%", "p90<50ms for GET /items/{item}"] {
                let sent = clause(rule).kept(slot.iter(), 0);
                let all = clause(rule).kept(slot.iter(), unsent);
                prop_assert_eq!(all.due, sent.due + unsent);
                prop_assert_eq!(all.broken, sent.broken + unsent);
            }
        }
    }
}
