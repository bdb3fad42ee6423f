//! The tokens that users show: valid ones, and each kind of bad one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::{HeaderValue, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use services::signing;

/// The laboratory's signing key; services refuse to listen beyond the loopback with it.
const KEY: &[u8] = b"secret";
/// A key that the gateways don't have.
const WRONG_KEY: &[u8] = b"not the secret";
/// `{"alg":"none","typ":"JWT"}` in base64url.
const HEADER_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

/// The token that the laboratory's manual uses: user `test_user`, no expiry.
pub(crate) const LABORATORY: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyIjoidGVzdF91c2VyIn0.NiAjMp8K9re-WJE_BJbqCmLBF4yFr0rDZwNRHj9Cbb8";

#[derive(Serialize)]
struct Claims<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
}

/// A valid token of `user`.
pub(crate) fn valid(user: &str) -> String {
    sign(Algorithm::HS256, KEY, user, None)
}

/// What can be wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flaw {
    /// There is none.
    Missing,
    /// It is no JSON Web Token.
    Malformed,
    /// It is signed with a key that the gateways don't have.
    WrongKey,
    /// It is signed with the right key and an algorithm that isn't the agreed one.
    WrongAlgorithm,
    /// It says that it needs no signature.
    Unsigned,
    /// Its claims were changed after it was signed.
    Tampered,
    /// Its time is over.
    Expired,
}

impl Flaw {
    /// Every flaw.
    pub(crate) const ALL: [Flaw; 7] = [
        Flaw::Missing,
        Flaw::Malformed,
        Flaw::WrongKey,
        Flaw::WrongAlgorithm,
        Flaw::Unsigned,
        Flaw::Tampered,
        Flaw::Expired,
    ];

    /// What is wrong, in a few words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Flaw::Missing => "no token",
            Flaw::Malformed => "not a JSON Web Token",
            Flaw::WrongKey => "signed with another key",
            Flaw::WrongAlgorithm => "signed by another algorithm",
            Flaw::Unsigned => "says it needs no signature",
            Flaw::Tampered => "changed after signing",
            Flaw::Expired => "expired",
        }
    }

    /// What a user with this flaw sends as `Authorization`, if anything.
    pub(crate) fn authorization(self, user: &str) -> Option<HeaderValue> {
        let token = match self {
            Flaw::Missing => return None,
            Flaw::Malformed => "not.a-token".to_owned(),
            Flaw::WrongKey => sign(Algorithm::HS256, WRONG_KEY, user, None),
            Flaw::WrongAlgorithm => sign(Algorithm::HS512, KEY, user, None),
            Flaw::Unsigned => format!("{HEADER_NONE}.{}.", part(&valid(user), 1)),
            Flaw::Tampered => {
                let (mine, another) = (valid(user), valid("somebody-else"));
                [part(&mine, 0), part(&another, 1), part(&mine, 2)].join(".")
            }
            // The first second of 1970, beyond any leeway.
            Flaw::Expired => sign(Algorithm::HS256, KEY, user, Some(1)),
        };
        Some(bearer(&token))
    }
}

/// What became of requests with each flaw, counted by many users at once.
#[derive(Debug, Default)]
pub(crate) struct FlawCounts(Mutex<BTreeMap<Flaw, FlawCount>>);

/// What became of requests with one flaw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlawCount {
    /// How many were sent.
    pub(crate) sent: u64,
    /// Those that were refused with 401.
    pub(crate) refused: u64,
    /// Those whose answer shows that they were let in.
    pub(crate) admitted: u64,
}

impl FlawCounts {
    /// Counts a request with `flaw`; `status` is that of its answer, if there was one.
    pub(crate) fn count(&self, flaw: Flaw, status: Option<StatusCode>, admitted: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(flaw).or_default();
        count.sent += 1;
        count.refused += u64::from(status == Some(StatusCode::UNAUTHORIZED));
        count.admitted += u64::from(admitted);
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> BTreeMap<Flaw, FlawCount> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// `Bearer <token>`.
pub(crate) fn bearer(token: &str) -> HeaderValue {
    raw(&format!("Bearer {token}"))
}

/// The token alone, as the laboratory's manual sends it.
pub(crate) fn raw(token: &str) -> HeaderValue {
    HeaderValue::from_str(token).expect("a token is visible ASCII")
}

fn sign(algorithm: Algorithm, key: &[u8], user: &str, exp: Option<u64>) -> String {
    signing::install();
    encode(
        &Header::new(algorithm),
        &Claims { user, exp },
        &EncodingKey::from_secret(key),
    )
    .expect("claims are JSON and HMAC takes any key")
}

fn part(token: &str, index: usize) -> &str {
    token
        .split('.')
        .nth(index)
        .expect("a token has three parts")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    fn is_accepted(token: &str) -> bool {
        signing::install();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        decode::<Value>(token, &DecodingKey::from_secret(KEY), &validation).is_ok()
    }

    #[test]
    fn valid_tokens_are_valid_and_the_laboratorys_is_one() {
        assert!(is_accepted(&valid("user-7")));
        assert!(is_accepted(LABORATORY));
    }

    #[test]
    fn every_flaw_is_one_and_looks_its_own_way() {
        let seen: BTreeSet<_> = Flaw::ALL
            .iter()
            .filter_map(|flaw| flaw.authorization("user-7"))
            .map(|value| value.to_str().expect("visible ASCII").to_owned())
            .inspect(|value| assert!(!is_accepted(value.trim_start_matches("Bearer "))))
            .collect();
        assert_eq!(seen.len(), Flaw::ALL.len() - 1, "one sends nothing");
    }
}
