//! Processors have something computed, and compute it again to check the answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, header};
use services::microservice::Processed;
use sha2::{Digest, Sha256};
use skein::{Answer, Route, Scenario, User, Wrong};

use super::Token;

/// A computation on nothing.
const GET: Route = Route::new("GET", "/process");
/// A computation on what was sent.
const POST: Route = Route::new("POST", "/process");

/// Most iterations that are computed again to check an answer: some 60 ms of CPU time, and
/// 200 times the microservice's default. Who answers says how many there were.
const MOST_ITERATIONS: u32 = 1_000_000;

/// How many different inputs are sent; checking each costs a computation here too.
const INPUTS: u32 = 16;

/// Users who have something computed.
pub(crate) struct Processors {
    token: Token,
    digests: Arc<Digests>,
}

impl Scenario for Processors {
    const NAME: &str = "processors";
    const ROUTES: &[Route] = &[GET, POST];

    fn of(user: &mut User) -> Self {
        Processors {
            token: Token::of(user),
            digests: user.shared(),
        }
    }

    async fn turn(&mut self, user: &mut User) {
        let (route, method, input) = if user.chance(0.5) {
            (GET, Method::GET, String::new())
        } else {
            let input = format!("input {}", user.draw(0..INPUTS));
            (POST, Method::POST, input)
        };
        let mut request = self.token.request(user, method, "/process");
        if !input.is_empty() {
            request = request
                .header(header::CONTENT_TYPE, "text/plain")
                .body(input.clone());
        }
        user.send(route, request, |answer| self.check(answer, &input))
            .await;
    }
}

impl Processors {
    fn check(&self, answer: &Answer, input: &str) -> Result<(), Wrong> {
        answer.expect_status(200)?;
        let processed: Processed = answer.json()?;
        if processed.input_bytes != input.len() {
            return Err(answer.says_wrong("the input was not taken in whole"));
        }
        if processed.iterations > MOST_ITERATIONS {
            return Err(answer.says_wrong("it was hashed more often than is checked here"));
        }
        let expected = self
            .digests
            .expected(input.as_bytes(), processed.iterations);
        match *processed.digest == *expected {
            true => Ok(()),
            false => Err(answer.says_wrong("the digest is wrong")),
        }
    }
}

/// Digests by input and iterations. Checking an answer costs as much as giving it,
/// so processors send few different inputs, and each is computed here once.
#[derive(Debug, Default)]
pub(crate) struct Digests(Mutex<HashMap<Computation, Arc<str>>>);

/// An input, and how often it is hashed.
type Computation = (Vec<u8>, u32);

impl Digests {
    /// The most that are kept, lest answers with ever new iterations fill the memory.
    const CAPACITY: usize = 1024;

    /// The answer that the microservice must give.
    fn expected(&self, input: &[u8], iterations: u32) -> Arc<str> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (input.to_owned(), iterations);
        if let Some(known) = lock().get(&key) {
            return Arc::clone(known);
        }
        let computed: Arc<str> = hashed(input, iterations).into();
        let mut known = lock();
        if known.len() < Self::CAPACITY {
            known.insert(key, Arc::clone(&computed));
        }
        computed
    }
}

/// SHA-256 of the input, and again of the hash, `iterations` times altogether, in
/// hexadecimal digits. The microservice has code of its own for it: a fault that both
/// shared would be seen by neither.
fn hashed(input: &[u8], iterations: u32) -> String {
    let first = Sha256::digest(input);
    let last = (1..iterations).fold(first, |hash, _| Sha256::digest(hash));
    format!("{last:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_a_chain_of_sha256_and_computed_once() {
        // As `printf abc | sha256sum` has it; again over the bytes, for the second iteration.
        const ONCE: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digests = Digests::default();
        for _ in 0..2 {
            assert_eq!(*digests.expected(b"abc", 1), *ONCE);
        }
        assert_eq!(digests.0.lock().expect("no panic").len(), 1);
        let service = services::microservice::digest(b"abc", 3);
        assert_eq!(*digests.expected(b"abc", 3), *service);
    }
}
