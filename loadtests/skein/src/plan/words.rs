//! What is wrong with a plan's TOML, in the words of plans and not in those of the
//! program that reads it.

/// Says plainly what serde or the TOML parser said, of what begins at `at` in `source`.
pub(super) fn plainly(message: &str, source: &str, at: usize) -> String {
    let wrong = ["invalid type: ", "invalid value: "];
    let wrong = wrong.iter().find_map(|prefix| message.strip_prefix(prefix));
    if let Some((found, expected)) = wrong.and_then(|wrong| wrong.rsplit_once(", expected ")) {
        let is_of_brackets = ["map", "sequence"].contains(&found);
        let hint = is_of_brackets
            .then(|| brackets(&line(source, at)))
            .flatten();
        return hint
            .unwrap_or_else(|| format!("this is {}; write {}", thing(found), right(expected)));
    }
    if let Some(rest) = message.strip_prefix("invalid length ")
        && let Some((found, expected)) = rest.rsplit_once(", expected ")
    {
        let values = if found == "1" { "value" } else { "values" };
        return format!(
            "here is a list of {found} {values}; write {}",
            right(expected)
        );
    }
    if message == "wanted string or table" {
        return "write one of the words that it can be, in quotes".to_owned();
    }
    if let Some(name) = message.strip_prefix("missing field ") {
        return format!("{name} is missing");
    }
    if let Some(rest) = message.strip_prefix("unknown variant ")
        && let Some((found, expected)) = rest.split_once(", expected ")
    {
        return format!("{found} is not known here; write {expected}");
    }
    if let Some(name) = message.strip_prefix("duplicate field ") {
        return format!("{name} is there twice");
    }
    message.to_owned()
}

/// The line that has the byte `at` in it, without the space around it.
fn line(source: &str, at: usize) -> String {
    let at = at.min(source.len());
    let begin = source.as_bytes()[..at].iter().rposition(|b| *b == b'\n');
    let begin = begin.map_or(0, |newline| newline + 1);
    let rest = source.get(begin..).unwrap_or_default();
    rest.lines().next().unwrap_or_default().trim().to_owned()
}

/// Says so if a table has too few or too many brackets around its name.
fn brackets(line: &str) -> Option<String> {
    const SEVERAL: [&str; 2] = ["stage", "request"];
    const ONE: [&str; 7] = [
        "topology",
        "mix",
        "behaviour",
        "answer",
        "limits",
        "gate",
        "values",
    ];
    let name = |open: &str, close: &str| {
        let (name, _) = line.strip_prefix(open)?.split_once(close)?;
        Some(name.trim())
    };
    if let Some(name) = name("[[", "]]") {
        let table = name.split('.').next().unwrap_or_default();
        return ONE
            .contains(&table)
            .then(|| format!("`[[{name}]]` is written `[{name}]`, for a plan has only one"));
    }
    let name = name("[", "]").filter(|name| SEVERAL.contains(name))?;
    Some(format!(
        "`[{name}]` is written `[[{name}]]`, for a plan can have several"
    ))
}

/// A value as serde names it.
fn thing(found: &str) -> String {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    match kind {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        "string" => format!("the text {value}"),
        "integer" => format!("the number {}", value.trim_matches('`')),
        "floating" => format!(
            "the number {}",
            value.trim_start_matches("point ").trim_matches('`')
        ),
        "boolean" => value.trim_matches('`').to_owned(),
        _ => found.to_owned(),
    }
}

/// What should be there instead, as serde names it; what this program names itself is
/// plain already.
fn right(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "str" => "a text in quotes",
        "a sequence" => "a list in square brackets",
        "a boolean" => "true or false",
        "a tuple of size 2" => "a pair such as `[\"Accept\", \"text/plain\"]`",
        "a map" => "a table",
        _ if expected.starts_with("struct ") => "a table",
        _ if expected.starts_with("enum ") => "a text in quotes",
        _ => expected,
    }
}
