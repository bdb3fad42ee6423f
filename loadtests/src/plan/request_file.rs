//! The TOML form of plain requests, and the check that they make sense.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};
use serde::Deserialize;
use toml::Spanned;

use super::mistake::{Problem, within};
use super::request::{PlainRequest, Requests, Template, Values};
use crate::samples::Route;
use crate::text::is_order;

/// `[[request]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestFile {
    method: Option<Spanned<String>>,
    path: Spanned<String>,
    #[serde(default)]
    headers: BTreeMap<Spanned<String>, Spanned<String>>,
    body: Option<String>,
    weight: Option<Spanned<u32>>,
    status: Option<Spanned<u16>>,
    contains: Option<String>,
}

/// `[values.item]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValuesFile {
    from: Option<Spanned<u64>>,
    to: Option<Spanned<u64>>,
    list: Option<Spanned<Vec<String>>>,
}

/// Checks a plan's requests against its values.
pub(super) fn check_requests(
    requests: Vec<Spanned<RequestFile>>,
    values: BTreeMap<Spanned<String>, Spanned<ValuesFile>>,
) -> Result<Requests, Problem> {
    let names: Vec<&str> = values.keys().map(|name| name.get_ref().as_str()).collect();
    let requests = requests
        .into_iter()
        .map(|request| request.into_inner().check(&names))
        .collect::<Result<_, Problem>>()?;
    let values = values
        .into_values()
        .map(check_values)
        .collect::<Result<_, Problem>>()?;
    Ok(Requests { requests, values })
}

impl RequestFile {
    fn check(self, names: &[&str]) -> Result<PlainRequest, Problem> {
        let method = match &self.method {
            None => Method::GET,
            Some(written) => written
                .get_ref()
                .parse()
                .map_err(|_| Problem::at(written, "this is no method; write one such as GET"))?,
        };
        if !self.path.get_ref().starts_with('/') {
            return Err(Problem::at(&self.path, "a path begins with `/`"));
        }
        if self.path.get_ref().contains(is_order) {
            return Err(Problem::at(
                &self.path,
                "a path has no control characters; percent-encode them",
            ));
        }
        let template = |written: &Spanned<String>| {
            Template::strict(written.get_ref(), names)
                .map_err(|unknown| Problem::at(written, unknown.to_string()))
        };
        let headers = self.headers.iter().map(|(name, value)| {
            let known: HeaderName = name
                .get_ref()
                .parse()
                .map_err(|_| Problem::at(name, "this is no name of a header field"))?;
            HeaderValue::from_str(value.get_ref())
                .map_err(|_| Problem::at(value, "a header field's value is one line of text"))?;
            Ok((known, template(value)?))
        });
        Ok(PlainRequest {
            route: Route::of_plan(method.as_str(), self.path.get_ref()),
            path: template(&self.path)?,
            headers: headers.collect::<Result<_, Problem>>()?,
            body: self.body.map(|body| Template::lenient(&body, names)),
            weight: within(self.weight, 1..=1_000_000, 1, "a weight")?,
            status: within(self.status, 200..=599, 200, "a status")?,
            contains: self.contains.filter(|text| !text.is_empty()),
            method,
        })
    }
}

fn check_values(values: Spanned<ValuesFile>) -> Result<Values, Problem> {
    let place = values.span();
    match values.into_inner() {
        ValuesFile {
            from: Some(from),
            to: Some(to),
            list: None,
        } => {
            if from.get_ref() > to.get_ref() {
                return Err(Problem::at(&to, "`to` is at least `from`"));
            }
            Ok(Values::Range(from.into_inner(), to.into_inner()))
        }
        ValuesFile {
            from: None,
            to: None,
            list: Some(list),
        } => {
            if list.get_ref().is_empty() {
                return Err(Problem::at(&list, "a list has at least one value"));
            }
            // They may end up in a header field, where a second line would be another field.
            if list
                .get_ref()
                .iter()
                .any(|v| HeaderValue::from_str(v).is_err())
            {
                return Err(Problem::at(&list, "a value is one line of text"));
            }
            Ok(Values::List(list.into_inner()))
        }
        _ => Err(Problem {
            at: place,
            sentence: "values are `from = 1` and `to = 100`, or `list = [\"a\", \"b\"]`".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Plan;

    const VALID: &str = r#"
name = "shop"
thresholds = ["p99<50ms for GET /items/{item}"]
[[stage]]
name = "steady"
users = 4
duration = "2s"
[[request]]
path = "/items/{item}"
weight = 3
[[request]]
method = "POST"
path = "/basket"
headers = { content-type = "application/json" }
body = '{"item": {item}}'
status = 201
[values.item]
from = 1
to = 9
"#;

    #[test]
    fn a_plan_of_plain_requests_is_read_with_defaults_for_the_rest() {
        let plan = Plan::parse("shop.toml", VALID).expect("valid");
        let requests = plan.requests.expect("plain requests").requests;
        let names: Vec<_> = requests.iter().map(|r| r.route.name()).collect();
        assert_eq!(names, ["GET /items/{item}", "POST /basket"]);
        assert_eq!((requests[0].weight, requests[0].status), (3, 200));
        assert_eq!((requests[1].weight, requests[1].status), (1, 201));
    }

    #[test]
    fn nonsense_is_refused_with_its_place_and_what_would_be_right() {
        for (from, to, place, says) in [
            (
                "path = \"/items",
                "path = \"items",
                "9:8",
                "begins with `/`",
            ),
            ("values.item", "values.itme", "9:8", "[values.item]"),
            (
                "path = \"/items",
                "path = \"/\\u001b[2Jitems",
                "9:8",
                "no control characters",
            ),
            (
                "\"steady\"",
                "\"\\u001b[2J\"",
                "5:8",
                "without control characters",
            ),
            ("\"steady\"", "\"a\\nb\"", "5:8", "one line of text"),
            ("\"POST\"", "\"PO ST\"", "12:10", "no method"),
            ("content-type =", "\"content type\" =", "14:13", "no name"),
            (
                "status = 201",
                "status = 20",
                "16:10",
                "between 200 and 599",
            ),
            ("weight = 3", "weight = 0", "10:10", "between 1 and"),
            ("weight = 3", "wieght = 3", "10:1", "unknown field"),
            ("to = 9", "to = 0", "19:6", "at least `from`"),
            ("to = 9", "", "17:1", "list = ["),
            (
                "GET /items/{item}\"",
                "GET /item\"",
                "3:15",
                "GET /items/{item}, POST",
            ),
            (
                "p99<50ms for GET /items/{item}",
                "imbalance<=1",
                "3:15",
                "topology",
            ),
            (
                "[[stage]]",
                "[topology]\ncaches = 1\n[[stage]]",
                "4:1",
                "no [topology]",
            ),
            ("[values", "[mix]\nreaders = 1\n[values", "17:1", "either"),
        ] {
            assert!(VALID.contains(from), "{from}");
            let message = Plan::parse("shop.toml", &VALID.replacen(from, to, 1));
            let message = message.expect_err(to).to_string();
            assert!(
                message.starts_with(&format!("shop.toml:{place}: ")),
                "{to}: {message}"
            );
            assert!(message.contains(says), "{to}: {message}");
        }
    }
}
