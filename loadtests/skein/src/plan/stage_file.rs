//! The TOML form of stages, and the check that they make sense.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::load_file::{RateText, SHORTEST, ScenarioLoadFiles, Written, check_scenario_loads};
use super::mistake::Mistake;
use super::span::Span;
use super::{ScenarioLoad, Stage};
use crate::arrivals::Spacing;
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
    #[serde(default)]
    scenario: ScenarioLoadFiles,
}

/// The scenarios that a plan's stages may give loads to.
pub(super) struct Loadable<'a> {
    /// Their names.
    pub(super) names: &'a [String],
    /// True when there is a mix for stages that have a load of it.
    pub(super) has_mix: bool,
}

/// The longest name of a stage, in bytes: it is shown in tables and on a terminal.
const LONGEST_NAME: usize = 100;

/// The time that a number of turns is given, unless the stage says how long.
const LONGEST_FOR_TURNS: Duration = Duration::from_secs(600);

/// Checks a plan's stages, each against those before it.
pub(super) fn check_stages(
    stages: Spanned<Vec<StageFile>>,
    loadable: &Loadable<'_>,
) -> Result<Vec<Stage>, Mistake> {
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
        let written = stage.written();
        let ramp = written.ramp(duration)?;
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
        let scenarios = stage.scenario_loads(loadable, &checked, duration)?;
        let (open, users) = match &scenarios[..] {
            [] => {
                let before = checked.last().and_then(|before| before.open.as_ref());
                let open = written.open_load(before, (duration, ramp))?;
                (open, written.users(open.as_ref())?)
            }
            loads => (None, loads.iter().map(|load| load.users).sum()),
        };
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
            scenarios,
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

impl StageFile {
    fn written(&self) -> Written<'_> {
        Written {
            name: &self.name,
            users: &self.users,
            rate: &self.rate,
            arrivals: &self.arrivals,
            ramp: &self.ramp,
            ramp_from: &self.ramp_from,
        }
    }

    /// True when some scenario has a load of its own.
    pub(super) fn has_scenario_loads(&self) -> bool {
        !self.scenario.is_empty()
    }

    /// The loads of scenarios, beside which the stage has none; none where it has its own.
    fn scenario_loads(
        &self,
        loadable: &Loadable<'_>,
        before: &[Stage],
        duration: Duration,
    ) -> Result<Vec<ScenarioLoad>, Mistake> {
        if self.scenario.is_empty() {
            return match loadable.has_mix {
                true => Ok(Vec::new()),
                false => Err(Mistake::at(
                    &self.name,
                    "nothing says which scenarios this stage's users follow; give the plan a [mix], or the stage loads such as `scenario.NAME = { rate = \"20/s\" }`",
                )),
            };
        }
        let own = [
            self.users.as_ref().map(Spanned::span),
            self.rate.as_ref().map(Spanned::span),
            self.arrivals.as_ref().map(Spanned::span),
            self.ramp.as_ref().map(Spanned::span),
            self.ramp_from.as_ref().map(Spanned::span),
            self.turns.as_ref().map(Spanned::span),
        ];
        if let Some(at) = own.into_iter().flatten().next() {
            return Err(Mistake {
                at,
                ..Mistake::somewhere(
                    "the scenarios of this stage have loads of their own; say this of one of them, or give the stage one load for all",
                )
            });
        }
        let clash = |name: &&Spanned<String>| {
            let stages = before.iter().map(|stage| &stage.name);
            stages
                .chain([self.name.get_ref()])
                .any(|stage| stage == name.get_ref())
        };
        if let Some(name) = self.scenario.keys().find(clash) {
            return Err(Mistake::at(
                name,
                "a stage is called like this scenario, so that rules could not tell them apart; rename the stage",
            ));
        }
        check_scenario_loads(&self.scenario, loadable.names, before, duration)
    }
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
