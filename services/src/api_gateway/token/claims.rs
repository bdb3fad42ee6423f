//! The claims of a token, read strictly (RFC 7519 §4): each once, and those that are
//! registered of their own type, whether or not anybody here asks for them.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Number, Value};

use crate::json::Checked;

/// The claims that a valid token is let in for.
pub(super) struct Claims {
    pub(super) user: String,
}

/// Names of claims that have a meaning here.
const KNOWN: [&str; 8] = ["user", "exp", "nbf", "iat", "iss", "sub", "jti", "aud"];

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of a token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut claims: A) -> Result<Claims, A::Error> {
        let mut user = None;
        let mut seen = [false; KNOWN.len()];
        let mut others: Vec<String> = Vec::new();
        while let Some(name) = claims.next_key_seed(NameOf)? {
            let is_repeated = match &name {
                Name::Known(index) => std::mem::replace(&mut seen[*index], true),
                Name::Other(name) => others.contains(name),
            };
            if is_repeated {
                return Err(A::Error::custom("a claim comes twice"));
            }
            match name {
                Name::Known(0) => user = Some(claims.next_value::<String>()?),
                // Seconds since the epoch, not necessarily whole (RFC 7519 §2).
                Name::Known(1..=3) => {
                    claims.next_value::<Number>()?;
                }
                Name::Known(4..=6) => drop(claims.next_value::<String>()?),
                Name::Known(_) => audience(&claims.next_value()?)?,
                Name::Other(name) => {
                    others.push(name);
                    claims.next_value_seed(Checked { depth: 1 })?;
                }
            }
        }
        let user = user.ok_or_else(|| A::Error::missing_field("user"))?;
        Ok(Claims { user })
    }
}

/// One text, or several (RFC 7519 §4.1.3).
fn audience<E: Error>(value: &Value) -> Result<(), E> {
    let is_right = match value {
        Value::String(_) => true,
        Value::Array(several) => several.iter().all(Value::is_string),
        _ => false,
    };
    let wrong = || E::custom("aud is neither a text nor a list of them");
    is_right.then_some(()).ok_or_else(wrong)
}

enum Name {
    /// By its place in [`KNOWN`].
    Known(usize),
    Other(String),
}

/// Reads a name without keeping it, if it is known.
struct NameOf;

impl<'de> DeserializeSeed<'de> for NameOf {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameOf {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a claim")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        let known = KNOWN.iter().position(|known| *known == name);
        Ok(known.map_or_else(|| Name::Other(name.to_owned()), Name::Known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_in(claims: &str) -> Option<String> {
        let claims = serde_json::from_str::<Claims>(claims).ok()?;
        Some(claims.user)
    }

    #[test]
    fn claims_of_the_right_types_name_a_user() {
        for claims in [
            r#"{"user":"a"}"#,
            r#"{"exp":1,"nbf":1.5,"iat":-1e3,"iss":"i","sub":"s","jti":"j","aud":"a","user":"a"}"#,
            r#"{"\u0075ser":"\u0061","aud":["a","b"],"role":{"user":7},"more":[[null]]}"#,
        ] {
            assert_eq!(user_in(claims).as_deref(), Some("a"), "{claims}");
        }
    }

    #[test]
    fn a_claim_that_comes_twice_or_is_of_another_type_names_nobody() {
        for claims in [
            "{}",
            r#"["a"]"#,
            r#"{"user":7}"#,
            r#"{"user":null}"#,
            r#"{"user":["a"]}"#,
            r#"{"User":"a"}"#,
            r#"{"user":"a","user":"a"}"#,
            r#"{"user":"a","\u0075ser":"b"}"#,
            r#"{"user":"a","exp":1,"exp":2}"#,
            r#"{"user":"a","role":1,"role":1}"#,
            r#"{"user":"a","exp":"1"}"#,
            r#"{"user":"a","exp":null}"#,
            r#"{"user":"a","nbf":[1]}"#,
            r#"{"user":"a","iat":true}"#,
            r#"{"user":"a","iat":"1"}"#,
            r#"{"user":"a","iss":1}"#,
            r#"{"user":"a","sub":null}"#,
            r#"{"user":"a","jti":{}}"#,
            r#"{"user":"a","aud":1}"#,
            r#"{"user":"a","aud":["a",1]}"#,
            r#"{"user":"\ud800"}"#,
            r#"{"user":"a","x":"\ud800"}"#,
            r#"{"user":"a"} {}"#,
        ] {
            assert_eq!(user_in(claims), None, "{claims}");
        }
    }
}
