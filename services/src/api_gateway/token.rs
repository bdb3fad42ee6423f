//! The tokens that may pass: JSON Web Tokens signed with HS256 and nothing else.
//!
//! The algorithm is ours to choose, never the token's (RFC 8725 §3.1). Every
//! check of the library is set on purpose, since its defaults require `exp` and
//! ignore `nbf`. Where the library is lenient, [`jose`] and [`claims`] are strict.

mod claims;
#[cfg(test)]
mod grammar;
mod jose;

use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

use self::claims::Claims;
use super::TokenRules;
use crate::contract::UserName;
use crate::signing;

/// The user whom a valid token names, as [`UserName`] writes it in a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User(pub(super) HeaderValue);

/// The reason why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    #[error("the request carries no token; send it as Authorization: <token> or Bearer <token>")]
    Missing,
    #[error("the request carries more than one Authorization field")]
    Duplicated,
    #[error("the token is longer than this node accepts")]
    Oversized,
    #[error("the token is malformed")]
    Malformed,
    #[error("the token's algorithm is not HS256")]
    Algorithm,
    #[error("the token demands an extension that is not understood here (crit)")]
    Extension,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token lacks a claim, or a claim is of the wrong form")]
    Claims,
}

impl Rejection {
    /// The reason in the metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Rejection::Missing => "missing",
            Rejection::Duplicated => "duplicated",
            Rejection::Oversized => "oversized",
            Rejection::Malformed => "malformed",
            Rejection::Algorithm => "algorithm",
            Rejection::Extension => "extension",
            Rejection::Signature => "signature",
            Rejection::Expired => "expired",
            Rejection::NotYetValid => "not_yet_valid",
            Rejection::Claims => "claims",
        }
    }

    /// The `WWW-Authenticate` field. A request without a token is told no error
    /// code (RFC 6750 §3.1).
    pub(super) fn challenge(self) -> &'static str {
        match self {
            Rejection::Missing => r#"Bearer realm="skein""#,
            Rejection::Expired => {
                r#"Bearer realm="skein", error="invalid_token", error_description="the token has expired""#
            }
            Rejection::NotYetValid => {
                r#"Bearer realm="skein", error="invalid_token", error_description="the token is not valid yet""#
            }
            _ => r#"Bearer realm="skein", error="invalid_token""#,
        }
    }
}

/// Checks tokens.
pub(super) struct Verifier {
    key: DecodingKey,
    validation: Validation,
    max_token: u64,
}

impl Verifier {
    pub(super) fn new(rules: &TokenRules) -> Self {
        signing::install();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = rules.leeway.as_secs();
        validation.validate_exp = true;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        let required: &[&str] = if rules.require_exp { &["exp"] } else { &[] };
        validation.set_required_spec_claims(required);
        Verifier {
            key: DecodingKey::from_secret(rules.jwt_secret.as_bytes()),
            validation,
            max_token: rules.max_token.as_u64(),
        }
    }

    /// The user whom the request's token names.
    pub(super) fn verify(&self, headers: &HeaderMap) -> Result<User, Rejection> {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let field = fields.next().ok_or(Rejection::Missing)?;
        if fields.next().is_some() {
            return Err(Rejection::Duplicated);
        }
        if field.len() as u64 > self.max_token {
            return Err(Rejection::Oversized);
        }
        let token = token_in(field.to_str().map_err(|_| Rejection::Malformed)?);
        if token.is_empty() {
            return Err(Rejection::Missing);
        }
        jose::check(token)?;
        let claims = decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| rejection_for(error.kind()))?
            .claims;
        let user = UserName::new(claims.user).ok_or(Rejection::Claims)?;
        Ok(User(user.to_field()))
    }
}

impl std::fmt::Debug for Verifier {
    /// Leaves out the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("validation", &self.validation)
            .finish_non_exhaustive()
    }
}

/// The token in the field's value: `Bearer <token>`, or as the laboratory sends
/// it, raw.
fn token_in(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => value,
    }
}

fn rejection_for(error: &ErrorKind) -> Rejection {
    match error {
        ErrorKind::InvalidSignature => Rejection::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => Rejection::Algorithm,
        ErrorKind::ExpiredSignature => Rejection::Expired,
        ErrorKind::ImmatureSignature => Rejection::NotYetValid,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Rejection::Claims,
        // The header has been read already, so that this is about the claims.
        ErrorKind::Json(_) => Rejection::Claims,
        _ => Rejection::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const LABORATORY_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyIjoidGVzdF91c2VyIn0.NiAjMp8K9re-WJE_BJbqCmLBF4yFr0rDZwNRHj9Cbb8";

    pub(super) fn verifier(require_exp: bool) -> Verifier {
        Verifier::new(&TokenRules {
            jwt_secret: "secret".to_owned(),
            leeway: Duration::from_secs(30),
            require_exp,
            max_token: bytesize::ByteSize::kib(4),
        })
    }

    pub(super) fn verify(value: &str) -> Result<User, Rejection> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().expect("header text"));
        verifier(false).verify(&headers)
    }

    fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        signing::install();
        let key = EncodingKey::from_secret(secret.as_bytes());
        encode(&Header::new(algorithm), claims, &key).expect("claims are JSON")
    }

    fn seconds_from_now(seconds: i64) -> i64 {
        let now = SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("after 1970")
            .as_secs();
        i64::try_from(now).expect("before the end of time") + seconds
    }

    #[test]
    fn the_laboratorys_token_is_good_raw_and_as_bearer() {
        let user = Ok(User(HeaderValue::from_static("test_user")));
        assert_eq!(verify(LABORATORY_TOKEN), user);
        assert_eq!(verify(&format!("Bearer {LABORATORY_TOKEN}")), user);
        assert_eq!(verify(&format!("bearer  {LABORATORY_TOKEN}")), user);
        assert_eq!(
            verify(&format!("Basic {LABORATORY_TOKEN}")),
            Err(Rejection::Malformed)
        );
    }

    #[test]
    fn each_way_of_being_wrong_has_its_name() {
        let user = |more: Value| {
            let mut claims = json!({ "user": "test_user" });
            claims
                .as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            claims
        };
        let hs256 = |claims: Value| signed(Algorithm::HS256, "secret", &claims);
        let cases = [
            (String::new(), Err(Rejection::Missing)),
            ("Bearer ".to_owned(), Err(Rejection::Missing)),
            ("gibberish".to_owned(), Err(Rejection::Malformed)),
            ("a.b.c".to_owned(), Err(Rejection::Malformed)),
            (
                signed(Algorithm::HS256, "another", &user(json!({}))),
                Err(Rejection::Signature),
            ),
            (
                signed(Algorithm::HS384, "secret", &user(json!({}))),
                Err(Rejection::Algorithm),
            ),
            (
                signed(Algorithm::HS512, "secret", &user(json!({}))),
                Err(Rejection::Algorithm),
            ),
            (
                hs256(user(json!({ "exp": seconds_from_now(-31) }))),
                Err(Rejection::Expired),
            ),
            (
                hs256(user(json!({ "nbf": seconds_from_now(40) }))),
                Err(Rejection::NotYetValid),
            ),
            (
                hs256(user(json!({ "exp": "tomorrow" }))),
                Err(Rejection::Claims),
            ),
            (
                hs256(user(json!({ "nbf": "yesterday" }))),
                Err(Rejection::Claims),
            ),
            (
                hs256(json!({ "name": "test_user" })),
                Err(Rejection::Claims),
            ),
            (hs256(json!({ "user": "" })), Err(Rejection::Claims)),
            (
                hs256(json!({ "user": "line\nbreak" })),
                Err(Rejection::Claims),
            ),
            (hs256(json!({ "user": "\talice" })), Err(Rejection::Claims)),
            (
                hs256(json!({ "user": "a".repeat(1025) })),
                Err(Rejection::Claims),
            ),
        ];
        for (token, expected) in cases {
            assert_eq!(verify(&token), expected, "{token}");
        }
        for good in [
            json!({ "exp": seconds_from_now(-20) }),
            json!({ "nbf": seconds_from_now(20) }),
        ] {
            assert!(
                verify(&hs256(user(good.clone()))).is_ok(),
                "{good} is within the leeway"
            );
        }
        assert_eq!(verify(&"a".repeat(4097)), Err(Rejection::Oversized));
    }

    #[test]
    fn users_who_differ_in_a_blank_are_different_users() {
        let field_for = |user: &str| {
            let token = signed(Algorithm::HS256, "secret", &json!({ "user": user }));
            verify(&token).expect("a good token").0
        };
        assert_eq!(field_for("alice"), "alice");
        assert_eq!(field_for("alice "), "alice%20");
        assert_eq!(field_for(" alice"), "%20alice");
        assert_eq!(field_for("alice%20"), "alice%2520");
    }

    #[test]
    fn the_algorithm_none_is_refused_in_every_spelling() {
        for alg in ["none", "None", "NONE", "nOnE"] {
            let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let unsigned = format!(
                "{}.{}.",
                part(json!({ "alg": alg })),
                part(json!({ "user": "test_user" }))
            );
            assert_eq!(verify(&unsigned), Err(Rejection::Algorithm), "{alg}");
        }
    }

    #[test]
    fn an_expiry_can_be_demanded() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static(LABORATORY_TOKEN),
        );
        assert_eq!(verifier(true).verify(&headers), Err(Rejection::Claims));
    }

    #[test]
    fn two_tokens_are_as_bad_as_none() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::AUTHORIZATION,
            HeaderValue::from_static(LABORATORY_TOKEN),
        );
        headers.append(
            header::AUTHORIZATION,
            HeaderValue::from_static(LABORATORY_TOKEN),
        );
        assert_eq!(verifier(false).verify(&headers), Err(Rejection::Duplicated));
    }

    proptest! {
        #[test]
        fn no_changed_byte_makes_another_valid_token(
            at in 0..LABORATORY_TOKEN.len(), byte in 33_u8..=126,
        ) {
            let mut token = LABORATORY_TOKEN.as_bytes().to_vec();
            prop_assume!(token[at] != byte);
            token[at] = byte;
            prop_assert!(verify(std::str::from_utf8(&token).expect("ASCII")).is_err());
        }
    }
}
