//! Tokens drawn from the grammar of JOSE, right and wrong in every part: exactly those
//! that are right in all of them are let in, and each of those with its own user.

use base64::Engine;
use base64::alphabet::{STANDARD as STANDARD_ALPHABET, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey, get_current_timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use super::tests::verify;
use crate::contract::UserName;

/// A part of a token as it is written, and whether it is right.
#[derive(Clone, Debug)]
struct Part {
    text: String,
    is_right: bool,
}

/// A member or a claim: its name, its value, and whether that is right.
type Member = (String, String, bool);

fn member(
    name: &'static str,
    right: &'static [&str],
    wrong: &'static [&str],
) -> BoxedStrategy<Member> {
    let all = right.iter().map(|value| (*value, true));
    let all: Vec<_> = all
        .chain(wrong.iter().map(|value| (*value, false)))
        .collect();
    select(all)
        .prop_map(move |(value, is_right)| (name.to_owned(), value.to_owned(), is_right))
        .boxed()
}

const NO_TEXT: &[&str] = &["1", "null", "true", "{}", r#"["JWT"]"#, r#""\ud800""#];
const ANY: &[&str] = &[
    "1",
    "null",
    r#""x""#,
    r#"{"alg":"none"}"#,
    "[[]]",
    "-0.5e-3",
];

fn header() -> impl Strategy<Value = Part> {
    let algorithm = prop_oneof![
        6 => member("alg", &[r#""HS256""#, r#""\u0048S256""#], &[]),
        1 => member("alg", &[], &[
            r#""hs256""#, r#""HS384""#, r#""HS512""#, r#""none""#, r#""RS256""#, r#""HS256 ""#,
            r#""""#, "null", "256", r#"{"HS256":null}"#, r#"["HS256"]"#,
        ]),
    ];
    let text = |name| {
        prop_oneof![
            4 => member(name, &[r#""JWT""#, r#""""#, r#""a\"\\b""#, r#""\ud83e\uddf6""#], &[]),
            1 => member(name, &[], NO_TEXT),
        ]
    };
    let others = vec![
        text("typ").boxed(),
        text("cty").boxed(),
        text("kid").boxed(),
        text("jku").boxed(),
        text("x5u").boxed(),
        text("x5t").boxed(),
        text("x5t#S256").boxed(),
        member(
            "jwk",
            &["{}", r#"{"kty":"oct"}"#],
            &["null", r#""k""#, "[]"],
        ),
        member(
            "x5c",
            &[r#"["a"]"#, r#"["a","b"]"#],
            &["[]", "[1]", r#""a""#, "null"],
        ),
        member("x", ANY, &[r#""\udc00""#]),
        member("Alg", ANY, &[]),
        member("", ANY, &[]),
    ];
    let extension = prop_oneof![
        9 => Just(None),
        1 => select(vec![
            ("crit", r#"["x"]"#), ("crit", "[]"), ("crit", "null"), ("crit", r#"["exp"]"#),
            ("crit", r#"["b64"]"#), ("b64", "false"), ("b64", "true"), ("enc", r#""A128GCM""#),
            ("zip", r#""DEF""#), ("\\u0063rit", r#"["x"]"#),
        ])
        .prop_map(|(name, value)| Some((name.to_owned(), value.to_owned(), false))),
    ];
    (some_of(others, 3), algorithm, extension).prop_flat_map(
        |(mut members, algorithm, extension)| {
            members.push(algorithm);
            members.extend(extension);
            object(members)
        },
    )
}

fn claims() -> impl Strategy<Value = (Part, String)> {
    let past = (get_current_timestamp() - 3600).to_string();
    let future = (get_current_timestamp() + 3600).to_string();
    let date = |name: &'static str, right: Vec<String>, wrong: Vec<String>| {
        let right = right.into_iter().map(|value| (value, true));
        let wrong = wrong
            .into_iter()
            .chain(["null", r#""1""#, "true", "[]", "{}", r#""never""#].map(str::to_owned));
        select(
            right
                .chain(wrong.map(|value| (value, false)))
                .collect::<Vec<_>>(),
        )
        .prop_map(move |(value, is_right)| (name.to_owned(), value, is_right))
        .boxed()
    };
    let others = vec![
        date(
            "exp",
            vec![future.clone(), format!("{future}.5"), "1e12".to_owned()],
            vec![
                past.clone(),
                "0".to_owned(),
                "-1".to_owned(),
                "1e300".to_owned(),
            ],
        ),
        date(
            "nbf",
            vec![past.clone(), "0".to_owned(), format!("{past}.5")],
            vec![future.clone(), "1e300".to_owned()],
        ),
        date(
            "iat",
            vec![past, future, "-1".to_owned(), "1e300".to_owned()],
            vec![],
        ),
        member("iss", &[r#""i""#, r#""""#], NO_TEXT),
        member("sub", &[r#""s""#], NO_TEXT),
        member("jti", &[r#""j""#], NO_TEXT),
        member(
            "aud",
            &[r#""a""#, "[]", r#"["a","b"]"#],
            &["1", "null", "{}", "[1]"],
        ),
        member("role", ANY, &[r#""\udc00""#, r#"{"\ud800":1}"#]),
        member("User", ANY, &[]),
    ];
    let name = prop_oneof![
        4 => "[ -~]{1,12}",
        2 => any::<String>(),
        1 => Just("a".repeat(1025)),
    ];
    let user = prop_oneof![
        12 => name.prop_map(|name| {
            let is_right = UserName::new(name.as_str()).is_some();
            (Some((json!(name).to_string(), is_right)), name)
        }),
        1 => select(NO_TEXT).prop_map(|value| (Some((value.to_owned(), false)), String::new())),
        1 => Just((None, String::new())),
    ];
    (some_of(others, 3), user).prop_flat_map(|(mut claims, (user, name))| {
        let has_user = user.is_some();
        claims.extend(user.map(|(value, is_right)| ("user".to_owned(), value, is_right)));
        object(claims).prop_map(move |mut part| {
            part.is_right &= has_user;
            (part, name.clone())
        })
    })
}

/// Up to `most` of these, each drawn on its own.
fn some_of(all: Vec<BoxedStrategy<Member>>, most: usize) -> impl Strategy<Value = Vec<Member>> {
    subsequence(all, 0..=most).prop_flat_map(|some| some)
}

/// A JSON object of these members in any order, with blanks, and now and then something
/// that makes it none, or one of its members twice.
fn object(members: Vec<Member>) -> impl Strategy<Value = Part> {
    let order = Just(members).prop_shuffle();
    let damage = prop_oneof![12 => Just(0_u8), 1 => 1_u8..8];
    (order, damage, select(vec!["", " ", "\n\t "])).prop_map(|(mut members, damage, blank)| {
        if damage == 1 && !members.is_empty() {
            members.push(members[0].clone());
        }
        let right = members.iter().all(|(.., is_right)| *is_right);
        let written = members
            .iter()
            .map(|(name, value, _)| format!("{blank}\"{name}\"{blank}:{blank}{value}{blank}"));
        let object = format!(
            "{blank}{{{}}}{blank}",
            written.collect::<Vec<_>>().join(",")
        );
        let text = match damage {
            2 => format!("[{object}]"),
            3 => format!("{object}{object}"),
            4 => object.replacen('{', "{,", 1),
            5 => format!("\u{feff}{object}"),
            6 => format!("{object}\0"),
            7 => object.replace('"', "'"),
            _ => object,
        };
        Part {
            text,
            is_right: right && damage == 0,
        }
    })
}

/// The encoding of a token's part: mostly the right one, else one that some decoder takes.
fn encoded(text: &str, damage: u8) -> (String, bool) {
    let right = URL_SAFE_NO_PAD.encode(text);
    let padded = GeneralPurpose::new(&URL_SAFE, GeneralPurposeConfig::new());
    let standard = GeneralPurpose::new(
        &STANDARD_ALPHABET,
        GeneralPurposeConfig::new().with_encode_padding(false),
    );
    let wrong = match damage {
        1 => padded.encode(text),
        2 => standard.encode(text),
        3 => format!("{right}="),
        4 => format!(" {right}"),
        5 => format!("{right}\t"),
        6 => with_bits_that_mean_nothing(&right),
        7 => String::new(),
        8 => text.to_owned(),
        _ => right.clone(),
    };
    let is_right = wrong == right;
    (wrong, is_right)
}

/// The same bytes to a decoder that doesn't look at the last bits.
fn with_bits_that_mean_nothing(encoded: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let Some(last) = encoded.bytes().last().filter(|_| encoded.len() % 4 > 1) else {
        return encoded.to_owned();
    };
    let place = ALPHABET.iter().position(|letter| *letter == last);
    let other = char::from(ALPHABET[place.expect("base64url") | 1]);
    format!("{}{other}", &encoded[..encoded.len() - 1])
}

fn encoding_damage() -> impl Strategy<Value = u8> {
    prop_oneof![20 => Just(0_u8), 1 => 1_u8..9]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn exactly_the_tokens_that_are_right_in_every_part_are_let_in(
        header in header(),
        (claims, name) in claims(),
        damage in (encoding_damage(), encoding_damage(), encoding_damage()),
        key in prop_oneof![9 => Just("secret"), 1 => select(vec!["", "Secret", "secrets"])],
        scheme in select(vec!["", "Bearer ", "bearer  "]),
    ) {
        let (first, first_right) = encoded(&header.text, damage.0);
        let (second, second_right) = encoded(&claims.text, damage.1);
        let message = format!("{first}.{second}");
        crate::signing::install();
        let signature = sign(
            message.as_bytes(),
            &EncodingKey::from_secret(key.as_bytes()),
            Algorithm::HS256,
        );
        let signature = signature.expect("any message can be signed");
        let third = match damage.2 {
            0 => signature.clone(),
            1 | 3 => format!("{signature}="),
            2 => signature.to_lowercase(),
            4 => format!("{signature}."),
            5 => format!("{signature}\t"),
            6 => with_bits_that_mean_nothing(&signature),
            7 => String::new(),
            _ => signature.repeat(2),
        };
        let is_right = header.is_right && claims.is_right && first_right && second_right
            && third == signature && key == "secret";
        let value = format!("{scheme}{message}.{third}");
        // A field's value can't have everything that a part might.
        prop_assume!(http::HeaderValue::from_str(&value).is_ok() && value.len() <= 4096);
        let admitted = verify(&value);
        let context = (&header.text, &claims.text, &value);
        match admitted {
            Ok(user) => {
                prop_assert!(is_right, "{:?} was let in", context);
                let expected = UserName::new(name).map(|name| name.to_field());
                prop_assert_eq!(Some(user.0), expected);
            }
            Err(rejection) => prop_assert!(!is_right, "{:?}: {:?}", rejection, context),
        }
    }
}
