//! JSON that is let in: what the strictest of the usual parsers can read too, so that
//! nobody's value makes an answer with other values in it unreadable.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// The deepest nesting of arrays and objects that is let in. The listing puts two more
/// around a value, and .NET's `System.Text.Json`, the strictest of the usual parsers,
/// reads 64 (serde_json 127, Ruby 100, PHP 512, Python and Jackson 1000).
pub const MAX_DEPTH: usize = 62;

/// The body as it came, once it is known to be one JSON value in UTF-8 that is nested at
/// most [`MAX_DEPTH`] deep, whose numbers fit into a double and whose strings are Unicode
/// (RFC 7493 §2.1 and §2.2).
///
/// # Errors
///
/// One sentence about what is wrong with the body, and where.
pub fn check(body: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(body).map_err(|e| format!("the body is not UTF-8: {e}"))?;
    let not_json = |error| format!("the body is no JSON that is taken here: {error}");
    let mut parser = serde_json::Deserializer::from_str(text);
    Checked { depth: 0 }
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(not_json)?;
    Ok(text)
}

/// Reads one value of any kind to its end, and keeps nothing of it.
#[derive(Clone, Copy)]
pub(crate) struct Checked {
    /// Arrays and objects around the value.
    pub(crate) depth: usize,
}

impl Checked {
    fn inside<E: Error>(self) -> Result<Self, E> {
        if self.depth < MAX_DEPTH {
            Ok(Checked {
                depth: self.depth + 1,
            })
        } else {
            Err(E::custom(format!("nested deeper than {MAX_DEPTH} levels")))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    /// By way of `deserialize_any`, because what serde_json skips, it doesn't look at.
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while elements.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while members.next_key_seed(inside)?.is_some() {
            members.next_value_seed(inside)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn nested(depth: usize) -> [String; 2] {
        [
            format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
            format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth)),
        ]
    }

    #[test]
    fn any_json_value_is_let_in_as_it_came() {
        for text in [
            "null",
            " 1 ",
            r#"{"a":[1,{"b":null}],"c":true,"d":-0.5e3}"#,
            "\"\u{1f9f6}\"",
            r#""\ud83e\uddf6""#,
            r#"{"\ud83e\uddf6":18446744073709551615}"#,
        ] {
            assert_eq!(check(text.as_bytes()).expect("JSON"), text);
        }
        for text in nested(MAX_DEPTH) {
            assert!(check(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_a_client_could_not_read_is_refused() {
        for body in [
            &b""[..],
            b"{",
            b"{} {}",
            b"nul",
            b"{'a':1}",
            b"\"\xff\"",
            b"\xef\xbb\xbf{}",
            br#""\ud800""#,
            br#""\udc00\ud800""#,
            br#"{"\ud800":1}"#,
            br#"[{"a":["\udfff"]}]"#,
            b"1e999",
            b"[-1e999]",
        ] {
            assert!(check(body).is_err(), "{body:?} was taken");
        }
        for text in nested(MAX_DEPTH + 1) {
            let error = check(text.as_bytes()).expect_err("too deep");
            assert!(error.contains("nested deeper than 62 levels"), "{error}");
        }
        // Nor does the depth of what is refused cost anything.
        assert!(check(&vec![b'['; 1 << 20]).is_err());
    }

    /// Text that is often JSON, with escapes and nesting.
    fn almost_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("1".to_owned()),
            Just("-0.0e-1".to_owned()),
            Just("1e400".to_owned()),
            r#""[a-c\\u0d8]{0,8}""#,
            r#""(\\u[dD][89a-f][0-9a-f]{2}){0,3}""#,
        ];
        leaf.prop_recursive(8, 32, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3)
                    .prop_map(|values| format!("[{}]", values.join(","))),
                (r#""[a-c\\u0d8]{0,6}""#, inner).prop_map(|(k, v)| format!("{{{k}:{v}}}")),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_a_client_can_parse_is_taken_and_nothing_else(
            body in prop_oneof![r#"[\[\]{}",: 0-3\\-]{0,12}"#, almost_json()]
        ) {
            let parsed = serde_json::from_str::<Value>(&body);
            prop_assert_eq!(check(body.as_bytes()).is_ok(), parsed.is_ok(), "{}", body);
        }

        #[test]
        fn no_bytes_break_the_check(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let parsed = serde_json::from_slice::<Value>(&body);
            prop_assert_eq!(check(&body).is_ok(), parsed.is_ok());
        }
    }
}
