//! An answer, and what a check may find wrong with it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::client::{Content, Spoken};
use crate::samples::{Fault, NodeNames, StageIndex};
use crate::text;
use crate::workload::Workload;

/// The header field in which servers usually name themselves, for examples of faults.
const SERVED_BY: &str = "x-served-by";

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body, or the beginning of it where the request asks for no more.
    pub body: Bytes,
    /// The body's length as it came, in bytes.
    pub(crate) size: u64,
    /// The response time.
    pub(crate) took: Duration,
    /// The stage that the request was sent for.
    pub(crate) stage: StageIndex,
    /// True when the text that the request looks for is in the body.
    pub(crate) is_found: bool,
    /// True when the body was to be whole, and is only the beginning.
    pub(crate) is_cut: bool,
}

/// A fault that a check found in an answer.
#[derive(Clone, Debug)]
pub struct Wrong {
    pub(super) fault: Fault,
    pub(super) example: String,
}

impl Answer {
    /// A header field's value, if it is there once and is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The check that the status is `expected`, such as 201.
    ///
    /// # Errors
    ///
    /// It is another.
    pub fn expect_status(&self, expected: u16) -> Result<(), Wrong> {
        let got = self.status.as_u16();
        if got == expected {
            return Ok(());
        }
        Err(self.wrong(Fault::Status { expected, got }))
    }

    /// The check that the body is `expected`, byte for byte.
    ///
    /// # Errors
    ///
    /// It is another, which is told as `otherwise`.
    pub fn expect_body(
        &self,
        expected: impl AsRef<[u8]>,
        otherwise: &'static str,
    ) -> Result<(), Wrong> {
        match self.body == expected.as_ref() {
            true => Ok(()),
            false => Err(self.says_wrong(otherwise)),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Wrong> {
        serde_json::from_slice(&self.body)
            .map_err(|_| self.says_wrong("the body is not the JSON that was expected"))
    }

    /// A fault of the answer's content, which a sentence such as "the sum is wrong" tells.
    pub fn says_wrong(&self, what: &'static str) -> Wrong {
        self.wrong(Fault::Content(what))
    }

    /// A fault, with the answer's beginning as its example.
    pub fn wrong(&self, fault: Fault) -> Wrong {
        /// Enough to recognise an answer by, in characters.
        const EXCERPT: usize = 200;
        let excerpt = text::excerpt(&self.body, EXCERPT);
        let served_by = self
            .headers
            .get(SERVED_BY)
            .and_then(|name| name.to_str().ok());
        let served_by = served_by.unwrap_or("nobody named");
        let served_by = text::excerpt(served_by.as_bytes(), NodeNames::LONGEST);
        Wrong {
            fault,
            example: format!("{} from {served_by}: {excerpt}", self.status),
        }
    }

    /// Its header fields, with nothing that nobody may see and cookies by their names alone.
    pub(super) fn shown_headers(&self, workload: &Workload) -> Vec<(String, String)> {
        let shown = self.headers.iter().map(|(name, value)| {
            let value = text::excerpt(value.as_bytes(), text::LONGEST_EXCERPT);
            let value = match (*name == header::SET_COOKIE, value.split_once('=')) {
                (true, Some((cookie, _))) => format!("{cookie}=…"),
                _ => workload.without_secrets(value),
            };
            (name.to_string(), value)
        });
        shown.collect()
    }

    /// The beginning of its body, with nothing that nobody may see.
    pub(super) fn shown_body(&self, workload: &Workload) -> String {
        workload.without_secrets(text::excerpt(&self.body, text::LONGEST_EXCERPT))
    }

    /// A fault, with what explains it in place of the answer's beginning.
    pub(crate) fn wrong_because(&self, fault: Fault, reason: &str) -> Wrong {
        Wrong {
            fault,
            example: format!("{}: {reason}", self.status),
        }
    }
}

impl From<Response<Content>> for Answer {
    fn from(response: Response<Content>) -> Self {
        let (head, content) = response.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: content.kept,
            size: content.length,
            took: Duration::ZERO,
            stage: None,
            is_found: content.is_found,
            is_cut: content.is_cut,
        }
    }
}

impl Wrong {
    /// The same with nothing in its example that nobody may see.
    pub(super) fn without_secrets(self, workload: &Workload) -> Self {
        Wrong {
            example: workload.without_secrets(self.example),
            ..self
        }
    }

    /// A fault with its particulars.
    pub(super) fn of(fault: Fault, example: String) -> Self {
        Wrong { fault, example }
    }

    /// The same, unless the answer complains that the server was spoken to in another
    /// language than its own: then that is what is wrong.
    pub(super) fn looked_into(self, answer: &Answer) -> Self {
        match Spoken::by_complaint(answer.status.as_u16(), &answer.body) {
            Some(spoken) => Wrong {
                fault: Fault::NotHttp(spoken),
                ..self
            },
            None => self,
        }
    }
}
