//! Processors have something computed, and compute it again to check the answer.

use http::{Method, StatusCode, header};
use rand::RngExt;
use services::microservice::Processed;

use crate::samples::{Fault, Route};
use crate::visitor::Visitor;

/// A computation on nothing.
pub(super) const GET: Route = Route::new("GET", "/process");
/// A computation on what was sent.
pub(super) const POST: Route = Route::new("POST", "/process");

/// Most iterations that are computed again to check an answer: some 60 ms of CPU time, and
/// 200 times the microservice's default. Who answers says how many there were.
const MOST_ITERATIONS: u32 = 1_000_000;

/// How many different inputs are sent; checking each costs a computation here too.
const INPUTS: u32 = 16;

pub(super) async fn take_turn(visitor: &mut Visitor) {
    let (route, method, input) = if visitor.rng.random_bool(0.5) {
        (GET, Method::GET, String::new())
    } else {
        let input = format!("input {}", visitor.rng.random_range(0..INPUTS));
        (POST, Method::POST, input)
    };
    let mut request = visitor.signed_request(method, "/process");
    if !input.is_empty() {
        request = request
            .header(header::CONTENT_TYPE, "text/plain")
            .body(input.clone());
    }
    let workload = visitor.workload.clone();
    visitor
        .send(route, request, |answer| {
            answer.expect_status(StatusCode::OK)?;
            let processed: Processed = answer.json()?;
            if processed.input_bytes != input.len() {
                return Err(answer.wrong(Fault::Content("the input was not taken in whole")));
            }
            if processed.iterations > MOST_ITERATIONS {
                let what = "it was hashed more often than is checked here";
                return Err(answer.wrong(Fault::Content(what)));
            }
            let expected = workload
                .digests
                .expected(input.as_bytes(), processed.iterations);
            if *processed.digest != *expected {
                return Err(answer.wrong(Fault::Content("the digest is wrong")));
            }
            Ok(())
        })
        .await;
}
