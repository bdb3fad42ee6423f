//! Scenarios as data: users who take one step after the other, and know later what an
//! earlier answer had in it.

mod file;

use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderName;
use regex::Regex;

use super::PlainRequest;
use super::check::Seen;
use super::template::Template;
use crate::samples::Route;
use crate::text::of_json;

pub(in crate::plan) use file::{
    CaptureFile, RepeatFile, StepFile, StoryFile, check_steps, check_stories,
};

/// A scenario that a plan tells step by step.
#[derive(Clone, Debug)]
pub struct Story {
    /// The name in reports and in the record of the mix.
    pub name: &'static str,
    /// The share of users that follow it, in relation to the others; at least 1.
    pub weight: u32,
    /// True when each user keeps the cookies that it is given.
    pub keeps_cookies: bool,
    /// Steps that a user takes before its first turn, until they have all gone well once.
    pub once: Vec<Step>,
    /// The steps of a turn; at least one.
    pub steps: Vec<Step>,
    /// The routes of all steps, each once.
    pub routes: &'static [Route],
}

/// A request of a story, and what is done before and after it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The request, and what is right of its answer.
    pub request: PlainRequest,
    /// Values that are taken from a right answer.
    pub captures: Vec<Capture>,
    /// The time to wait before the next step, on average.
    pub think_time: Duration,
    /// The number of times that it is taken, drawn anew in each turn. Values that it is the
    /// first to need are drawn anew each time.
    pub repeat: RangeInclusive<u32>,
    /// The condition on which it is taken.
    pub condition: Option<Condition>,
    /// The probability that it is taken.
    pub chance: f64,
}

/// The condition on which a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The user has a value at this place, which is not empty.
    Has(usize),
    /// It has none, or an empty one.
    Lacks(usize),
}

/// A value that is taken from an answer.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The place of the value among all.
    pub place: usize,
    /// The part of the answer that it is.
    pub from: From,
    /// The value of an answer that doesn't have it; without one, that answer has failed.
    pub otherwise: Option<String>,
    /// The fault of such an answer, as a sentence.
    pub fault: &'static str,
}

/// The part of an answer that is taken.
#[derive(Clone, Debug)]
pub enum From {
    /// The value that a pointer (RFC 6901) finds in a JSON body; a text without its quotes.
    Json(String),
    /// A header field.
    Header(HeaderName),
    /// A cookie that is set (RFC 6265, section 5.2).
    Cookie(String),
    /// The text that a regular expression finds in the body: its first group, or else all of it.
    Match(Regex),
}

impl Step {
    /// Every text of it that may have placeholders.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.request.templates()
    }

    /// The places of values that users surely have once this step is behind them: it is taken
    /// each time, or whenever they don't have the value.
    fn surely_captures(&self) -> impl Iterator<Item = usize> {
        let places = self.captures.iter().map(|capture| capture.place);
        places.filter(|place| match self.condition {
            _ if self.chance < 1.0 || *self.repeat.start() == 0 => false,
            None => true,
            Some(condition) => condition == Condition::Lacks(*place),
        })
    }
}

impl Capture {
    /// The value, if the answer has it.
    pub fn of(&self, seen: &Seen<'_>) -> Option<String> {
        match &self.from {
            From::Json(pointer) => seen.json(pointer).map(of_json),
            From::Header(name) => {
                let value = seen.headers().get(name)?;
                Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
            }
            From::Cookie(name) => {
                let set = seen.headers().get_all(http::header::SET_COOKIE).iter();
                let mut values = set.filter_map(|set| {
                    let set = std::str::from_utf8(set.as_bytes()).ok()?;
                    let pair = set.split(';').next()?;
                    let (known, value) = pair.split_once('=')?;
                    (known.trim() == name).then(|| value.trim().to_owned())
                });
                values.next()
            }
            From::Match(pattern) => {
                let text = seen.text();
                let found = pattern.captures(&text)?;
                let part = found.get(1).or_else(|| found.get(0))?;
                Some(part.as_str().to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests;
