//! The header of a token, read strictly (RFC 7515 §4): each member once and of its own
//! type, the one algorithm in the one spelling, and no demand that we don't understand.
//! The library behind [`Verifier`](super::Verifier) is lenient here: it ignores `crit`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::Rejection;

/// The longest header that is looked at, in bytes as it is sent.
const MAX_BYTES: usize = 1024;
/// Most members of a header. Each is compared with those before it, and nobody has signed
/// anything yet that could be trusted.
const MAX_MEMBERS: usize = 32;

/// Headers that nearly all tokens have, and that need no reading:
/// `{"alg":"HS256","typ":"JWT"}`, `{"typ":"JWT","alg":"HS256"}` and `{"alg":"HS256"}`.
const USUAL: [&str; 3] = [
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiJ9",
];

/// Refuses a token whose header isn't exactly right. Its signature is still to be checked.
pub(super) fn check(token: &str) -> Result<(), Rejection> {
    let (header, _) = token.split_once('.').ok_or(Rejection::Malformed)?;
    if USUAL.contains(&header) {
        return Ok(());
    }
    if header.len() > MAX_BYTES {
        return Err(Rejection::Malformed);
    }
    // Without padding, line breaks and bits that mean nothing (RFC 7515 §2).
    let decoded = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| Rejection::Malformed)?;
    let Members(members) = serde_json::from_slice(&decoded).map_err(|_| Rejection::Malformed)?;
    judge(&members)
}

/// The verdict on the members of a header, in their order.
fn judge(members: &[(String, Value)]) -> Result<(), Rejection> {
    let mut algorithm = None;
    for (name, value) in members {
        let is_right = match name.as_str() {
            "alg" => {
                algorithm = Some(value);
                true
            }
            // No extension is understood here, so none may be critical, and an empty list
            // is none (RFC 7515 §4.1.11). `b64` has to be critical (RFC 7797 §6); `enc`
            // and `zip` belong to another kind of token (RFC 7516 §4.1).
            "crit" | "b64" | "enc" | "zip" => return Err(Rejection::Extension),
            "typ" | "cty" | "kid" | "jku" | "x5u" | "x5t" | "x5t#S256" => value.is_string(),
            "jwk" => value.is_object(),
            "x5c" => value
                .as_array()
                .is_some_and(|chain| !chain.is_empty() && chain.iter().all(Value::is_string)),
            // What isn't understood is ignored (RFC 7515 §4).
            _ => true,
        };
        if !is_right {
            return Err(Rejection::Malformed);
        }
    }
    match algorithm {
        Some(Value::String(algorithm)) if algorithm == "HS256" => Ok(()),
        Some(_) => Err(Rejection::Algorithm),
        None => Err(Rejection::Malformed),
    }
}

/// The members of a JSON object that has each name once.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the header of a token")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Value)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.len() == MAX_MEMBERS || members.iter().any(|(n, _)| *n == name) {
                        return Err(A::Error::custom("a member comes twice, or there are many"));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(header: &str) -> Result<(), Rejection> {
        check(&format!("{}.x.y", URL_SAFE_NO_PAD.encode(header)))
    }

    #[test]
    fn the_usual_headers_are_what_they_are_taken_for() {
        for header in USUAL {
            let decoded = URL_SAFE_NO_PAD.decode(header).expect("base64url");
            let Members(members) = serde_json::from_slice(&decoded).expect("a header");
            assert_eq!(judge(&members), Ok(()), "{header}");
        }
    }

    #[test]
    fn an_extension_that_is_critical_is_refused_whichever_it_is() {
        for members in [
            r#""crit":["x"],"x":1"#,
            r#""crit":[]"#,
            r#""crit":null"#,
            r#""crit":["exp"],"exp":1"#,
            r#""crit":["b64"],"b64":false"#,
            r#""crit":["b64"],"b64":true"#,
            r#""b64":false"#,
            r#""enc":"A256GCM""#,
            r#""zip":"DEF""#,
        ] {
            let header = format!(r#"{{"alg":"HS256",{members}}}"#);
            assert_eq!(checked(&header), Err(Rejection::Extension), "{header}");
        }
    }

    #[test]
    fn the_algorithm_is_one_text_in_one_spelling() {
        for alg in [
            r#"{"HS256":null}"#,
            r#"["HS256"]"#,
            r#""hs256""#,
            r#""HS256 ""#,
            r#""HS256\u0000""#,
            r#""none""#,
            "null",
            "256",
        ] {
            let header = format!(r#"{{"alg":{alg},"typ":"JWT"}}"#);
            assert_eq!(checked(&header), Err(Rejection::Algorithm), "{header}");
        }
        assert_eq!(checked(r#"{"typ":"JWT"}"#), Err(Rejection::Malformed));
    }

    #[test]
    fn members_come_once_and_with_their_own_type() {
        for header in [
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"none","alg":"HS256"}"#,
            r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
            r#"{"alg":"HS256","x":1,"x":1}"#,
            r#"{"alg":"HS256","typ":7}"#,
            r#"{"alg":"HS256","cty":null}"#,
            r#"{"alg":"HS256","kid":["a"]}"#,
            r#"{"alg":"HS256","jwk":"k"}"#,
            r#"{"alg":"HS256","x5c":[]}"#,
            r#"{"alg":"HS256","x5c":[1]}"#,
            r#"["HS256"]"#,
            r#"{"alg":"HS256"} x"#,
            r#"{"alg":"HS256","x":"\ud800"}"#,
            "",
        ] {
            assert_eq!(checked(header), Err(Rejection::Malformed), "{header}");
        }
        let many: String = (0..32).map(|n| format!(r#""m{n}":0,"#)).collect();
        let header = format!(r#"{{{many}"alg":"HS256"}}"#);
        assert_eq!(checked(&header), Err(Rejection::Malformed), "{header}");
        let long = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(1000));
        assert_eq!(checked(&long), Err(Rejection::Malformed));
    }

    #[test]
    fn what_is_right_or_means_nothing_here_is_let_through() {
        for header in [
            r#" { "alg" : "HS256" } "#,
            r#"{"alg":"\u0048S256","typ":"at+jwt","cty":"x","kid":""}"#,
            r#"{"alg":"HS256","jwk":{},"x5c":["a"],"x5t#S256":"b","Crit":["x"],"y":[[1]]}"#,
        ] {
            assert_eq!(checked(header), Ok(()), "{header}");
        }
    }
}
