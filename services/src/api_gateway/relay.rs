//! Requests that are passed on whole: to the microservice, and to the worker.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, http};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use tracing::warn;

use super::token::User;
use crate::client::{CallError, Client, Upstream};
use crate::contract::{IDEMPOTENCY_KEY, USER};
use crate::problem::{Problem, problem};
use crate::server::Payload;
use crate::trace::{self, Trace};

/// A service that takes over requests under the paths that it shares with the API.
#[derive(Debug)]
pub(super) struct Relay {
    client: Client,
    upstream: Upstream,
    timeout: Duration,
}

impl Relay {
    pub(super) fn new(client: Client, upstream: Upstream, timeout: Duration) -> Self {
        Relay {
            client,
            upstream,
            timeout,
        }
    }
}

/// The request's fields that mean something to the service behind.
const PASSED_ON: [HeaderName; 2] = [header::CONTENT_TYPE, IDEMPOTENCY_KEY];
/// The response's fields that mean something to the client.
const PASSED_BACK: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::RETRY_AFTER];

/// Passes the request on in the name of its user, and the answer back.
pub(super) async fn pass_on(
    State(relay): State<Arc<Relay>>,
    Extension(User(user)): Extension<User>,
    method: Method,
    uri: Uri,
    trace: Trace,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let mut onward = chosen(&headers, &PASSED_ON);
    onward.insert(USER, user);
    trace.insert_into(&mut onward);
    let path = uri
        .path_and_query()
        .map_or(uri.path(), |path| path.as_str());

    let answer = relay
        .client
        .call(&relay.upstream, method, path, onward, body, relay.timeout)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut response = passed_back(answer.status(), answer.headers(), &PASSED_BACK);
    *response.body_mut() = Body::from(answer.into_body());
    Ok(response)
}

/// A response of this status with the chosen fields and the time that it took upstream.
pub(super) fn passed_back(status: StatusCode, from: &HeaderMap, names: &[HeaderName]) -> Response {
    let mut response = (status, Bytes::new()).into_response();
    *response.headers_mut() = chosen(from, names);
    trace::pass_on_timings(from, response.headers_mut());
    response
}

/// The answer to the client when a service that nothing can replace does not answer:
/// 504 when it is too slow, 503 when it can't be reached.
pub(super) fn unavailable(error: &CallError) -> Problem {
    warn!(error = error as &dyn std::error::Error, "no answer");
    let status = match error {
        CallError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        CallError::Unreachable { .. } => StatusCode::SERVICE_UNAVAILABLE,
    };
    problem(status, error.to_string())
}

fn chosen(from: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let fields = |name: &HeaderName| {
        let values = from.get_all(name).iter().cloned();
        values
            .map(|value| (name.clone(), value))
            .collect::<Vec<_>>()
    };
    names.iter().flat_map(fields).collect()
}
