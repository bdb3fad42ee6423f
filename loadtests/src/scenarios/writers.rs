//! Writers change a value of their own and read it back: the write must be seen,
//! through whichever gateway and cache.

use http::{Method, StatusCode, header};
use serde_json::json;
use services::contract::VERSION;
use services::database::Written;

use crate::samples::{Fault, Route};
use crate::visitor::Visitor;

/// The write.
pub(super) const WRITE: Route = Route::new("PUT", "/data/{key}");
/// The read after it, which is a miss by design and so told apart from other reads.
pub(super) const READ_BACK: Route = Route::new("GET", "/data/{key} (read back)");

pub(super) async fn take_turn(visitor: &mut Visitor) {
    let (seed, seat, turn) = (visitor.workload.seed, visitor.seat, visitor.turns);
    // The seed keeps runs against one system apart.
    let path = format!("/data/written-{seed:016x}-{seat}");
    let value = json!({ "writer": seat, "turn": turn }).to_string();

    let request = visitor
        .signed_request(Method::PUT, &path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(value.clone());
    let written = visitor
        .send(WRITE, request, |answer| {
            answer.expect_status(StatusCode::OK)?;
            let written: Written = answer.json()?;
            // The version is said twice, by the database and by whoever passes it on.
            if answer.header(&VERSION) == Some(&written.version.to_string()) {
                Ok(())
            } else {
                Err(answer.wrong(Fault::Content(
                    "the write's version is not that of its header",
                )))
            }
        })
        .await;
    if written.is_none() {
        return;
    }

    let request = visitor.signed_request(Method::GET, &path);
    visitor
        .send(READ_BACK, request, |answer| {
            answer.expect_status(StatusCode::OK)?;
            if answer.body == value {
                Ok(())
            } else {
                Err(answer.wrong(Fault::Content("the value is not the one written before")))
            }
        })
        .await;
}
