//! Intruders have no valid token, in every way that one can be wrong. All of them
//! must be answered with 401, and told how to do better.

use http::{Method, StatusCode, header};
use rand::RngExt;
use services::contract::seeded_key;

use crate::samples::{Fault, Route};
use crate::tokens::Flaw;
use crate::visitor::Visitor;

/// A read that must not happen, told apart from those that may.
pub(super) const INTRUDE: Route = Route::new("GET", "/data/{key} (bad token)");

/// Whether an answer of this status shows that a request got past the door: only there
/// is known what an item's key leads to. Others may come from the door itself, such as
/// when a token is too long for it, or from before, such as when nobody keeps the door.
fn shows_the_inside(status: StatusCode) -> bool {
    let about_an_item = [StatusCode::NOT_FOUND, StatusCode::GONE];
    status.is_success() || status.is_redirection() || about_an_item.contains(&status)
}

pub(super) async fn take_turn(visitor: &mut Visitor) {
    let flaw = Flaw::ALL[visitor.rng.random_range(0..Flaw::ALL.len())];
    let path = format!("/data/{}", seeded_key(0).to_path_segment());
    let mut request = visitor.request(Method::GET, &path);
    if let Some(value) = flaw.authorization(&format!("user-{}", visitor.seat)) {
        request = request.header(header::AUTHORIZATION, value);
    }
    let mut status = None;
    visitor
        .send(INTRUDE, request, |answer| {
            status = Some(answer.status);
            if shows_the_inside(answer.status) {
                let got = answer.status.as_u16();
                return Err(answer.wrong(Fault::Admitted { got }));
            }
            answer.expect_status(StatusCode::UNAUTHORIZED)?;
            if !answer
                .header(&header::WWW_AUTHENTICATE)
                .is_some_and(|challenge| challenge.starts_with("Bearer"))
            {
                return Err(answer.wrong(Fault::Content("the refusal has no challenge")));
            }
            Ok(())
        })
        .await;
    let admitted = status.is_some_and(shows_the_inside);
    visitor.workload.flaws.count(flaw, status, admitted);
}
