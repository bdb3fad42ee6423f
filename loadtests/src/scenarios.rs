//! What users do: one file a kind of user. Every answer is checked for its content.

#[cfg(test)]
mod hostile;
mod intruders;
mod processors;
mod readers;
mod task_submitters;
#[cfg(test)]
mod tests;
mod writers;

use http::{HeaderValue, Method, header};
use skein::{Request, User};

use crate::behaviour::Behaviour;
use crate::tokens;

pub(crate) use intruders::{BAD_TOKEN, INTRUDE, Intruders};
pub(crate) use processors::{Digests, Processors};
pub(crate) use readers::{LIST, READ, Readers};
pub(crate) use task_submitters::{SUBMIT, SubmittedTasks, TaskSubmitters};
pub(crate) use writers::{READ_BACK, WRITE, Writers};

/// A user's valid token, as it is shown.
struct Token(HeaderValue);

impl Token {
    /// The token of a user: its own, unless the plan says that all have the laboratory's.
    fn of(user: &User) -> Self {
        let token = match user.plan().table::<Behaviour>().shared_token {
            true => tokens::LABORATORY.to_owned(),
            false => tokens::valid(&format!("user-{}", user.seat())),
        };
        // Both forms are allowed, so both are used.
        Token(match user.seat().is_multiple_of(2) {
            true => tokens::bearer(&token),
            false => tokens::raw(&token),
        })
    }

    /// A request by the user, with the token.
    fn request(&self, user: &User, method: Method, path: &str) -> Request {
        user.request(method, path)
            .header(header::AUTHORIZATION, self.0.clone())
    }
}
