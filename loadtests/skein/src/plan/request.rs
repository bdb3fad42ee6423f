//! Requests to a server of anyone's, as data: plain requests, or scenarios step by
//! step, with the values that they need and the checks that answers must pass.

mod body;
mod check;
mod data;
mod file;
mod framing;
mod known;
mod names;
mod several;
mod story;
mod template;
mod values;

use std::ops::RangeInclusive;
use std::time::Duration;

use http::{HeaderName, Method};

use crate::samples::{Fault, Route};

pub use body::Body;
pub use check::{Check, Seen};
pub(super) use data::DataFile;
pub use data::{Order, Table};
pub(super) use file::{RequestFile, UsersFile};
pub(super) use known::Sources;
pub(super) use story::StoryFile;
pub use story::{Condition, Step, Story};
pub use template::{Escaping, Template};
pub use values::Slot;
pub(super) use values::ValuesFile;

/// The requests of a plan's users, and what placeholders in them stand for.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Plain requests, each a turn of its own.
    pub requests: Vec<PlainRequest>,
    /// Scenarios; where there are some, there are no plain requests.
    pub stories: Vec<Story>,
    /// Steps that are taken once, before the load.
    pub set_up: Vec<Step>,
    /// Steps that are taken once, after the load.
    pub clean_up: Vec<Step>,
    /// The source of each placeholder's value; templates know them by their place here.
    pub slots: Vec<Slot>,
    /// Tables of data, which slots know by their place.
    pub tables: Vec<Table>,
    /// The names under which checks are counted.
    pub checks: Vec<String>,
}

/// A request, up to the values of its placeholders, and the answer that is right.
#[derive(Clone, Debug)]
pub struct PlainRequest {
    /// The method, and the path as it was written.
    pub route: Route,
    /// The method.
    pub method: Method,
    /// The path with its query; begins with `/`.
    pub path: Template,
    /// Header fields, in the order in which they are sent.
    pub headers: Vec<Field>,
    /// The body, if there is one.
    pub body: Option<Body>,
    /// How often it is sent, in relation to the others; at least 1.
    pub weight: u32,
    /// The statuses that are right.
    pub status: Statuses,
    /// What the body of a right answer has in it.
    pub contains: Option<String>,
    /// Further rules on a right answer.
    pub checks: Vec<Check>,
    /// The time that users wait for the whole answer, if not as long as for others.
    pub timeout: Option<Duration>,
}

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: HeaderName,
    /// The name in the case in which it was written.
    pub written: String,
    /// The value.
    pub value: Template,
    /// True when a field before it has the same name.
    pub is_repeated: bool,
}

/// The statuses of a right answer, each 200 to 599; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses {
    list: Vec<RangeInclusive<u16>>,
    name: &'static str,
}

/// A status in a plan, or a class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StatusFile {
    One(u16),
    /// The hundreds: 2 for `2xx`.
    Class(u16),
    Neither,
}

impl Requests {
    /// Every request: plain ones, and those of steps.
    pub fn all(&self) -> impl Iterator<Item = &PlainRequest> {
        let stories = self.stories.iter();
        let steps = stories.flat_map(|story| story.once.iter().chain(&story.steps));
        let steps = steps.chain(&self.set_up).chain(&self.clean_up);
        self.requests.iter().chain(steps.map(|step| &step.request))
    }

    /// Every text that may have placeholders.
    fn templates(&self) -> impl Iterator<Item = &Template> {
        self.all().flat_map(PlainRequest::templates)
    }

    /// The routes that users ask under load.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        let stories = self.stories.iter().flat_map(|story| story.routes);
        let plain = self.requests.iter().map(|request| request.route);
        plain.chain(stories.copied())
    }

    /// The table with the fewest rows of those of which each user has one to itself.
    pub fn scarcest_table(&self) -> Option<&Table> {
        let own = self.tables.iter();
        let own = own.filter(|table| table.order == Order::PerUser);
        own.min_by_key(|table| table.rows.len())
    }

    /// The values that nobody may see.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Secret(secret) if !secret.is_empty() => Some(secret.as_str()),
            _ => None,
        })
    }
}

impl PlainRequest {
    /// Whether it is the same each time.
    pub fn is_constant(&self) -> bool {
        self.sent().all(Template::is_constant)
    }

    /// Every text of the request and its checks that may have placeholders.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let checks = self.checks.iter().filter_map(Check::template);
        self.sent().chain(checks)
    }

    /// Every text that is sent and may have placeholders.
    fn sent(&self) -> impl Iterator<Item = &Template> {
        let headers = self.headers.iter().map(|field| &field.value);
        let body = self.body.iter().flat_map(Body::templates);
        std::iter::once(&self.path).chain(headers).chain(body)
    }
}

impl Statuses {
    /// The statuses in these ranges, single ones or whole classes; `None` if there are none.
    /// Their name is kept for the life of the program, as routes are.
    pub fn new(list: Vec<RangeInclusive<u16>>) -> Option<Self> {
        let name = |range: &RangeInclusive<u16>| match range.start() == range.end() {
            true => range.start().to_string(),
            false => format!("{}xx", range.start() / 100),
        };
        let (last, others) = list.split_last()?;
        let others: Vec<_> = others.iter().map(name).collect();
        let name = match others.is_empty() {
            true => name(last),
            false => format!("{} or {}", others.join(", "), name(last)),
        };
        Some(Statuses {
            list,
            name: Box::leak(name.into_boxed_str()),
        })
    }

    /// True when a status is right.
    pub fn contains(&self, status: u16) -> bool {
        self.list.iter().any(|range| range.contains(&status))
    }

    /// The fault of an answer with another status.
    pub fn fault(&self, got: u16) -> Fault {
        match &self.list[..] {
            [only] if only.start() == only.end() => Fault::Status {
                expected: *only.start(),
                got,
            },
            _ => Fault::Statuses {
                expected: self.name,
                got,
            },
        }
    }

    /// True when answers of these statuses never have a body (RFC 9110, sections 15.3.5
    /// and 15.4.5).
    pub fn are_bodiless(&self) -> bool {
        let bodiless = [204..=204, 304..=304];
        self.list.iter().all(|range| bodiless.contains(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_named_as_they_are_said() {
        let fault = |statuses: &[RangeInclusive<u16>]| {
            let statuses = Statuses::new(statuses.to_vec()).expect("some");
            let first = *statuses.list[0].start();
            assert!(statuses.contains(first) && !statuses.contains(500));
            statuses.fault(500).to_string()
        };
        assert_eq!(fault(&[201..=201]), "status 500 where 201 was right");
        assert_eq!(
            fault(&[200..=200, 206..=206, 304..=304]),
            "status 500 where 200, 206 or 304 was right"
        );
        assert_eq!(
            fault(&[200..=299, 404..=404]),
            "status 500 where 2xx or 404 was right"
        );
    }
}
