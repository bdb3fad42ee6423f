//! The TOML form of what users send, and the check that it makes sense.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use http::Method;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use toml::Spanned;

use super::super::mistake::{Mistake, within};
use super::super::span::{Span, check_timeout};
use super::body::{BodyKeys, PartFile};
use super::check::{Check, CheckFile};
use super::known::{Known, Sources};
use super::several::{FieldsFile, OneOrMore};
use super::story::{CaptureFile, RepeatFile, StepFile, StoryFile, check_steps, check_stories};
use super::template::Template;
use super::{Field, PlainRequest, Requests, StatusFile, Statuses, framing};
use crate::samples::Route;
use crate::text::is_order;

/// The work of users, as a plan's file says it.
#[derive(Default)]
pub(in crate::plan) struct UsersFile {
    pub(in crate::plan) requests: Vec<Spanned<RequestFile>>,
    pub(in crate::plan) stories: Vec<Spanned<StoryFile>>,
    pub(in crate::plan) set_up: Vec<Spanned<RequestFile>>,
    pub(in crate::plan) clean_up: Vec<Spanned<RequestFile>>,
    pub(in crate::plan) sources: Sources,
}

/// `[[request]]`, or a step of a `[[scenario]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct RequestFile {
    method: Option<Spanned<String>>,
    path: Spanned<String>,
    name: Option<Spanned<String>>,
    #[serde(default)]
    headers: FieldsFile,
    body: Option<Spanned<String>>,
    body_file: Option<Spanned<String>>,
    json: Option<Spanned<toml::Value>>,
    form: Option<Spanned<FieldsFile>>,
    multipart: Option<Spanned<Vec<PartFile>>>,
    weight: Option<Spanned<u32>>,
    status: Option<OneOrMore<StatusFile>>,
    contains: Option<Spanned<String>>,
    #[serde(default)]
    check: Vec<Spanned<CheckFile>>,
    timeout: Option<Spanned<Span>>,
    // What only steps have.
    #[serde(default)]
    capture: BTreeMap<Spanned<String>, Spanned<CaptureFile>>,
    think: Option<Spanned<Span>>,
    repeat: Option<Spanned<RepeatFile>>,
    #[serde(rename = "if")]
    only_if: Option<Spanned<String>>,
    unless: Option<Spanned<String>>,
    chance: Option<Spanned<f64>>,
}
impl UsersFile {
    /// True when there is nothing that users could send.
    pub(in crate::plan) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.stories.is_empty()
    }

    /// The place of something that only plain requests and scenarios as data have a use for.
    pub(in crate::plan) fn any(&self) -> Option<Range<usize>> {
        let requests = self
            .requests
            .iter()
            .chain(&self.set_up)
            .chain(&self.clean_up);
        let requests = requests.map(Spanned::span);
        let stories = self.stories.iter().map(Spanned::span);
        let values = self.sources.values.keys().map(Spanned::span);
        let data = self.sources.data.keys().map(Spanned::span);
        requests.chain(stories).chain(values).chain(data).next()
    }

    /// Checks what users send against what they know, and the other way round. The plan's
    /// `source` says which variables of the environment are meant; files are in `folder`.
    pub(in crate::plan) fn check(self, source: &str, folder: &Path) -> Result<Requests, Mistake> {
        if let Some((request, _)) = self.requests.first().zip(self.stories.first()) {
            return Err(Mistake {
                at: request.span(),
                ..Mistake::somewhere(
                    "a plan has plain requests or scenarios; a scenario may have a single step",
                )
            });
        }
        let sources = self.sources;
        let places = sources.places();
        let mut known = Known::new(sources, source, folder)?;
        let mut captured = BTreeSet::new();
        let set_up = check_steps(self.set_up, &mut known, &mut captured)?;
        let clean_up = check_steps(self.clean_up, &mut known, &mut captured.clone())?;
        let stories = check_stories(self.stories, &mut known, &captured)?;
        let requests = self.requests.into_iter().map(|written| {
            if let Some(at) = written.get_ref().of_steps() {
                let sentence =
                    "only a step of a scenario has this: [[scenario]] and then [[scenario.step]]";
                return Err(Mistake {
                    at,
                    ..Mistake::somewhere(sentence)
                });
            }
            let at = written.span();
            let request = written.into_inner().check(&known)?;
            known.check_captured(request.templates(), at, |place| captured.contains(&place))?;
            Ok(request)
        });
        let requests = requests.collect::<Result<Vec<PlainRequest>, Mistake>>()?;
        let requests = Requests {
            requests,
            stories,
            set_up,
            clean_up,
            slots: known.slots,
            tables: known.tables,
            checks: known.checks.into_inner(),
        };
        for (name, at) in places {
            let uses = |place: usize| {
                let known = &known.names[place];
                *known == name
                    || known
                        .strip_prefix(&name)
                        .is_some_and(|c| c.starts_with('.'))
            };
            let mut templates = requests.templates();
            if !templates.any(|template| template.values().any(uses)) {
                let sentence =
                    format!("no request has {{{name}}} in it; use these values, or leave them out");
                return Err(Mistake {
                    at,
                    ..Mistake::somewhere(sentence)
                });
            }
        }
        Ok(requests)
    }
}

/// The name that tells a request from others of the same method and path.
fn check_name(name: &Spanned<String>) -> Result<&str, Mistake> {
    let text = name.get_ref().as_str();
    let is_fine = (1..=60).contains(&text.chars().count())
        && text.trim() == text
        && !text.contains(['(', ')'])
        && !text.contains(is_order);
    is_fine.then_some(text).ok_or_else(|| {
        Mistake::at(
            name,
            "the name of a request is one line of up to 60 characters, without parentheses",
        )
    })
}

impl RequestFile {
    /// The names of what the answer is asked for.
    pub(super) fn captures(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.capture.keys()
    }

    /// The members that only a step has, taken out.
    pub(super) fn take_step(&mut self) -> StepFile {
        StepFile {
            capture: std::mem::take(&mut self.capture),
            think: self.think.take(),
            repeat: self.repeat.take(),
            only_if: self.only_if.take(),
            unless: self.unless.take(),
            chance: self.chance.take(),
        }
    }

    /// The place of something that only a step has.
    fn of_steps(&self) -> Option<Range<usize>> {
        let capture = self.capture.keys().next().map(Spanned::span);
        let think = self.think.as_ref().map(Spanned::span);
        let repeat = self.repeat.as_ref().map(Spanned::span);
        let only_if = self.only_if.as_ref().map(Spanned::span);
        let unless = self.unless.as_ref().map(Spanned::span);
        let chance = self.chance.as_ref().map(Spanned::span);
        capture
            .or(think)
            .or(repeat)
            .or(only_if)
            .or(unless)
            .or(chance)
    }

    /// The place of the weight, which steps don't have.
    pub(super) fn weight_at(&self) -> Option<Range<usize>> {
        self.weight.as_ref().map(Spanned::span)
    }

    pub(super) fn check(self, known: &Known<'_>) -> Result<PlainRequest, Mistake> {
        let method = self.method.as_ref().map_or(Ok(Method::GET), check_method)?;
        if !self.path.get_ref().starts_with('/') {
            return Err(Mistake::at(&self.path, "a path begins with `/`"));
        }
        if self.path.get_ref().contains(is_order) {
            return Err(Mistake::at(
                &self.path,
                "a path has no control characters; percent-encode them",
            ));
        }
        let path = known.template(&self.path)?;
        let route = match self.name.as_ref().map(check_name).transpose()? {
            None => Route::of_plan(method.as_str(), self.path.get_ref()),
            Some(name) => {
                let named = format!("{} ({name})", self.path.get_ref());
                Route::of_plan(method.as_str(), &named)
            }
        };
        let headers = self.headers.0;
        let mut fields: Vec<Field> = Vec::new();
        for (name, value) in &headers {
            let field = known.field(name, value, &fields)?;
            fields.push(field);
        }
        let content_type = fields.iter().find(|field| field.name == CONTENT_TYPE);
        let is_typed = content_type.is_some();
        let content_type = content_type.and_then(|field| field.value.constant());
        let body = BodyKeys {
            body: self.body,
            body_file: self.body_file,
            json: self.json,
            form: self.form,
            multipart: self.multipart,
        };
        let (body, implied_type) = body.check(known, content_type.as_deref())?;
        framing::check(&headers, &fields, body.as_ref(), &known.slots)?;
        if let Some(implied) = implied_type.filter(|_| !is_typed) {
            fields.push(Field {
                name: CONTENT_TYPE,
                written: "Content-Type".to_owned(),
                value: Template::text(&implied),
                is_repeated: false,
            });
        }
        let status = check_statuses(self.status)?;
        let is_bodiless = method == Method::HEAD || status.are_bodiless();
        let in_body = self.contains.as_ref();
        if let Some(contains) = in_body.filter(|text| is_bodiless && !text.get_ref().is_empty()) {
            return Err(Mistake::at(contains, NO_BODY));
        }
        let contains = self.contains.filter(|text| !text.get_ref().is_empty());
        let contains = contains
            .map(|written| known.template(&written))
            .transpose()?;
        let checks = self.check.into_iter().map(|written| {
            let at = written.span();
            let check = CheckFile::check(written, known)?;
            match is_bodiless && check.needs_body() {
                true => Err(Mistake {
                    at,
                    ..Mistake::somewhere(NO_BODY)
                }),
                false => Ok(check),
            }
        });
        let mut checks = checks.collect::<Result<Vec<_>, Mistake>>()?;
        let constant = contains.as_ref().and_then(Template::constant);
        // What differs from user to user can't be looked for as the body comes.
        let differing = contains.filter(|text| !text.is_constant());
        checks.extend(differing.map(Check::body_contains));
        Ok(PlainRequest {
            route,
            path,
            headers: fields,
            body,
            weight: within(self.weight, 1..=1_000_000, 1, "a weight")?,
            status,
            contains: constant,
            checks,
            timeout: self
                .timeout
                .map(|timeout| check_timeout(&timeout))
                .transpose()?,
            method,
        })
    }
}

const NO_BODY: &str = "there is never a body in the answer to HEAD, nor in one of status 204 or 304, so that nothing can be in it";

fn check_method(written: &Spanned<String>) -> Result<Method, Mistake> {
    match written.get_ref().parse() {
        Ok(Method::CONNECT) => Err(Mistake::at(
            written,
            "CONNECT asks for a tunnel and not for a path, and can't be sent here",
        )),
        Ok(method) => Ok(method),
        Err(_) => Err(Mistake::at(
            written,
            "this is no method; write one such as GET",
        )),
    }
}

fn check_statuses(written: Option<OneOrMore<StatusFile>>) -> Result<Statuses, Mistake> {
    let Some(OneOrMore { at, several }) = written else {
        return Ok(Statuses::new(vec![200..=200]).expect("one is some"));
    };
    let statuses = several.into_iter().map(|status| {
        let place = status.span();
        match status.into_inner() {
            StatusFile::Class(hundred) => Ok(hundred * 100..=hundred * 100 + 99),
            StatusFile::One(status) => {
                let status = Spanned::new(place, status);
                within(Some(status), 200..=599, 200, "a status").map(|one| one..=one)
            }
            StatusFile::Neither => Err(Mistake {
                at: place,
                ..Mistake::somewhere("a status is a number, such as `200`, or a class such as `\"2xx\"`; several are a list, such as `[200, 404]`")
            }),
        }
    });
    let statuses = statuses.collect::<Result<Vec<_>, Mistake>>()?;
    Statuses::new(statuses).ok_or_else(|| Mistake {
        at,
        ..Mistake::somewhere("a list of statuses has at least one, such as `status = [200, 404]`")
    })
}

#[cfg(test)]
mod tests;
