//! Intruders have no valid token, in every way that one can be wrong. All of them
//! must be answered with 401, and told how to do better.

use std::sync::Arc;

use http::{StatusCode, header};
use services::contract::seeded_key;
use skein::{Answer, Fault, Route, Scenario, User, Wrong};

use crate::tokens::{Flaw, FlawCounts};

/// A read that must not happen, told apart from those that may.
pub(crate) const INTRUDE: Route = Route::new("GET", "/data/{key} (bad token)");

/// A request that was let in, as a sentence names it.
pub(crate) const BAD_TOKEN: &str = "a bad token";

/// Users without a valid token.
pub(crate) struct Intruders {
    flaws: Arc<FlawCounts>,
}

impl Scenario for Intruders {
    const NAME: &str = "intruders";
    const ROUTES: &[Route] = &[INTRUDE];

    fn of(user: &mut User) -> Self {
        Intruders {
            flaws: user.shared(),
        }
    }

    async fn turn(&mut self, user: &mut User) {
        let flaw = Flaw::ALL[user.draw(0..Flaw::ALL.len())];
        let path = format!("/data/{}", seeded_key(0).to_path_segment());
        let mut request = user.get(&path);
        if let Some(value) = flaw.authorization(&format!("user-{}", user.seat())) {
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut status = None;
        user.send(INTRUDE, request, |answer| {
            status = Some(answer.status);
            check(answer)
        })
        .await;
        let admitted = status.is_some_and(shows_the_inside);
        self.flaws.count(flaw, status, admitted);
    }
}

/// Whether an answer of this status shows that a request got past the door: only there
/// is known what an item's key leads to. Others may come from the door itself, such as
/// when a token is too long for it, or from before, such as when nobody keeps the door.
fn shows_the_inside(status: StatusCode) -> bool {
    let about_an_item = [StatusCode::NOT_FOUND, StatusCode::GONE];
    status.is_success() || status.is_redirection() || about_an_item.contains(&status)
}

fn check(answer: &Answer) -> Result<(), Wrong> {
    if shows_the_inside(answer.status) {
        return Err(answer.wrong(Fault::Forbidden {
            what: BAD_TOKEN,
            expected: 401,
            got: answer.status.as_u16(),
        }));
    }
    answer.expect_status(401)?;
    let challenge = answer.header(&header::WWW_AUTHENTICATE);
    match challenge.is_some_and(|challenge| challenge.starts_with("Bearer")) {
        true => Ok(()),
        false => Err(answer.says_wrong("the refusal has no challenge")),
    }
}
