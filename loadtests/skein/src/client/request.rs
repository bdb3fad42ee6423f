//! A request on its way to being sent.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method};
use http_body_util::Full;
use hyper::body::Body;
use serde::Serialize;
use url::Url;

use super::{Reading, Target, WrittenNames};

/// A request, field by field. What is wrong with it shows when it is sent.
#[derive(Clone, Debug)]
pub struct Request(Result<Outgoing, Unsendable>);

/// A request that can be sent, and what is done with its answer.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) request: http::Request<Full<Bytes>>,
    pub(super) reading: Reading,
    /// The time that it is waited for, if not as long as for others.
    pub(super) timeout: Option<Duration>,
    /// True when it asks for the end of the connection, over which nothing may be sent
    /// after it (RFC 9112, section 9.6).
    pub(super) is_last: bool,
}

/// A request that can't be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// The path is too long, or something else.
    #[error("a path begins with `/` and has at most 65,534 bytes")]
    Path,
    /// The value of a header field has more than one line.
    #[error("the value of the header field {0} is not one line of text")]
    Value(HeaderName),
}

impl Request {
    /// A request to `target`, without a body. It takes any answer, unless a header
    /// field says otherwise.
    pub fn new(target: &Target, method: Method, path: &str) -> Self {
        Request(target.uri(path).map(|uri| {
            let mut request = http::Request::new(Full::default());
            *request.method_mut() = method;
            *request.uri_mut() = uri;
            let headers = request.headers_mut();
            headers.insert(HOST, target.host().clone());
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
            Outgoing {
                request,
                reading: Reading::default(),
                timeout: None,
                is_last: false,
            }
        }))
    }

    /// With this header field, in place of earlier ones of the name.
    pub fn header(self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        self.with_field(name, value, |request, name, value| {
            request.headers_mut().insert(name, value);
        })
    }

    /// With this header field too, behind earlier ones of the name.
    pub fn another_header(self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        self.with_field(name, value, |request, name, value| {
            request.headers_mut().append(name, value);
        })
    }

    fn with_field(
        mut self,
        name: HeaderName,
        value: impl TryInto<HeaderValue>,
        add: impl FnOnce(&mut http::Request<Full<Bytes>>, HeaderName, HeaderValue),
    ) -> Self {
        if let Ok(outgoing) = &mut self.0 {
            match value.try_into() {
                Ok(value) => {
                    outgoing.is_last |= name == CONNECTION && has_option(&value, "close");
                    add(&mut outgoing.request, name, value);
                }
                Err(_) => self.0 = Err(Unsendable::Value(name)),
            }
        }
        self
    }

    /// With the names of its header fields in the case in which they were written.
    pub fn named(mut self, names: &WrittenNames) -> Self {
        if let Ok(outgoing) = &mut self.0 {
            names.apply_to(&mut outgoing.request);
        }
        self
    }

    /// With this body, whose length is told in `Content-Length`.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        if let Ok(outgoing) = &mut self.0 {
            *outgoing.request.body_mut() = Full::new(body.into());
        }
        self
    }

    /// With this value as its body, in JSON, and a `Content-Type` that says so.
    ///
    /// # Panics
    ///
    /// When the value can't be JSON, such as a map whose keys are no texts.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(value).expect("the value can be JSON");
        self.header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body)
    }

    /// With another use of the answer's body than to keep it.
    pub fn reading(mut self, reading: Reading) -> Self {
        if let Ok(outgoing) = &mut self.0 {
            outgoing.reading = reading;
        }
        self
    }

    /// With a time limit of its own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Ok(outgoing) = &mut self.0 {
            outgoing.timeout = Some(timeout);
        }
        self
    }

    /// The URL that it is sent to; `None` if it can't be sent.
    pub fn url(&self, target: &Target) -> Option<Url> {
        let uri = self.0.as_ref().ok()?.request.uri();
        let target = Url::parse(target.as_str()).ok()?;
        target.join(uri.path_and_query()?.as_str()).ok()
    }

    /// The request, if it can be sent. Where a body is usual, an empty one is announced,
    /// for strict servers wait for its length (RFC 9110, section 8.6).
    pub(super) fn finish(self) -> Result<Outgoing, Unsendable> {
        let mut outgoing = self.0?;
        let request = &mut outgoing.request;
        let has_usually = [Method::POST, Method::PUT, Method::PATCH];
        if request.body().is_end_stream() && has_usually.contains(request.method()) {
            let length = request.headers_mut().entry(CONTENT_LENGTH);
            length.or_insert(HeaderValue::from_static("0"));
        }
        Ok(outgoing)
    }
}

/// True when a list in a header field has this word in it, in any case.
fn has_option(value: &HeaderValue, word: &str) -> bool {
    let options = value.as_bytes().split(|byte| *byte == b',');
    options
        .map(<[u8]>::trim_ascii)
        .any(|option| option.eq_ignore_ascii_case(word.as_bytes()))
}
