//! A request of a plan, made ready for one server: built as far as it is the same each
//! time, filled in for a user, and its answer checked.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderValue, header};

use crate::client::{Needle, Reading, Request, Target, WrittenNames};
use crate::decoding::{self, Undecoded};
use crate::plan::{Check, Escaping, PlainRequest, Seen};
use crate::samples::Fault;
use crate::user::{Answer, Wrong};

/// The product that sends plain requests, unless a plan names another.
const USER_AGENT: &str = concat!("skein/", env!("CARGO_PKG_VERSION"));

/// A request, made ready.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The request as the plan has it.
    pub(crate) plain: PlainRequest,
    names: Option<WrittenNames>,
    reading: Reading,
    /// The text that a right answer has in it.
    needle: Option<Arc<Needle>>,
    /// All of it, if it is the same each time.
    built: Option<Request>,
}

impl Ready {
    /// The request for the server at `target`. Its answer's body is `kept` as a whole when
    /// more is to be done with it than to check it.
    pub(crate) fn new(plain: PlainRequest, target: &Target, kept: bool) -> Self {
        let needle = plain.contains.as_deref().map(Needle::new).map(Arc::new);
        let mut ready = Ready {
            names: WrittenNames::of(plain.headers.iter().map(|field| &*field.written)),
            reading: reading(&plain, needle.clone(), kept),
            needle,
            built: None,
            plain,
        };
        if ready.plain.is_constant() {
            ready.built = Some(ready.build(target, &[]));
        }
        ready
    }

    /// The request of a user with these values.
    pub(crate) fn request(&self, target: &Target, values: &[String]) -> Request {
        match &self.built {
            Some(built) => built.clone(),
            None => self.build(target, values),
        }
    }

    fn build(&self, target: &Target, values: &[String]) -> Request {
        let plain = &self.plain;
        let path = plain.path.fill(values, Escaping::Percent);
        let mut request = Request::new(target, plain.method.clone(), &path)
            .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
            .reading(self.reading.clone());
        for field in &plain.headers {
            let value = field.value.fill(values, Escaping::None);
            request = match field.is_repeated {
                true => request.another_header(field.name.clone(), value),
                false => request.header(field.name.clone(), value),
            };
        }
        if let Some(names) = &self.names {
            request = request.named(names);
        }
        if let Some(timeout) = plain.timeout {
            request = request.timeout(timeout);
        }
        match &plain.body {
            Some(body) => request.body(body.fill(values)),
            None => request,
        }
    }

    /// Checks the answer to a user with these values; `counted` is told of each check that
    /// has a name whether it held. Gives what `take` makes of an answer that is right.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub(crate) fn check<T>(
        &self,
        answer: &Answer,
        values: &[String],
        mut counted: impl FnMut(usize, bool),
        take: impl FnOnce(&Seen<'_>) -> Result<T, &'static str>,
    ) -> Result<T, Wrong> {
        let plain = &self.plain;
        let status = answer.status.as_u16();
        if !plain.status.contains(status) {
            return Err(answer.wrong(plain.status.fault(status)));
        }
        let body = match self.reading {
            Reading::Whole => decoding::decoded(answer).map_err(|why| undecoded(answer, &why))?,
            Reading::Counted | Reading::Searched(_) => Cow::Borrowed(&answer.body[..]),
        };
        self.check_contains(answer, &body)?;
        let seen = Seen::new(&answer.headers, &body, answer.size, answer.took);
        let mut wrong = None;
        for check in &plain.checks {
            let holds = check.holds(&seen, values);
            if let Some(name) = check.counted_as {
                counted(name, holds);
            }
            if !holds && !check.only_counts && wrong.is_none() {
                wrong = Some(broken(check, &seen, answer));
            }
        }
        match wrong {
            Some(wrong) => Err(wrong),
            None => take(&seen).map_err(|fault| answer.wrong(Fault::Content(fault))),
        }
    }

    fn check_contains(&self, answer: &Answer, body: &[u8]) -> Result<(), Wrong> {
        let Some(needle) = &self.needle else {
            return Ok(());
        };
        let is_found = match self.reading {
            Reading::Whole => needle.is_in(body),
            Reading::Counted | Reading::Searched(_) => answer.is_found,
        };
        if is_found {
            return Ok(());
        }
        let coding = decoding::coding(answer).filter(|_| !matches!(self.reading, Reading::Whole));
        Err(match coding {
            Some(coding) => answer.wrong_because(
                Fault::Content(
                    "the body is encoded, so that nobody can see whether it has what the plan says",
                ),
                &format!(
                    "Content-Encoding is {coding:?}, which the request doesn't ask for; with `Accept-Encoding` it is decoded, unless that is `identity`"
                ),
            ),
            None => answer.wrong(Fault::Content("the body misses what the plan says it has")),
        })
    }
}

/// The use that is made of a body: what nobody checks isn't kept, for anyone's may be large,
/// and a text is looked for as it comes, unless it comes encoded.
fn reading(plain: &PlainRequest, needle: Option<Arc<Needle>>, kept: bool) -> Reading {
    let mut fields = plain.headers.iter();
    let asks_for_encoded = fields.any(|field| field.name == header::ACCEPT_ENCODING);
    match needle {
        _ if kept || plain.checks.iter().any(Check::needs_body) => Reading::Whole,
        Some(_) if asks_for_encoded => Reading::Whole,
        Some(needle) => Reading::Searched(needle),
        None => Reading::Counted,
    }
}

/// The fault of an answer that breaks a check.
fn broken(check: &Check, seen: &Seen<'_>, answer: &Answer) -> Wrong {
    let fault = Fault::Content(check.fault);
    match check.found(seen) {
        Some(found) => answer.wrong_because(fault, &crate::text::excerpt(found.as_bytes(), 200)),
        None => answer.wrong(fault),
    }
}

fn undecoded(answer: &Answer, why: &Undecoded) -> Wrong {
    let fault = "the body can't be decoded, so that nobody can see what is in it";
    answer.wrong_because(Fault::Content(fault), &why.to_string())
}
