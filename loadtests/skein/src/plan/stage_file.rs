//! The TOML form of stages, and the check that they make sense.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::mistake::Mistake;
use super::span::{Span, Text};
use super::{OpenLoad, Stage};
use crate::arrivals::{Rate, RateCurve, Spacing};
use crate::text::is_order;

/// `[[stage]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageFile {
    name: Spanned<String>,
    users: Option<Spanned<usize>>,
    rate: Option<Spanned<RateText>>,
    arrivals: Option<Spanned<Spacing>>,
    duration: Option<Spanned<Span>>,
    turns: Option<Spanned<u64>>,
    ramp: Option<Spanned<Span>>,
    ramp_from: Option<Spanned<RateText>>,
    #[serde(default)]
    warm_up: bool,
}

/// Arrivals per second as people write them: `"1000/s"`, `"90/min"`.
#[derive(Clone, Copy)]
struct RateText(Rate);

impl<'de> Deserialize<'de> for RateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = Text("a rate in quotes, such as \"1000/s\" or \"90/min\"");
        let text = deserializer.deserialize_str(expected)?;
        text.parse().map(RateText).map_err(serde::de::Error::custom)
    }
}

/// The longest name of a stage, in bytes: it is shown in tables and on a terminal.
const LONGEST_NAME: usize = 100;

/// The shortest stage: less would be over before a tenth of it could be looked at.
const SHORTEST: Duration = Duration::from_millis(10);

/// The time that a number of turns is given, unless the stage says how long.
const LONGEST_FOR_TURNS: Duration = Duration::from_secs(600);

/// Checks a plan's stages, each against those before it.
pub(super) fn check_stages(stages: Spanned<Vec<StageFile>>) -> Result<Vec<Stage>, Mistake> {
    // Where it is said that nothing is asked for, if it is.
    let mut nothing = stages.span();
    let mut checked: Vec<Stage> = Vec::new();
    for stage in stages.into_inner() {
        if stage.name.get_ref().trim().is_empty() {
            return Err(Mistake::at(&stage.name, "a stage has a name"));
        }
        if stage.name.get_ref().len() > LONGEST_NAME || stage.name.get_ref().contains(is_order) {
            return Err(Mistake::at(
                &stage.name,
                "a stage's name is one line of text of at most 100 bytes, without control characters",
            ));
        }
        if let Some(turns) = checked.last().and_then(|before| before.turns) {
            return Err(Mistake::at(
                &stage.name,
                format!(
                    "the stage before ends after {turns} turns, and nobody knows when that is; put it last"
                ),
            ));
        }
        let duration = check_duration(&stage)?;
        let ramp = stage
            .ramp
            .as_ref()
            .map_or(Duration::ZERO, |r| r.get_ref().0);
        if let Some(written) = stage.ramp.as_ref().filter(|_| ramp > duration) {
            return Err(Mistake::at(
                written,
                "the ramp is part of the stage and can't last longer than it",
            ));
        }
        if stage.warm_up && checked.last().is_some_and(|before| !before.warm_up) {
            return Err(Mistake::at(
                &stage.name,
                "warm-up stages come before all others",
            ));
        }
        if checked
            .iter()
            .any(|other| &other.name == stage.name.get_ref())
        {
            return Err(Mistake::at(&stage.name, "another stage has this name"));
        }
        let before = checked.last().and_then(|before| before.open.as_ref());
        let open = check_open_load(&stage, before, (duration, ramp))?;
        let users = check_users(&stage, open.as_ref())?;
        let rate = stage.rate.as_ref().map(Spanned::span);
        if let Some(said) = rate.or(stage.users.as_ref().map(Spanned::span))
            && !stage.warm_up
        {
            nothing = said;
        }
        checked.push(Stage {
            users,
            name: stage.name.into_inner(),
            duration,
            ramp,
            warm_up: stage.warm_up,
            open,
            turns: stage.turns.map(Spanned::into_inner),
        });
    }
    if checked
        .iter()
        .all(|stage| stage.warm_up || stage.is_pause())
    {
        return Err(Mistake {
            at: nothing,
            ..Mistake::somewhere(
                "at least one stage is neither a warm-up nor a pause, or there is nothing to judge",
            )
        });
    }
    Ok(checked)
}

/// The time that a stage lasts, at most where it has a number of turns.
fn check_duration(stage: &StageFile) -> Result<Duration, Mistake> {
    if let Some(turns) = &stage.turns {
        let why = match (*turns.get_ref(), &stage.rate) {
            (0, _) => Some("a stage has at least one turn"),
            (_, Some(_)) => Some("turns have a rate here; say how long with `duration`"),
            _ if stage.warm_up => {
                Some("a warm-up lasts for some time; say how long with `duration`")
            }
            _ => None,
        };
        if let Some(why) = why {
            return Err(Mistake::at(turns, why));
        }
    }
    match (&stage.duration, &stage.turns) {
        (Some(written), _) if written.get_ref().0 < SHORTEST => {
            Err(Mistake::at(written, "a stage lasts 10ms or longer"))
        }
        (Some(written), _) => Ok(written.get_ref().0),
        (None, Some(_)) => Ok(LONGEST_FOR_TURNS),
        (None, None) => Err(Mistake::at(
            &stage.name,
            "a stage has a `duration`, such as \"30s\", or a number of `turns`",
        )),
    }
}

/// The open load that a stage asks for by its rate, if it does. Without `ramp_from`,
/// a ramp begins at the rate of the stage `before`, or at nothing.
fn check_open_load(
    stage: &StageFile,
    before: Option<&OpenLoad>,
    (duration, ramp): (Duration, Duration),
) -> Result<Option<OpenLoad>, Mistake> {
    let Some(rate) = &stage.rate else {
        let only_open = "this is for open load; give the stage a rate, such as `rate = \"1000/s\"`";
        return match (&stage.arrivals, &stage.ramp_from) {
            (Some(arrivals), _) => Err(Mistake::at(arrivals, only_open)),
            (_, Some(ramp_from)) => Err(Mistake::at(ramp_from, only_open)),
            (None, None) => Ok(None),
        };
    };
    if let Some(written) = stage.ramp_from.as_ref().filter(|_| ramp.is_zero()) {
        return Err(Mistake::at(
            written,
            "without a ramp, the stage has its rate from the begin; give it one, such as `ramp = \"5s\"`",
        ));
    }
    let ramp_from = stage.ramp_from.as_ref().map(|rate| rate.get_ref().0);
    let from = ramp_from.or(before.map(|before| before.curve.to));
    Ok(Some(OpenLoad {
        curve: RateCurve {
            from: from.map_or(0.0, Rate::get),
            to: rate.get_ref().0,
            ramp,
            duration,
        },
        spacing: stage
            .arrivals
            .as_ref()
            .map_or_else(Spacing::default, |s| *s.get_ref()),
    }))
}

/// The users that a stage asks for, or enough of them for its rate.
fn check_users(stage: &StageFile, open: Option<&OpenLoad>) -> Result<usize, Mistake> {
    match (&stage.users, open) {
        (Some(users), Some(open)) if *users.get_ref() == 0 && !open.is_pause() => Err(Mistake::at(
            users,
            "nobody is there for this rate; give the stage users, or leave them out for enough",
        )),
        (Some(users), _) if (0..=10_000).contains(users.get_ref()) => Ok(*users.get_ref()),
        (Some(users), _) => Err(Mistake::at(
            users,
            "a stage has 0 to 10000 users, of which 0 are a pause",
        )),
        (None, Some(open)) => Ok(open.enough_users()),
        (None, None) => Err(Mistake::at(
            &stage.name,
            "a stage has users or a rate, such as `users = 32` or `rate = \"1000/s\"`",
        )),
    }
}
