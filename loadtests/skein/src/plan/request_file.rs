//! The TOML form of plain requests, and the check that they make sense.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method, header};
use serde::Deserialize;
use toml::Spanned;

use super::framing;
use super::mistake::{Mistake, within};
use super::request::{Field, PlainRequest, Requests, Statuses, Values};
use super::several::{FieldsFile, OneOrMore};
use super::span::{Span, check_timeout};
use super::template::{Escaping, Template, is_name};
use crate::samples::Route;
use crate::text::is_order;

/// `[[request]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestFile {
    method: Option<Spanned<String>>,
    path: Spanned<String>,
    #[serde(default)]
    headers: FieldsFile,
    body: Option<Spanned<String>>,
    weight: Option<Spanned<u32>>,
    status: Option<OneOrMore<u16>>,
    contains: Option<Spanned<String>>,
    timeout: Option<Spanned<Span>>,
}

/// `[values.item]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValuesFile {
    from: Option<Spanned<u64>>,
    to: Option<Spanned<u64>>,
    list: Option<Spanned<Vec<String>>>,
}

/// The values of a plan while it is checked.
struct Known<'a> {
    names: Vec<&'a str>,
    values: &'a [Values],
}

/// Checks a plan's requests against its values, and the values against the requests.
pub(super) fn check_requests(
    requests: Vec<Spanned<RequestFile>>,
    values: BTreeMap<Spanned<String>, Spanned<ValuesFile>>,
) -> Result<Requests, Mistake> {
    let (names, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    if let Some(name) = names.iter().find(|name| !is_name(name.get_ref())) {
        let sentence = "a placeholder's name is made of letters, digits, `-` and `_`, and begins with a letter or `_`";
        return Err(Mistake::at(name, sentence));
    }
    let values = values.into_iter().map(check_values);
    let values = values.collect::<Result<Vec<_>, Mistake>>()?;
    let known = Known {
        names: names.iter().map(|name| name.get_ref().as_str()).collect(),
        values: &values,
    };
    let requests = requests
        .into_iter()
        .map(|request| request.into_inner().check(&known))
        .collect::<Result<Vec<PlainRequest>, Mistake>>()?;
    for (place, name) in names.iter().enumerate() {
        let mut templates = requests.iter().flat_map(PlainRequest::templates);
        if !templates.any(|template| template.values().any(|used| used == place)) {
            let sentence = format!(
                "no request has {{{}}} in it; use these values, or leave them out",
                name.get_ref()
            );
            return Err(Mistake::at(name, sentence));
        }
    }
    Ok(Requests { requests, values })
}

impl RequestFile {
    fn check(self, known: &Known<'_>) -> Result<PlainRequest, Mistake> {
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
        let headers = self.headers.0;
        let mut fields: Vec<Field> = Vec::new();
        for (name, value) in &headers {
            let field = known.field(name, value, &fields)?;
            fields.push(field);
        }
        let body = self.body.as_ref().map(|body| known.template(body));
        let body = body.transpose()?;
        framing::check(&headers, &fields, body.as_ref(), known.values)?;
        let content_type = fields.iter().find(|f| f.name == header::CONTENT_TYPE);
        let content_type = content_type.and_then(|field| field.value.constant());
        let status = check_statuses(self.status)?;
        if let Some(contains) = self
            .contains
            .as_ref()
            .filter(|text| !text.get_ref().is_empty())
            && (method == Method::HEAD || status.are_bodiless())
        {
            let sentence = "there is never a body in the answer to HEAD, nor in one of status 204 or 304, so that nothing can be in it";
            return Err(Mistake::at(contains, sentence));
        }
        Ok(PlainRequest {
            route: Route::of_plan(method.as_str(), self.path.get_ref()),
            path,
            headers: fields,
            body,
            body_escaping: content_type.map_or(Escaping::None, |content_type| {
                Escaping::of_content_type(&content_type)
            }),
            weight: within(self.weight, 1..=1_000_000, 1, "a weight")?,
            status,
            contains: self
                .contains
                .map(Spanned::into_inner)
                .filter(|text| !text.is_empty()),
            timeout: self
                .timeout
                .map(|timeout| check_timeout(&timeout))
                .transpose()?,
            method,
        })
    }
}

impl Known<'_> {
    fn template(&self, written: &Spanned<String>) -> Result<Template, Mistake> {
        Template::parse(written.get_ref(), &self.names)
            .map_err(|mistake| Mistake::about(written, mistake.written(), mistake.to_string()))
    }

    /// A header field, behind those `before` it.
    fn field(
        &self,
        name: &Spanned<String>,
        value: &Spanned<String>,
        before: &[Field],
    ) -> Result<Field, Mistake> {
        let known: HeaderName = name
            .get_ref()
            .parse()
            .map_err(|_| Mistake::at(name, "this is no name of a header field"))?;
        let template = self.template(value)?;
        // Another line would be another field.
        let is_sendable = |text: &str| HeaderValue::from_bytes(text.as_bytes()).is_ok();
        let lists = template
            .values()
            .filter_map(|place| match &self.values[place] {
                Values::List(list) => Some(list),
                Values::Range(..) => None,
            });
        if !is_sendable(value.get_ref()) || !lists.flatten().all(|value| is_sendable(value)) {
            let sentence = "a header field's value is one line of text, without control characters, and so are the values in it";
            return Err(Mistake::at(value, sentence));
        }
        Ok(Field {
            is_repeated: before.iter().any(|other| other.name == known),
            name: known,
            written: name.get_ref().clone(),
            value: template,
        })
    }
}

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

fn check_statuses(written: Option<OneOrMore<u16>>) -> Result<Statuses, Mistake> {
    let Some(OneOrMore { at, several }) = written else {
        return Ok(Statuses::new(vec![200]).expect("one is some"));
    };
    let statuses = several.into_iter();
    let statuses = statuses.map(|status| within(Some(status), 200..=599, 200, "a status"));
    let statuses = statuses.collect::<Result<Vec<u16>, Mistake>>()?;
    Statuses::new(statuses).ok_or_else(|| Mistake {
        at,
        ..Mistake::somewhere("a list of statuses has at least one, such as `status = [200, 404]`")
    })
}

fn check_values(values: Spanned<ValuesFile>) -> Result<Values, Mistake> {
    let place = values.span();
    match values.into_inner() {
        ValuesFile {
            from: Some(from),
            to: Some(to),
            list: None,
        } => {
            if from.get_ref() > to.get_ref() {
                return Err(Mistake::at(&to, "`to` is at least `from`"));
            }
            Ok(Values::Range(from.into_inner(), to.into_inner()))
        }
        ValuesFile {
            from: None,
            to: None,
            list: Some(list),
        } => {
            if list.get_ref().is_empty() {
                return Err(Mistake::at(&list, "a list has at least one value"));
            }
            Ok(Values::List(list.into_inner()))
        }
        _ => Err(Mistake {
            at: place,
            ..Mistake::somewhere("values are `from = 1` and `to = 100`, or `list = [\"a\", \"b\"]`")
        }),
    }
}

#[cfg(test)]
mod tests;
