//! What tests of pages share: a page as its reader sees it, an environment that is the
//! same everywhere, and records that are changed at random.

use maud::Markup;
use proptest::prelude::*;
use proptest::sample::Index;
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

/// What a value in a record is changed to, and where; each step picks among the values
/// below.
type Changes = Vec<(Vec<Index>, Change)>;

/// Changes to a record, most of which make it one that no program would write.
pub(super) fn changes() -> impl Strategy<Value = Changes> {
    let path = prop::collection::vec(any::<Index>(), 1..6);
    prop::collection::vec((path, change()), 0..12)
}

/// The record after all those changes that leave it a record.
pub(super) fn changed<T: Serialize + DeserializeOwned>(record: &T, changes: &Changes) -> T {
    let mut value = serde_json::to_value(record).expect("JSON");
    for (path, change) in changes {
        let mut changed = value.clone();
        apply(&mut changed, path, change);
        if serde_json::from_value::<T>(changed.clone()).is_ok() {
            value = changed;
        }
    }
    serde_json::from_value(value).expect("checked")
}

/// What a value is changed to.
#[derive(Clone, Debug)]
pub(super) enum Change {
    To(Value),
    /// A list with everything twice.
    Twice,
}

fn change() -> impl Strategy<Value = Change> {
    let huge = 1_000_000_000_000_000_u64;
    let values = vec![
        json!(null),
        json!(0),
        json!(1),
        json!(huge),
        json!(-1),
        json!(1e-12),
        json!(1e12),
        json!(""),
        json!("<script>alert(1)</script>"),
        json!("\u{202e}&\"'\u{0}"),
        json!("x".repeat(500)),
        json!([]),
        json!({}),
        json!("inconclusive"),
        json!("invalid"),
        json!(true),
    ];
    prop_oneof![
        4 => prop::sample::select(values).prop_map(Change::To),
        1 => Just(Change::Twice),
    ]
}

/// Changes the value that `path` leads to; each step picks among the values below.
fn apply(value: &mut Value, path: &[Index], change: &Change) {
    let below: Vec<&mut Value> = match value {
        Value::Object(fields) => fields.values_mut().collect(),
        Value::Array(items) => items.iter_mut().collect(),
        _ => Vec::new(),
    };
    if let Some((first, rest)) = path.split_first()
        && !below.is_empty()
    {
        let picked = first.index(below.len());
        if let Some(picked) = below.into_iter().nth(picked) {
            apply(picked, rest, change);
        }
        return;
    }
    match (change, value) {
        (Change::To(new), value) => *value = new.clone(),
        (Change::Twice, Value::Array(items)) => items.extend(items.clone()),
        (Change::Twice, _) => {}
    }
}
