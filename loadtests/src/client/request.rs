//! A request on its way to being sent.

use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;

use super::Target;

/// A request, field by field. What is wrong with it shows when it is sent.
#[derive(Clone, Debug)]
pub struct RequestBuilder(Result<Request<Full<Bytes>>, Unsendable>);

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

impl RequestBuilder {
    /// A request to `target`, without a body. It takes any answer, unless a header
    /// field says otherwise.
    pub fn new(target: &Target, method: Method, path: &str) -> Self {
        RequestBuilder(target.uri(path).map(|uri| {
            let mut request = Request::new(Full::default());
            *request.method_mut() = method;
            *request.uri_mut() = uri;
            let headers = request.headers_mut();
            headers.insert(HOST, target.host().clone());
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
            request
        }))
    }

    /// With this header field, in place of an earlier one of the name.
    pub fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(request) = &mut self.0 {
            match value.try_into() {
                Ok(value) => drop(request.headers_mut().insert(name, value)),
                Err(_) => self.0 = Err(Unsendable::Value(name)),
            }
        }
        self
    }

    /// With this body, whose length is told in `Content-Length`.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        if let Ok(request) = &mut self.0 {
            *request.body_mut() = Full::new(body.into());
        }
        self
    }

    /// The request, if it can be sent.
    pub(super) fn finish(self) -> Result<Request<Full<Bytes>>, Unsendable> {
        self.0
    }
}
