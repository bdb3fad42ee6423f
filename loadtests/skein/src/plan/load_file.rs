//! The TOML form of load, of a stage or of one scenario in it, and the check that it makes sense.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::mistake::Mistake;
use super::span::{Span, Text};
use super::{OpenLoad, ScenarioLoad, Stage};
use crate::arrivals::{Rate, RateCurve, Spacing};

/// The most users of a stage: more than one machine has memory and ports for, with a slip of
/// the pen.
pub(crate) const MOST_USERS: usize = 100_000;

/// The shortest load: less would be over before a tenth of it could be looked at.
pub(super) const SHORTEST: Duration = Duration::from_millis(10);

/// A load as a stage or a scenario in it has written it.
pub(super) struct Written<'a> {
    /// The name of whose load it is.
    pub(super) name: &'a Spanned<String>,
    pub(super) users: &'a Option<Spanned<usize>>,
    pub(super) rate: &'a Option<Spanned<RateText>>,
    pub(super) arrivals: &'a Option<Spanned<Spacing>>,
    pub(super) ramp: &'a Option<Spanned<Span>>,
    pub(super) ramp_from: &'a Option<Spanned<RateText>>,
}

/// `scenario.checkout = { rate = "20/s", begins = "10s", duration = "30s" }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioLoadFile {
    users: Option<Spanned<usize>>,
    rate: Option<Spanned<RateText>>,
    arrivals: Option<Spanned<Spacing>>,
    begins: Option<Spanned<Span>>,
    duration: Option<Spanned<Span>>,
    ramp: Option<Spanned<Span>>,
    ramp_from: Option<Spanned<RateText>>,
}

/// The loads of scenarios in a stage, as written.
pub(super) type ScenarioLoadFiles = BTreeMap<Spanned<String>, Spanned<ScenarioLoadFile>>;

/// Arrivals per second as people write them: `"1000/s"`, `"90/min"`.
#[derive(Clone, Copy)]
pub(super) struct RateText(Rate);

impl<'de> Deserialize<'de> for RateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = Text("a rate in quotes, such as \"1000/s\" or \"90/min\"");
        let text = deserializer.deserialize_str(expected)?;
        text.parse().map(RateText).map_err(serde::de::Error::custom)
    }
}

/// Checks the loads of a stage's scenarios, of which there are those `known`; `stages` are the
/// ones before it.
pub(super) fn check_scenario_loads(
    written: &ScenarioLoadFiles,
    known: &[String],
    stages: &[Stage],
    duration: Duration,
) -> Result<Vec<ScenarioLoad>, Mistake> {
    let mut written: Vec<_> = written.iter().collect();
    // In the order in which they are written.
    written.sort_by_key(|(name, _)| name.span().start);
    let before = |name: &str| stages.last().and_then(|stage| stage.load_of(name));
    let loads = written.into_iter().map(|(name, load)| {
        if !known.contains(name.get_ref()) {
            let sentence = match known {
                [] => "this program has no scenarios; write plain requests, each a [[request]]"
                    .to_owned(),
                _ => format!(
                    "no scenario is called {:?}; there is {}",
                    name.get_ref(),
                    known.join(", ")
                ),
            };
            return Err(Mistake::at(name, sentence));
        }
        load.get_ref()
            .check(name, before(name.get_ref()), duration)
            .map(|load| ScenarioLoad {
                scenario: name.get_ref().clone(),
                ..load
            })
    });
    loads.collect()
}

impl ScenarioLoadFile {
    fn check(
        &self,
        name: &Spanned<String>,
        before: Option<&ScenarioLoad>,
        of_stage: Duration,
    ) -> Result<ScenarioLoad, Mistake> {
        let begins = (self.begins.as_ref()).map_or(Duration::ZERO, |begins| begins.get_ref().0);
        if let Some(begins) = (self.begins.as_ref())
            .filter(|begins| begins.get_ref().0.saturating_add(SHORTEST) > of_stage)
        {
            return Err(Mistake::at(
                begins,
                "the stage is over by then; `begins` counts from its beginning",
            ));
        }
        let left = of_stage.saturating_sub(begins);
        let duration = match &self.duration {
            Some(written) if written.get_ref().0 < SHORTEST => {
                return Err(Mistake::at(written, "a load lasts 10ms or longer"));
            }
            Some(written) if written.get_ref().0 > left => {
                return Err(Mistake::at(
                    written,
                    format!(
                        "the stage is over before; it has {} left then, which is the load's length without `duration`",
                        humantime::format_duration(left)
                    ),
                ));
            }
            Some(written) => written.get_ref().0,
            None => left,
        };
        let written = Written {
            name,
            users: &self.users,
            rate: &self.rate,
            arrivals: &self.arrivals,
            ramp: &self.ramp,
            ramp_from: &self.ramp_from,
        };
        let ramp = written.ramp(duration)?;
        let before = before.and_then(|before| before.open.as_ref());
        let open = written.open_load(before, (duration, ramp))?;
        Ok(ScenarioLoad {
            scenario: String::new(),
            begins,
            duration,
            ramp,
            users: written.users(open.as_ref())?,
            open,
        })
    }
}

impl Written<'_> {
    /// The time from the load before to this one, of a load that has a `duration`.
    pub(super) fn ramp(&self, duration: Duration) -> Result<Duration, Mistake> {
        match self.ramp {
            Some(written) if written.get_ref().0 > duration => Err(Mistake::at(
                written,
                "the ramp is part of the stage and can't last longer than it",
            )),
            Some(written) => Ok(written.get_ref().0),
            None => Ok(Duration::ZERO),
        }
    }

    /// The open load that is asked for by a rate, if there is one. Without `ramp_from`, a ramp
    /// begins at the rate of the load `before`, or at nothing.
    pub(super) fn open_load(
        &self,
        before: Option<&OpenLoad>,
        (duration, ramp): (Duration, Duration),
    ) -> Result<Option<OpenLoad>, Mistake> {
        let Some(rate) = self.rate else {
            let only_open =
                "this is for open load; give the stage a rate, such as `rate = \"1000/s\"`";
            return match (self.arrivals, self.ramp_from) {
                (Some(arrivals), _) => Err(Mistake::at(arrivals, only_open)),
                (_, Some(ramp_from)) => Err(Mistake::at(ramp_from, only_open)),
                (None, None) => Ok(None),
            };
        };
        if let Some(written) = self.ramp_from.as_ref().filter(|_| ramp.is_zero()) {
            return Err(Mistake::at(
                written,
                "without a ramp, the stage has its rate from the begin; give it one, such as `ramp = \"5s\"`",
            ));
        }
        let ramp_from = self.ramp_from.as_ref().map(|rate| rate.get_ref().0);
        let from = ramp_from.or(before.map(|before| before.curve.to));
        Ok(Some(OpenLoad {
            curve: RateCurve {
                from: from.map_or(0.0, Rate::get),
                to: rate.get_ref().0,
                ramp,
                duration,
            },
            spacing: self
                .arrivals
                .as_ref()
                .map_or_else(Spacing::default, |s| *s.get_ref()),
        }))
    }

    /// The users that are asked for, or enough of them for the rate.
    pub(super) fn users(&self, open: Option<&OpenLoad>) -> Result<usize, Mistake> {
        match (self.users, open) {
            (Some(users), Some(open)) if *users.get_ref() == 0 && !open.is_pause() => {
                Err(Mistake::at(
                    users,
                    "nobody is there for this rate; give the stage users, or leave them out for enough",
                ))
            }
            (Some(users), _) if (0..=MOST_USERS).contains(users.get_ref()) => Ok(*users.get_ref()),
            (Some(users), _) => Err(Mistake::at(
                users,
                format!("a stage has 0 to {MOST_USERS} users, of which 0 are a pause"),
            )),
            (None, Some(open)) => Ok(open.enough_users()),
            (None, None) => Err(Mistake::at(
                self.name,
                "a stage has users or a rate, such as `users = 32` or `rate = \"1000/s\"`; so has each scenario with a load of its own",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::testing::{self, refusal};

    const VALID: &str = r#"
name = "side-by-side"
thresholds = ["unsent<1% for browsers", "late<5% for peak", "p99<1s for browsers", "rps>1 for buyers"]

[[stage]]
name = "steady"
duration = "60s"
scenario.browsers = { rate = "200/s" }
scenario.buyers = { rate = "20/s", begins = "10s", duration = "30s" }

[[stage]]
name = "peak"
duration = "20s"
scenario.browsers = { rate = "400/s", ramp = "5s", users = 9 }
scenario.window_shoppers = { users = 5, ramp = "1s" }
"#;

    #[test]
    fn scenarios_have_rates_and_users_of_their_own_and_begin_and_end_when_they_say() {
        let plan = testing::parse(VALID);
        let [steady, peak] = &plan.stages[..] else {
            panic!("{:?}", plan.stages);
        };
        let seconds = Duration::from_secs;
        let buyers = steady.load_of("buyers").expect("a load");
        assert_eq!((buyers.begins, buyers.duration), (seconds(10), seconds(30)));
        assert_eq!(buyers.open.expect("open").curve.expected(), 600.0);
        assert_eq!(steady.users, 64, "enough for each");
        let browsers = peak.load_of("browsers").expect("a load");
        let curve = browsers.open.expect("open").curve;
        assert_eq!(
            (curve.from, browsers.users),
            (200.0, 9),
            "from the stage before"
        );
        let shoppers = peak.load_of("window_shoppers").expect("a load");
        assert_eq!((shoppers.open, shoppers.users), (None, 5));
        assert!(!steady.is_level() && !peak.is_level());
        assert_eq!(plan.schedule().length(), seconds(80));
    }

    #[test]
    fn plain_requests_have_loads_by_their_routes() {
        let source = r#"
name = "plain"
thresholds = ["late<5% for GET /b"]
[[stage]]
name = "steady"
duration = "1s"
scenario."GET /a" = { rate = "2/s" }
scenario."GET /b" = { users = 3 }
[[request]]
path = "/a"
[[request]]
path = "/b"
"#;
        let other = source.replace("late<5% for GET /b", "late<5% for GET /a");
        let plan = testing::parse(&other);
        let names: Vec<_> = plan.scenario_names().collect();
        assert_eq!(names, ["plain_requests", "GET /a", "GET /b"]);
        let refused = testing::try_parse(source).expect_err("closed load");
        assert!(refused.contains("there is steady, GET /a"), "{refused}");
    }

    #[test]
    fn a_load_that_makes_no_sense_is_refused_where_it_is_written() {
        for (from, to, place, says) in [
            (
                "scenario.buyers",
                "scenario.byers",
                "9:10",
                "there is browsers",
            ),
            ("\"10s\", d", "\"60s\", d", "9:45", "over by then"),
            ("\"30s\"", "\"55s\"", "9:63", "it has 50s left"),
            ("rate = \"20/s\", ", "", "9:10", "users or a rate"),
            ("\"200/s\"", "\"200/s\", rate_from = 1", "8:39", "rate_from"),
            (
                "users = 5",
                "users = 5, arrivals = \"poisson\"",
                "15:52",
                "open load",
            ),
            (
                "duration = \"60s\"",
                "duration = \"60s\"\nusers = 3",
                "8:9",
                "loads of their own",
            ),
            (
                "name = \"peak\"",
                "name = \"browsers\"",
                "14:10",
                "rename the stage",
            ),
            (
                "for browsers",
                "for window_shoppers",
                "3:15",
                "there is steady, browsers, buyers, peak",
            ),
            (
                "p99<1s for browsers",
                "p99<1s for nobody",
                "3:61",
                "sends no",
            ),
            (
                "scenario.browsers = { rate = \"200/s\" }\nscenario.buyers = { rate = \"20/s\", begins = \"10s\", duration = \"30s\" }",
                "users = 3",
                "6:8",
                "[mix]",
            ),
        ] {
            refusal("tiny.toml", VALID, (from, to, place, says));
        }
    }
}
