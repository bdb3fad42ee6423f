//! What tests of pages share: a page as its reader sees it, an environment that is the
//! same everywhere, and records that were tampered with.

use maud::Markup;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::environment::{Environment, Revision};

/// What must never be more than text.
pub(super) const EVIL: &str = "<script>alert(1)</script>";

/// A page as its reader sees it: a row or a paragraph a line.
pub(super) fn visible(page: Markup) -> String {
    let page = page.into_string();
    let (_, body) = page.split_once("<body>").expect("a page has a body");
    let body = body.split("<script>").next().unwrap_or_default();
    let mut text = String::new();
    for part in body.split('<') {
        let (tag, content) = part.split_once('>').unwrap_or(("", part));
        match tag.split_whitespace().next().unwrap_or_default() {
            "/td" | "/th" | "/dt" => text.push_str(" | "),
            "/tr" | "/p" | "/h1" | "/h2" | "/h3" | "/dd" | "/section" | "/text" => text.push('\n'),
            "strong" | "span" | "/strong" | "div" | "button" | "option" => text.push(' '),
            _ => {}
        }
        text.push_str(content);
    }
    let text = text
        .replace('\u{202f}', " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    let lines = text.lines().map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.join(" ").trim_end_matches(" |").to_owned()
    });
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// An environment that is the same wherever a test runs.
pub(super) fn environment() -> Environment {
    Environment {
        processor: Some("A processor".to_owned()),
        cores: 2,
        memory_bytes: Some(8 << 30),
        kernel: "Linux 6.1".to_owned(),
        rustc: "rustc 1.89.0".to_owned(),
        profile: "debug".to_owned(),
        opt_level: "3".to_owned(),
        revision: Some(Revision {
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            modified: true,
        }),
    }
}

/// The record with some of its values exchanged for others of their kind, as `seed`
/// says; `None` when that is no record any more.
pub(super) fn tampered<T: Serialize + DeserializeOwned>(record: &T, seed: u64) -> Option<T> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut value = serde_json::to_value(record).expect("JSON");
    for _ in 0..dice.random_range(1..8) {
        tamper(&mut value, &mut dice);
    }
    serde_json::from_value(value).ok()
}

/// Walks down to a value by chance, and exchanges it.
fn tamper(value: &mut Value, dice: &mut StdRng) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let index = dice.random_range(0..members.len());
            tamper(members.values_mut().nth(index).expect("it is there"), dice);
        }
        Value::Array(items) if !items.is_empty() => match dice.random_range(0..4) {
            0 => items.clear(),
            1 => items.push(items[0].clone()),
            _ => {
                let index = dice.random_range(0..items.len());
                tamper(&mut items[index], dice);
            }
        },
        Value::Number(number) if number.is_f64() => {
            let others = [0.0, -0.0, 1e-300, 1e300, -5.0, 1.0, 1e9];
            *value = json!(others.choose(dice));
        }
        Value::Number(_) => *value = json!([0_u64, 1, 7, 1 << 40].choose(dice)),
        Value::String(_) => *value = json!(["", EVIL, "ünï\u{202e}code", "a\nb"].choose(dice)),
        Value::Bool(truth) => *truth = !*truth,
        Value::Null => *value = json!([json!(1.5), json!("x"), json!(3)].choose(dice)),
        Value::Object(_) | Value::Array(_) => {}
    }
}
