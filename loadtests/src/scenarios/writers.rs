//! Writers change a value of their own and read it back: the write must be seen,
//! through whichever gateway and cache.

use http::{Method, header};
use serde_json::json;
use services::contract::VERSION;
use services::database::Written;
use skein::{Answer, Route, Scenario, User, Wrong};

use super::Token;

/// The write.
pub(crate) const WRITE: Route = Route::new("PUT", "/data/{key}");
/// The read after it, which is a miss by design and so told apart from other reads.
pub(crate) const READ_BACK: Route = Route::new("GET", "/data/{key} (read back)");

/// Users who write a value and read it back.
pub(crate) struct Writers {
    token: Token,
}

impl Scenario for Writers {
    const NAME: &str = "writers";
    const ROUTES: &[Route] = &[WRITE, READ_BACK];

    fn of(user: &mut User) -> Self {
        Writers {
            token: Token::of(user),
        }
    }

    async fn turn(&mut self, user: &mut User) {
        let (seed, seat, turn) = (user.seed(), user.seat(), user.turns());
        // The seed keeps runs against one system apart.
        let path = format!("/data/written-{seed:016x}-{seat}");
        let value = json!({ "writer": seat, "turn": turn }).to_string();

        let request = self.token.request(user, Method::PUT, &path);
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(value.clone());
        if user.send(WRITE, request, check_written).await.is_none() {
            return;
        }

        let request = self.token.request(user, Method::GET, &path);
        user.send(READ_BACK, request, |answer| {
            answer.expect_status(200)?;
            answer.expect_body(&value, "the value is not the one written before")
        })
        .await;
    }
}

/// The version is said twice, by the database and by whoever passes it on.
fn check_written(answer: &Answer) -> Result<(), Wrong> {
    answer.expect_status(200)?;
    let written: Written = answer.json()?;
    match answer.header(&VERSION) == Some(&written.version.to_string()) {
        true => Ok(()),
        false => Err(answer.says_wrong("the write's version is not that of its header")),
    }
}
