//! A plan before it is written: requests in order, and what to know about where they came
//! from. Secrets and whatever differs from user to user are left as placeholders.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;
use std::time::Duration;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::text::in_toml;

/// A plan before it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// The command that makes it, after `loadtests`.
    pub(crate) made_by: String,
    /// The server that the requests are for, if one is known.
    pub(crate) target: Option<String>,
    /// Notes on what was left out or needs a look, a sentence each.
    pub(crate) notes: Vec<String>,
    /// True when the requests are the steps of one user, one after the other.
    pub(crate) is_story: bool,
    /// The requests, in order.
    pub(crate) requests: Vec<DraftRequest>,
    /// Values for placeholders, by their names.
    pub(crate) values: BTreeMap<String, DraftValues>,
}

/// A request of a draft. Texts are as a plan has them: whatever is in braces is a placeholder,
/// unless it was [`plain`].
#[derive(Clone, Debug, Default)]
pub(crate) struct DraftRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: DraftBody,
    /// Statuses and classes of them, none for 200.
    pub(crate) status: Vec<String>,
    /// The time before the next request.
    pub(crate) think: Duration,
}

/// The body of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum DraftBody {
    #[default]
    None,
    Text(String),
    Json(Value),
    Form(Vec<(String, String)>),
    Parts(Vec<DraftPart>),
    File(String),
}

/// A part of a body of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DraftPart {
    pub(crate) name: String,
    /// The value, or the name of a file.
    pub(crate) content: Result<String, String>,
    pub(crate) content_type: Option<String>,
}

/// Values for a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DraftValues {
    Range(u64, u64),
    List(Vec<String>),
    Uuid,
    Time,
}

/// A text as a plan has it, without a placeholder in it: braces around a name are doubled.
pub(crate) fn plain(text: &str) -> String {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        let name = "[A-Za-z_][A-Za-z0-9_-]*";
        let pattern = format!(r"(\{{+)((?:env\.)?{name}(?::raw)?)(\}}+)");
        Regex::new(&pattern).expect("a pattern")
    });
    let doubled = |found: &Captures<'_>| {
        let pairs = found[1].len().min(found[3].len());
        let (more, less) = ("{".repeat(pairs), "}".repeat(pairs));
        format!("{}{more}{}{}{less}", &found[1], &found[2], &found[3])
    };
    NAMED.replace_all(text, doubled).into_owned()
}

/// The same for every text within JSON.
pub(crate) fn plain_json(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain(text)),
        Value::Array(values) => values.iter().map(plain_json).collect(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| (name.clone(), plain_json(value)))
                .collect()
        }
        other => other.clone(),
    }
}

/// A header field that goes into a plan: not what is sent by itself or belongs to one
/// connection, nor what a browser alone can mean. The value of one that gives leave is a
/// secret, which the plan has from the environment.
pub(crate) fn field(name: &str, value: &str) -> Option<(String, String)> {
    const BY_ITSELF: [&str; 12] = [
        "host",
        "content-length",
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "upgrade",
        "cookie",
        "accept-encoding",
        "upgrade-insecure-requests",
        "priority",
        "dnt",
    ];
    let known = name.to_ascii_lowercase();
    let is_of_browsers = known.starts_with(':') || known.starts_with("sec-");
    if is_of_browsers || BY_ITSELF.contains(&known.as_str()) {
        return None;
    }
    if known == "authorization" {
        let value = match value.split_once(' ') {
            Some((scheme, _)) => format!("{} {{env.TOKEN}}", plain(scheme)),
            None => "{env.TOKEN}".to_owned(),
        };
        return Some((name.to_owned(), value));
    }
    Some((name.to_owned(), plain(value)))
}

impl Draft {
    /// True when the plan has the value of a header field from the environment.
    fn has_secret(&self) -> bool {
        let mut fields = self.requests.iter().flat_map(|request| &request.headers);
        fields.any(|(_, value)| value.contains("{env.TOKEN}"))
    }

    /// The plan's TOML, under this name.
    pub(crate) fn to_toml(&self, name: &str) -> String {
        let mut toml = format!("# Made by `loadtests {}`.\n", self.made_by);
        let target = self.target.as_deref().unwrap_or("http://HOST:PORT");
        let token = if self.has_secret() { "TOKEN=… " } else { "" };
        let _ = writeln!(
            toml,
            "# Run it: {token}loadtests run --plan FILE --target {target}"
        );
        for note in &self.notes {
            let _ = writeln!(toml, "# {}", note.replace('\n', " "));
        }
        let _ = writeln!(
            toml,
            "\nname = {}\nthresholds = [\"error-rate<1%\"]\n\n[[stage]]\nname = \"steady\"\nusers = 1\nduration = \"10s\"",
            in_toml(name)
        );
        if self.is_story {
            toml.push_str("\n[[scenario]]\nname = \"visitors\"\n");
        }
        let head = match self.is_story {
            true => "[[scenario.step]]",
            false => "[[request]]",
        };
        for request in &self.requests {
            let _ = write!(toml, "\n{head}\n{}", request.to_toml());
        }
        for (name, values) in &self.values {
            let _ = write!(toml, "\n[values.{name}]\n{}", values.to_toml());
        }
        toml
    }
}

impl DraftRequest {
    fn to_toml(&self) -> String {
        let mut toml = String::new();
        if self.method != "GET" {
            let _ = writeln!(toml, "method = {}", in_toml(&self.method));
        }
        let _ = writeln!(toml, "path = {}", in_toml(&self.path));
        if !self.headers.is_empty() {
            let _ = writeln!(toml, "headers = {}", pairs(&self.headers));
        }
        match &self.body {
            DraftBody::None => {}
            DraftBody::Text(text) => {
                let _ = writeln!(toml, "body = {}", in_toml(text));
            }
            DraftBody::Json(value) => {
                let _ = writeln!(toml, "json = {}", json(value));
            }
            DraftBody::Form(fields) => {
                let _ = writeln!(toml, "form = {}", pairs(fields));
            }
            DraftBody::File(path) => {
                let _ = writeln!(toml, "body_file = {}", in_toml(path));
            }
            DraftBody::Parts(parts) => {
                let parts: Vec<_> = parts.iter().map(DraftPart::to_toml).collect();
                let _ = writeln!(toml, "multipart = [\n  {},\n]", parts.join(",\n  "));
            }
        }
        match &self.status[..] {
            [] => {}
            [only] => {
                let _ = writeln!(toml, "status = {only}");
            }
            several => {
                let _ = writeln!(toml, "status = [{}]", several.join(", "));
            }
        }
        if !self.think.is_zero() {
            let think = humantime::format_duration(self.think).to_string();
            let _ = writeln!(toml, "think = {}", in_toml(&think));
        }
        toml
    }
}

impl DraftPart {
    fn to_toml(&self) -> String {
        let content = match &self.content {
            Ok(value) => format!("value = {}", in_toml(value)),
            Err(file) => format!("file = {}", in_toml(file)),
        };
        let of_type = self.content_type.as_ref();
        let of_type = of_type.map(|of| format!(", type = {}", in_toml(of)));
        let name = in_toml(&self.name);
        format!(
            "{{ name = {name}, {content}{} }}",
            of_type.unwrap_or_default()
        )
    }
}

impl DraftValues {
    fn to_toml(&self) -> String {
        match self {
            DraftValues::Range(from, to) => format!("from = {from}\nto = {to}\n"),
            DraftValues::List(list) => {
                let list: Vec<_> = list.iter().map(|value| in_toml(value)).collect();
                format!("list = [{}]\n", list.join(", "))
            }
            DraftValues::Uuid => "make = \"uuid\"\n".to_owned(),
            DraftValues::Time => "make = \"time\"\n".to_owned(),
        }
    }
}

/// A status, or a class such as `2XX`, as a plan has it.
pub(crate) fn status(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        class @ ("2xx" | "3xx" | "4xx" | "5xx") => Some(in_toml(class)),
        number => {
            let number: u16 = number.parse().ok()?;
            (200..=599).contains(&number).then(|| number.to_string())
        }
    }
}

/// A list of pairs, which may have a name several times, or a table where none has.
fn pairs(pairs: &[(String, String)]) -> String {
    let is_bare = |name: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !name.is_empty() && name.chars().all(is_part)
    };
    let mut names: Vec<_> = pairs
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.sort();
    names.dedup();
    let is_table = names.len() == pairs.len() && pairs.iter().all(|(name, _)| is_bare(name));
    let written: Vec<_> = pairs
        .iter()
        .map(|(name, value)| match is_table {
            true => format!("{name} = {}", in_toml(value)),
            false => format!("[{}, {}]", in_toml(name), in_toml(value)),
        })
        .collect();
    match is_table {
        true => format!("{{ {} }}", written.join(", ")),
        false => format!("[{}]", written.join(", ")),
    }
}

/// JSON as a value of TOML; `null`, which there is none of, as a text.
fn json(value: &Value) -> String {
    match value {
        Value::Null => in_toml(""),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(json).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members = members.iter();
            let members =
                members.map(|(name, value)| format!("{} = {}", in_toml(name), json(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => in_toml(text),
        other => other.to_string(),
    }
}

/// True when JSON can be written as a value of TOML without a change of what is sent.
pub(crate) fn is_sayable(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => values.iter().all(is_sayable),
        Value::Object(members) => members.values().all(is_sayable),
        // Larger ones are none of TOML's.
        Value::Number(number) => number.as_i64().is_some() || number.is_f64(),
        Value::Bool(_) | Value::String(_) => true,
    }
}
