//! The TOML form of scenarios, and the check that each step knows what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use http::header;
use serde::Deserialize;
use toml::Spanned;

use super::super::super::mistake::{Mistake, within};
use super::super::super::span::Span;
use super::super::PlainRequest;
use super::super::check::{check_pattern, check_pointer};
use super::super::file::RequestFile;
use super::super::known::Known;
use super::super::names::Names;
use super::{Capture, Condition, From, Step, Story};
use crate::samples::Route;

/// `[[scenario]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct StoryFile {
    name: Spanned<String>,
    weight: Option<Spanned<u32>>,
    cookies: Option<bool>,
    #[serde(default)]
    once: Vec<Spanned<RequestFile>>,
    #[serde(default)]
    step: Vec<Spanned<RequestFile>>,
}

/// The members of a step beside its request.
#[derive(Default)]
pub(in crate::plan) struct StepFile {
    pub(in crate::plan) capture: BTreeMap<Spanned<String>, Spanned<CaptureFile>>,
    pub(in crate::plan) think: Option<Spanned<Span>>,
    pub(in crate::plan) repeat: Option<Spanned<RepeatFile>>,
    pub(in crate::plan) only_if: Option<Spanned<String>>,
    pub(in crate::plan) unless: Option<Spanned<String>>,
    pub(in crate::plan) chance: Option<Spanned<f64>>,
}

/// `{ json = "/token" }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct CaptureFile {
    json: Option<Spanned<String>>,
    header: Option<Spanned<String>>,
    cookie: Option<Spanned<String>>,
    matches: Option<Spanned<String>>,
    otherwise: Option<String>,
}

/// `3`, or `{ from = 1, to = 5 }`
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(in crate::plan) enum RepeatFile {
    Exactly(u32),
    Between { from: u32, to: u32 },
}

/// The places of captures that a user can have by some step.
pub(in crate::plan) type Captured = BTreeSet<usize>;

/// Checks scenarios, of users who know what is `known` and what set-up steps `captured`.
pub(in crate::plan) fn check_stories(
    stories: Vec<Spanned<StoryFile>>,
    known: &mut Known,
    captured: &Captured,
) -> Result<Vec<Story>, Mistake> {
    let mut checked: Vec<Story> = Vec::new();
    for story in stories {
        let at = story.span();
        let story = story.into_inner();
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = story.name.get_ref();
        if name.is_empty() || !name.chars().all(is_plain) {
            let sentence = "a scenario's name is made of lowercase letters, digits and `-`";
            return Err(Mistake::at(&story.name, sentence));
        }
        if checked.iter().any(|other| other.name == name) {
            return Err(Mistake::at(&story.name, "another scenario is called so"));
        }
        if story.step.is_empty() {
            return Err(Mistake {
                at,
                ..Mistake::somewhere(
                    "a scenario has at least one step of its turns, each a [[scenario.step]]",
                )
            });
        }
        let mut captured = captured.clone();
        let once = check_steps(story.once, known, &mut captured)?;
        let steps = check_steps(story.step, known, &mut captured)?;
        let keeps_cookies = story.cookies.unwrap_or(true);
        let mut own_cookies = once
            .iter()
            .chain(&steps)
            .flat_map(|step| &step.request.headers);
        if keeps_cookies && own_cookies.any(|field| field.name == header::COOKIE) {
            return Err(Mistake::at(
                &story.name,
                "users of this scenario keep their cookies themselves; say `cookies = false` for it, or leave the header field Cookie out",
            ));
        }
        let mut routes: Vec<Route> = Vec::new();
        for step in once.iter().chain(&steps) {
            if !routes.contains(&step.request.route) {
                routes.push(step.request.route);
            }
        }
        checked.push(Story {
            // Both are kept for the life of the program, as routes are.
            name: Box::leak(story.name.into_inner().into_boxed_str()),
            routes: routes.leak(),
            weight: within(story.weight, 1..=1_000_000, 1, "a weight")?,
            keeps_cookies,
            once,
            steps,
        });
    }
    Ok(checked)
}

/// Checks steps one after the other; what is surely captured by them is `captured` from
/// then on.
pub(in crate::plan) fn check_steps(
    steps: Vec<Spanned<RequestFile>>,
    known: &mut Known,
    captured: &mut Captured,
) -> Result<Vec<Step>, Mistake> {
    // A condition may be about what a later step of the turn before captured.
    for name in steps.iter().flat_map(|step| step.get_ref().captures()) {
        known.add_capture(name)?;
    }
    let steps = steps.into_iter().map(|written| {
        let at = written.span();
        let mut request = written.into_inner();
        if let Some(at) = request.weight_at() {
            return Err(Mistake {
                at,
                ..Mistake::somewhere("steps are taken in their order; only scenarios have a weight")
            });
        }
        let step = request.take_step();
        let step = step.check(request.check(known)?, known)?;
        known.check_captured(step.templates(), at, |place| {
            captured.contains(&place) || step.condition == Some(Condition::Has(place))
        })?;
        captured.extend(step.surely_captures());
        Ok(step)
    });
    steps.collect()
}

impl StepFile {
    fn check(self, request: PlainRequest, known: &Known) -> Result<Step, Mistake> {
        let captures = self.capture.into_iter();
        let captures = captures.map(|(name, capture)| capture.into_inner().check(&name, known));
        let captures = captures.collect::<Result<Vec<_>, Mistake>>()?;
        let condition = match (&self.only_if, &self.unless) {
            (Some(name), None) => Some(Condition::Has(place_of(name, known)?)),
            (None, Some(name)) => Some(Condition::Lacks(place_of(name, known)?)),
            (None, None) => None,
            (Some(_), Some(unless)) => {
                return Err(Mistake::at(unless, "a step has `if` or `unless`, not both"));
            }
        };
        Ok(Step {
            request,
            captures,
            think_time: self
                .think
                .map_or(Duration::ZERO, |span| span.into_inner().0),
            repeat: self
                .repeat
                .map_or(Ok(1..=1), |written| check_repeat(&written))?,
            condition,
            chance: within(self.chance, 0.0..=1.0, 1.0, "a chance")?,
        })
    }
}

/// The place of the value that a condition is about.
fn place_of(name: &Spanned<String>, known: &Known) -> Result<usize, Mistake> {
    known.place(name.get_ref()).ok_or_else(|| {
        let sentence = format!(
            "nobody says what {:?} is; name what a step captures, or a value, without braces",
            name.get_ref()
        );
        Mistake::at(name, sentence)
    })
}

fn check_repeat(written: &Spanned<RepeatFile>) -> Result<RangeInclusive<u32>, Mistake> {
    let range = match *written.get_ref() {
        RepeatFile::Exactly(times) => times..=times,
        RepeatFile::Between { from, to } => from..=to,
    };
    let is_sensible = *range.start() <= *range.end() && (1..=1_000_000).contains(range.end());
    match is_sensible {
        true => Ok(range),
        false => Err(Mistake::at(
            written,
            "a step is repeated `3` times, or `{ from = 1, to = 5 }` times, up to a million",
        )),
    }
}

impl CaptureFile {
    fn check(self, name: &Spanned<String>, known: &Known) -> Result<Capture, Mistake> {
        let of = name.get_ref();
        let (from, what) = match (self.json, self.header, self.cookie, self.matches) {
            (Some(pointer), None, None, None) => {
                let pointer = check_pointer(pointer)?;
                let what = format!("the JSON body has no {pointer}");
                (From::Json(pointer), what)
            }
            (None, Some(header), None, None) => {
                let parsed = header
                    .get_ref()
                    .parse()
                    .map_err(|_| Mistake::at(&header, "this is no name of a header field"))?;
                let what = format!("the header field {} isn't there", header.get_ref());
                (From::Header(parsed), what)
            }
            (None, None, Some(cookie), None) => {
                let what = format!("no cookie {} is set", cookie.get_ref());
                (From::Cookie(cookie.into_inner()), what)
            }
            (None, None, None, Some(pattern)) => {
                let what = format!("the body doesn't match {:?}", pattern.get_ref());
                (From::Match(check_pattern(&pattern)?), what)
            }
            _ => {
                let sentence = "a value is captured from one of `json`, `header`, `cookie` and `matches`, such as `{ json = \"/token\" }`";
                return Err(Mistake::at(name, sentence));
            }
        };
        let place = known.place(of).expect("it was added before");
        let fault = format!("{what}, which was to be captured as {{{of}}}");
        Ok(Capture {
            place,
            from,
            otherwise: self.otherwise,
            fault: Box::leak(fault.into_boxed_str()),
        })
    }
}
