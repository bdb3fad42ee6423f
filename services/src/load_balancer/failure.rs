//! The answers to a client when no gateway's response can be passed on.

use std::error::Error;

use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::LengthLimitError;

use crate::body::Breach;
use crate::contract::{NodeName, PROXY_STATUS};
use crate::problem::problem;
use crate::server::is_shortage;

/// The reason why an exchange with a gateway failed, or why there was none.
///
/// Names and statuses are those of RFC 9209 §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No gateway is in rotation.
    NobodyAvailable,
    /// The gateway's address takes no connections.
    ConnectionRefused,
    /// No connection within the limit.
    ConnectionTimeout,
    /// The gateway closed the connection before it had begun a response.
    ConnectionTerminated,
    /// No response within the limit.
    ResponseTimeout,
    /// The gateway sent something that is not HTTP.
    ProtocolError,
    /// This machine is short of files, ports or memory for a connection.
    Shortage,
    /// The client stopped sending within its request.
    RequestIncomplete,
    /// The request's body is not what its head announced.
    RequestMalformed,
    /// The request is larger than this node accepts.
    RequestTooLarge,
}

impl Failure {
    /// The status for the client.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Failure::NobodyAvailable | Failure::Shortage => StatusCode::SERVICE_UNAVAILABLE,
            Failure::ConnectionRefused | Failure::ConnectionTerminated | Failure::ProtocolError => {
                StatusCode::BAD_GATEWAY
            }
            Failure::ConnectionTimeout | Failure::ResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
            Failure::RequestIncomplete => StatusCode::REQUEST_TIMEOUT,
            Failure::RequestMalformed => StatusCode::BAD_REQUEST,
            Failure::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// The error's name in `Proxy-Status` and in the metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Failure::NobodyAvailable => "destination_unavailable",
            Failure::ConnectionRefused => "connection_refused",
            Failure::ConnectionTimeout => "connection_timeout",
            Failure::ConnectionTerminated => "connection_terminated",
            Failure::ResponseTimeout => "http_response_timeout",
            Failure::ProtocolError => "http_protocol_error",
            Failure::Shortage => "connection_limit_reached",
            Failure::RequestIncomplete | Failure::RequestMalformed | Failure::RequestTooLarge => {
                "http_request_error"
            }
        }
    }

    /// Failures for which the gateway answers, and neither its client nor this node.
    pub(super) fn blames_the_gateway(self) -> bool {
        match self {
            Failure::ConnectionRefused
            | Failure::ConnectionTimeout
            | Failure::ConnectionTerminated
            | Failure::ResponseTimeout
            | Failure::ProtocolError => true,
            Failure::NobodyAvailable
            | Failure::Shortage
            | Failure::RequestIncomplete
            | Failure::RequestMalformed
            | Failure::RequestTooLarge => false,
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Failure::NobodyAvailable => "no gateway is in rotation",
            Failure::ConnectionRefused => "the gateway takes no connections",
            Failure::ConnectionTimeout => "the gateway was too slow to take the connection",
            Failure::ConnectionTerminated => "the gateway closed the connection without a response",
            Failure::ResponseTimeout => "the gateway was too slow to respond",
            Failure::ProtocolError => "the gateway's response is not HTTP",
            Failure::Shortage => "the balancer has no file or port left for a connection",
            Failure::RequestIncomplete => "the request's body stopped coming",
            Failure::RequestMalformed => "the request's body is malformed",
            Failure::RequestTooLarge => "the request is larger than this node accepts",
        }
    }

    /// The response for the client, with `Proxy-Status` (RFC 9209). `next_hop` is
    /// the gateway that was tried last.
    pub(super) fn response(self, proxy: &NodeName, next_hop: Option<&NodeName>) -> Response<Body> {
        let mut status = format!("{proxy}; error={}", self.as_str());
        if let Some(next_hop) = next_hop {
            status.push_str("; next-hop=");
            status.push_str(next_hop.as_str());
        }
        let mut response = problem(self.status(), self.detail()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            PROXY_STATUS,
            HeaderValue::try_from(status).expect("names are header text"),
        );
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<&hyper::Error> for Failure {
    fn from(error: &hyper::Error) -> Self {
        if error.is_user() {
            // Only the request's body can be at fault: the head came from hyper itself.
            if is_too_large(error) {
                Failure::RequestTooLarge
            } else if Breach::of(error) == Breach::Malformed {
                Failure::RequestMalformed
            } else {
                Failure::RequestIncomplete
            }
        } else if error.is_parse() {
            Failure::ProtocolError
        } else {
            Failure::ConnectionTerminated
        }
    }
}

fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source())
        .any(|error| error.is::<LengthLimitError>())
}

impl From<&std::io::Error> for Failure {
    fn from(error: &std::io::Error) -> Self {
        match error.kind() {
            _ if is_shortage(error) => Failure::Shortage,
            std::io::ErrorKind::TimedOut => Failure::ConnectionTimeout,
            _ => Failure::ConnectionRefused,
        }
    }
}
