use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::testing;

/// True when a check, as TOML, holds of an answer with this body.
fn holds(check: &str, body: &str) -> bool {
    let check = parsed(check).unwrap_or_else(|mistake| panic!("{check}: {mistake}"));
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.append("x-tag", HeaderValue::from_static("a"));
    headers.append("x-tag", HeaderValue::from_static("b"));
    let took = Duration::from_millis(5);
    let seen = Seen::new(&headers, body.as_bytes(), body.len() as u64, took);
    check.holds(&seen, &["7".to_owned()])
}

fn parsed(check: &str) -> Result<Check, String> {
    let source = format!(
        r#"name = "checks"
thresholds = []
[[stage]]
name = "steady"
users = 1
duration = "1s"
[[request]]
path = "/{{item}}"
check = [{check}]
[values.item]
list = ["7"]
"#
    );
    let plan = testing::parse_file("checks.toml", &source).map_err(|error| error.to_string())?;
    let mut requests = plan.requests.expect("plain requests").requests;
    Ok(requests.remove(0).checks.remove(0))
}

#[test]
fn each_rule_holds_of_what_it_says_and_of_nothing_else() {
    let body = r#"{"id": 7, "name": "ann", "tags": ["x"], "none": null, "price": 1.5}"#;
    for (check, other) in [
        (r#"{ contains = "ann" }"#, "{}"),
        (r#"{ contains = ": {item}," }"#, r#"{"id": 8, "#),
        (r#"{ lacks = "error" }"#, "an error"),
        (r#"{ matches = "\"id\": [0-9]+" }"#, r#"{"id": "x"}"#),
        (r#"{ json = "/id", equals = 7 }"#, r#"{"id": "7"}"#),
        (r#"{ json = "/id", equals = "{item}" }"#, r#"{"id": 8}"#),
        (
            r#"{ json = "/name", equals = "ann" }"#,
            r#"{"name": "bob"}"#,
        ),
        (r#"{ json = "/tags", equals = ["x"] }"#, r#"{"tags": []}"#),
        (r#"{ json = "/tags/0", exists = true }"#, r#"{"tags": []}"#),
        (r#"{ json = "/error", exists = false }"#, r#"{"error": 1}"#),
        (r#"{ json = "/tags", is = "array" }"#, r#"{"tags": {}}"#),
        (r#"{ json = "/id", is = "integer" }"#, r#"{"id": 7.5}"#),
        (r#"{ json = "/price", is = "number" }"#, r#"{"price": "1"}"#),
        (r#"{ json = "/none", is = "null" }"#, r#"{"none": false}"#),
        (r#"{ json = "", is = "object" }"#, "[]"),
        (
            r#"{ json = "/name", matches = "^a" }"#,
            r#"{"name": "bob"}"#,
        ),
        (r#"{ size = "<=1 KiB" }"#, &"x".repeat(1025)),
    ] {
        assert!(holds(check, body), "{check}");
        assert!(!holds(check, other), "{check} of {other}");
    }
    for (check, does) in [
        (r#"{ header = "Content-Type", contains = "json" }"#, true),
        (r#"{ header = "Content-Type", equals = "json" }"#, false),
        (r#"{ header = "X-Tag", equals = "b" }"#, true),
        (r#"{ header = "X-Tag", lacks = "b" }"#, false),
        (r#"{ header = "Location", exists = true }"#, false),
        (r#"{ header = "Location", exists = false }"#, true),
        (r#"{ time = "<200ms" }"#, true),
        (r#"{ time = ">=1s" }"#, false),
    ] {
        assert_eq!(holds(check, body), does, "{check}");
    }
}

#[test]
fn a_check_that_makes_no_sense_is_refused_with_what_would() {
    for (check, says) in [
        ("{ }", "one rule"),
        (r#"{ contains = "a", lacks = "b" }"#, "one rule"),
        (
            r#"{ json = "/a", header = "b", exists = true }"#,
            "one thing",
        ),
        (r#"{ json = "a", exists = true }"#, "begins with `/`"),
        (r#"{ json = "/a", is = "text" }"#, "null, boolean"),
        (r#"{ is = "string" }"#, "within `json`"),
        (r#"{ exists = true }"#, "always there"),
        (r#"{ matches = "(" }"#, "unclosed group"),
        (r#"{ contains = "{itme}" }"#, "[values.itme]"),
        (r#"{ equals = 7 }"#, "in quotes"),
        (r#"{ size = "10 KiB" }"#, "<=10 KiB"),
        (r#"{ time = "<fast" }"#, "<200ms"),
        (r#"{ contains = "a", fails = false }"#, "give it one"),
        (r#"{ contains = "a", name = "a b" }"#, "thresholds name it"),
        (r#"{ contians = "a" }"#, "unknown field"),
    ] {
        let message = parsed(check).expect_err(check);
        assert!(message.contains(says), "{check}: {message}");
    }
}

proptest! {
    #[test]
    fn no_answer_makes_a_check_panic(body in ".*", pointer in "(/[a-z0-9~]{0,3}){0,3}") {
        for rule in ["exists = true", "is = \"object\"", "contains = \"a\"", "equals = 1"] {
            holds(&format!("{{ json = {pointer:?}, {rule} }}"), &body);
        }
    }
}
