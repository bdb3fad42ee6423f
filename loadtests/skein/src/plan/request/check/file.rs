//! The TOML form of checks.

use std::fmt;

use http::HeaderName;
use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use super::super::super::mistake::Mistake;
use super::super::super::span::size;
use super::super::known::Known;
use super::super::names::is_name;
use super::{Check, JsonRule, JsonType, Rule, TextRule};
use crate::threshold::Operator;

/// One of `check = […]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct CheckFile {
    // What it is about; the body, unless one of these is there.
    header: Option<Spanned<String>>,
    json: Option<Spanned<String>>,
    size: Option<Spanned<String>>,
    time: Option<Spanned<String>>,
    // What holds of it.
    contains: Option<Spanned<String>>,
    lacks: Option<Spanned<String>>,
    matches: Option<Spanned<String>>,
    equals: Option<Spanned<toml::Value>>,
    is: Option<Spanned<String>>,
    exists: Option<Spanned<bool>>,
    // What comes of it.
    name: Option<Spanned<String>>,
    fails: Option<Spanned<bool>>,
}

const RULES: &str = "`contains`, `lacks`, `matches`, `equals` or `exists`, and of JSON also `is`";

impl CheckFile {
    /// The check that is meant at this place.
    pub(in crate::plan) fn check(written: Spanned<Self>, known: &Known) -> Result<Check, Mistake> {
        let place = written.span();
        let mistake = |sentence: String| Mistake {
            at: place.clone(),
            ..Mistake::somewhere(sentence)
        };
        let mut file = written.into_inner();
        let subjects = [
            file.header.is_some(),
            file.json.is_some(),
            file.size.is_some(),
            file.time.is_some(),
        ];
        if subjects.into_iter().filter(|is| *is).count() > 1 {
            return Err(mistake(
                "a check is about one thing: a `header`, `json`, the `size`, the `time`, or else the body".to_owned(),
            ));
        }
        let counted_as = file.counted_as(known)?;
        let only_counts = file.fails.as_ref().is_some_and(|fails| !fails.get_ref());
        if let Some(fails) = file
            .fails
            .as_ref()
            .filter(|_| only_counts && counted_as.is_none())
        {
            let sentence = "a check that fails nothing is counted under a `name`; give it one";
            return Err(Mistake::at(fails, sentence));
        }
        let (rule, fault) = file.rule(known, &mistake)?;
        Ok(Check {
            rule,
            // Kept for the life of the program, as routes are.
            fault: Box::leak(fault.into_boxed_str()),
            counted_as,
            only_counts,
        })
    }

    fn counted_as(&self, known: &Known) -> Result<Option<usize>, Mistake> {
        let Some(name) = &self.name else {
            return Ok(None);
        };
        match is_name(name.get_ref()) {
            true => Ok(Some(known.check_named(name.get_ref()))),
            false => Err(Mistake::at(
                name,
                "a check's name is made of letters, digits, `-` and `_`, and begins with a letter, for thresholds name it",
            )),
        }
    }

    /// The rule, and the sentence for an answer that breaks it.
    fn rule(
        &mut self,
        known: &Known,
        mistake: &dyn Fn(String) -> Mistake,
    ) -> Result<(Rule, String), Mistake> {
        if let Some(limit) = self.size.take().or(self.time.take()) {
            return self.limit(&limit, mistake);
        }
        if let Some(pointer) = self.json.take() {
            let pointer = check_pointer(pointer)?;
            let subject = match pointer.is_empty() {
                true => "the JSON body".to_owned(),
                false => format!("the body's {pointer}"),
            };
            let (rule, fault) = self.json_rule(&subject, known, mistake)?;
            return Ok((Rule::Json(pointer, rule), fault));
        }
        if let Some(is) = &self.is {
            return Err(Mistake::at(is, "only a value within `json` has a type"));
        }
        if let Some(name) = self.header.take() {
            let parsed: HeaderName = name
                .get_ref()
                .parse()
                .map_err(|_| Mistake::at(&name, "this is no name of a header field"))?;
            let subject = format!("the header field {}", name.get_ref());
            let (rule, fault) = self.text_rule(&subject, known, mistake)?;
            return Ok((Rule::Header(parsed, rule), fault));
        }
        if let Some(exists) = &self.exists {
            return Err(Mistake::at(
                exists,
                "a body is always there; say of which `header` or `json` this is",
            ));
        }
        let (rule, fault) = self.text_rule("the body", known, mistake)?;
        Ok((Rule::Body(rule), fault))
    }

    /// A rule such as `<=10 KiB` on the size, or `<200ms` on the time.
    fn limit(
        &self,
        written: &Spanned<String>,
        mistake: &dyn Fn(String) -> Mistake,
    ) -> Result<(Rule, String), Mistake> {
        if self.count_of_rules() > 0 {
            return Err(mistake(
                "a limit on size or time is all of a check".to_owned(),
            ));
        }
        let text = written.get_ref().trim();
        let form = "write a limit such as `size = \"<=10 KiB\"` or `time = \"<200ms\"`";
        let (operator, limit) = Operator::read(text).ok_or_else(|| Mistake::at(written, form))?;
        let limit = limit.trim();
        let time = humantime::parse_duration(limit).ok();
        match (time, size(limit).ok()) {
            (Some(time), _) if limit.ends_with('s') => Ok((
                Rule::Time(operator, time),
                format!("the response time isn't {text}"),
            )),
            (_, Some(size)) => Ok((
                Rule::Size(operator, size),
                format!("the body's size isn't {text}"),
            )),
            _ => Err(Mistake::at(written, form)),
        }
    }

    fn json_rule(
        &mut self,
        subject: &str,
        known: &Known,
        mistake: &dyn Fn(String) -> Mistake,
    ) -> Result<(JsonRule, String), Mistake> {
        if let Some(written) = self.is.take() {
            if self.count_of_rules() > 0 {
                return Err(mistake(format!("a check has one rule: {RULES}")));
            }
            let of = JsonType::named(written.get_ref()).ok_or_else(|| {
                let names = JsonType::NAMES.map(|(name, _)| name).join(", ");
                Mistake::at(&written, format!("a type is one of {names}"))
            })?;
            let fault = format!("{subject} is of another type than {}", written.get_ref());
            return Ok((JsonRule::OfType(of), fault));
        }
        let expected = self.equals.as_ref().filter(|_| self.count_of_rules() == 1);
        let expected = expected.map(|expected| (expected.span(), expected.get_ref()));
        if let Some((at, expected)) = expected {
            let is_text = expected.as_str().map(str::to_owned);
            let value = serde_json::to_value(expected).unwrap_or_default();
            let fault = format!("{subject} isn't {value}");
            // A text with placeholders is compared with what users have in their place.
            if let Some(text) = is_text {
                let text = known.template(&Spanned::new(at, text))?;
                if !text.is_constant() {
                    return Ok((JsonRule::Text(TextRule::Equals(text)), fault));
                }
            }
            return Ok((JsonRule::Is(value), fault));
        }
        let (rule, fault) = self.text_rule(subject, known, mistake)?;
        Ok((JsonRule::Text(rule), fault))
    }

    fn text_rule(
        &self,
        subject: &str,
        known: &Known,
        mistake: &dyn Fn(String) -> Mistake,
    ) -> Result<(TextRule, String), Mistake> {
        if self.count_of_rules() != 1 {
            return Err(mistake(format!("a check has one rule: {RULES}")));
        }
        if let Some(part) = &self.contains {
            let fault = format!("{subject} doesn't contain {:?}", part.get_ref());
            return Ok((TextRule::Contains(known.template(part)?), fault));
        }
        if let Some(part) = &self.lacks {
            let fault = format!("{subject} contains {:?}", part.get_ref());
            return Ok((TextRule::Lacks(known.template(part)?), fault));
        }
        if let Some(pattern) = &self.matches {
            let fault = format!("{subject} doesn't match {:?}", pattern.get_ref());
            return Ok((TextRule::Matches(check_pattern(pattern)?), fault));
        }
        if let Some(expected) = &self.equals {
            let Some(text) = expected.get_ref().as_str() else {
                let sentence = "a text is expected here, in quotes; only `json` has other values";
                return Err(Mistake::at(expected, sentence));
            };
            let fault = format!("{subject} isn't {text:?}");
            let text = known.template(&Spanned::new(expected.span(), text.to_owned()))?;
            return Ok((TextRule::Equals(text), fault));
        }
        let exists = self.exists.as_ref().is_none_or(|exists| *exists.get_ref());
        let fault = match exists {
            true => format!("{subject} isn't there"),
            false => format!("{subject} is there"),
        };
        Ok((TextRule::Exists(exists), fault))
    }

    fn count_of_rules(&self) -> usize {
        let rules = [
            self.contains.is_some(),
            self.lacks.is_some(),
            self.matches.is_some(),
            self.equals.is_some(),
            self.is.is_some(),
            self.exists.is_some(),
        ];
        rules.into_iter().filter(|is| *is).count()
    }
}

/// A pointer into JSON.
pub(in crate::plan) fn check_pointer(written: Spanned<String>) -> Result<String, Mistake> {
    let is_pointer = |text: &str| text.is_empty() || text.starts_with('/');
    match is_pointer(written.get_ref()) {
        true => Ok(written.into_inner()),
        false => Err(Mistake::at(
            &written,
            "a JSON pointer begins with `/`, as in `/orders/0/id`, or is empty for all of the body (RFC 6901)",
        )),
    }
}

/// A regular expression.
pub(in crate::plan) fn check_pattern(written: &Spanned<String>) -> Result<Regex, Mistake> {
    Regex::new(written.get_ref()).map_err(|error| {
        let sentence = format!("this is no regular expression: {}", last_line(&error));
        Mistake::at(written, sentence)
    })
}

/// The sentence at the end of an error that draws a picture first.
fn last_line(error: &dyn fmt::Display) -> String {
    let error = error.to_string();
    let last = error.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}
