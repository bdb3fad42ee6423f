//! Errors as problem details (RFC 9457): one constructor per kind, all with the
//! status's own title and a sentence of detail.

use http::StatusCode;
use problem_details::ProblemDetails;

/// An error as it is sent: `application/problem+json`.
pub type Problem = ProblemDetails;

/// A problem with `status` and one sentence about this occurrence.
pub fn problem(status: StatusCode, detail: impl Into<String>) -> Problem {
    ProblemDetails::from_status_code(status).with_detail(detail)
}

/// 400: the request can't be understood.
pub fn bad_request(detail: impl Into<String>) -> Problem {
    problem(StatusCode::BAD_REQUEST, detail)
}

/// 404: nothing is there.
pub fn not_found(detail: impl Into<String>) -> Problem {
    problem(StatusCode::NOT_FOUND, detail)
}
