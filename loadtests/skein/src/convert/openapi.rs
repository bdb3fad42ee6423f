//! Descriptions of interfaces (OpenAPI 3): each operation is a plain request, with values of
//! the kind that its parameters have.

use serde_json::{Map, Value};

use super::Unconvertible;
use super::draft::{self, Draft, DraftBody, DraftRequest, DraftValues, plain};
use crate::text::of_json;

/// The methods of operations.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// References that lead to references and so on are followed this far.
const DEEPEST: usize = 16;

/// The plan of a description in JSON; `made_by` is the command that is asked for it.
///
/// # Errors
///
/// The text is no description, or has no operation in it.
pub(crate) fn read(text: &str, made_by: String) -> Result<Draft, Unconvertible> {
    let form = |reason: String| Unconvertible::Form {
        form: "description in the JSON form of OpenAPI 3",
        reason,
    };
    let document: Value = serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
    let version = document["openapi"].as_str().unwrap_or_default();
    if !version.starts_with("3.") {
        return Err(form("`openapi` doesn't say 3.0 or 3.1".to_owned()));
    }
    let base = document
        .pointer("/servers/0/url")
        .and_then(Value::as_str)
        .unwrap_or("");
    let (target, prefix) = server(base);
    let mut reader = Reader {
        document: &document,
        draft: Draft {
            made_by,
            target,
            ..Draft::default()
        },
    };
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        let item = reader.resolved(item);
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let shared = item.get("parameters");
                reader.add(method, &format!("{prefix}{path}"), operation, shared);
            }
        }
    }
    let mut draft = reader.draft;
    if draft.requests.is_empty() {
        return Err(Unconvertible::Nothing(
            "`paths` has no operation".to_owned(),
        ));
    }
    let writes = draft
        .requests
        .iter()
        .filter(|r| !["GET", "HEAD", "OPTIONS"].contains(&&*r.method));
    match writes.count() {
        0 => {}
        writes => draft.notes.push(format!(
            "{writes} of these requests may change something: leave out what must not."
        )),
    }
    Ok(draft)
}

/// The server and the beginning of all paths that a description names.
fn server(base: &str) -> (Option<String>, String) {
    match url::Url::parse(base) {
        Ok(url) if url.has_host() => (
            Some(url.origin().ascii_serialization()),
            url.path().trim_end_matches('/').to_owned(),
        ),
        _ => (None, base.trim_end_matches('/').to_owned()),
    }
}

struct Reader<'a> {
    document: &'a Value,
    draft: Draft,
}

impl<'a> Reader<'a> {
    /// The value that a reference leads to within the document.
    fn resolved(&self, value: &'a Value) -> &'a Value {
        let mut value = value;
        for _ in 0..DEEPEST {
            let Some(pointer) = value.get("$ref").and_then(Value::as_str) else {
                break;
            };
            let found = pointer
                .strip_prefix('#')
                .and_then(|p| self.document.pointer(p));
            match found {
                Some(found) => value = found,
                None => break,
            }
        }
        value
    }

    fn add(&mut self, method: &str, path: &str, operation: &'a Value, shared: Option<&'a Value>) {
        let own = operation.get("parameters");
        let lists = [shared, own].into_iter().flatten();
        let parameters = lists.filter_map(Value::as_array).flatten();
        let parameters: Vec<_> = parameters
            .map(|parameter| self.resolved(parameter))
            .collect();
        let mut request = DraftRequest {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            ..DraftRequest::default()
        };
        let mut query = Vec::new();
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let is_required = parameter["required"].as_bool().unwrap_or(false);
            match parameter["in"].as_str() {
                Some("path") => {
                    let placeholder = self.value(name, parameter);
                    request.path = request.path.replace(&format!("{{{name}}}"), &placeholder);
                }
                Some("query") if is_required => {
                    query.push(format!("{name}={}", self.value(name, parameter)));
                }
                Some("header") if is_required => {
                    let value = self.value(name, parameter);
                    request.headers.push((name.to_owned(), value));
                }
                _ => {}
            }
        }
        if !query.is_empty() {
            request.path = format!("{}?{}", request.path, query.join("&"));
        }
        let secured = operation.get("security").or(self.document.get("security"));
        if secured
            .and_then(Value::as_array)
            .is_some_and(|needs| !needs.is_empty())
        {
            let field = ("Authorization".to_owned(), "Bearer {env.TOKEN}".to_owned());
            request.headers.push(field);
        }
        if let Some(body) = operation.get("requestBody") {
            let body = self.resolved(body);
            request.body = self.body(body, &mut request.headers, path);
        }
        let responses = operation["responses"].as_object();
        let statuses = responses.into_iter().flatten().filter_map(|(status, _)| {
            let status = draft::status(status)?;
            status
                .trim_matches(['"', '\''])
                .starts_with('2')
                .then_some(status)
        });
        request.status = statuses.collect();
        if request.status == ["200"] {
            request.status.clear();
        }
        self.draft.requests.push(request);
    }

    /// A placeholder for a parameter, whose values are of its kind; where there is only one
    /// that is known, that.
    fn value(&mut self, name: &str, parameter: &'a Value) -> String {
        let schema = parameter
            .get("schema")
            .map_or(parameter, |schema| self.resolved(schema));
        let examples = [
            parameter.get("example"),
            schema.get("example"),
            schema.get("default"),
        ];
        if let Some(example) = examples.into_iter().flatten().next() {
            return plain(&of_json(example));
        }
        let letters = name
            .chars()
            .map(|c| match c.is_ascii_alphanumeric() || c == '_' {
                true => c,
                false => '_',
            });
        let mut known: String = letters.collect();
        if !known.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            known.insert(0, '_');
        }
        let values = values(schema);
        // Two parameters of one name and different kinds are different values.
        while self
            .draft
            .values
            .get(&known)
            .is_some_and(|other| *other != values)
        {
            known.push('_');
        }
        self.draft.values.insert(known.clone(), values);
        format!("{{{known}}}")
    }

    fn body(
        &mut self,
        body: &'a Value,
        headers: &mut Vec<(String, String)>,
        path: &str,
    ) -> DraftBody {
        let contents = body["content"].as_object();
        let Some((kind, content)) = contents.and_then(|contents| {
            let json = contents.iter().find(|(kind, _)| kind.contains("json"));
            json.or(contents.iter().next())
        }) else {
            return DraftBody::None;
        };
        let example = content.get("example").or_else(|| {
            let examples = content["examples"].as_object()?;
            examples
                .values()
                .next()
                .and_then(|e| self.resolved(e).get("value"))
        });
        let example = example.cloned().or_else(|| {
            let schema = content.get("schema")?;
            Some(self.made(schema, 0))
        });
        let Some(example) = example else {
            self.draft.notes.push(format!(
                "The body of {path} ({kind}) is left out: nothing says what is in it."
            ));
            return DraftBody::None;
        };
        if kind.contains("x-www-form-urlencoded") {
            let fields = example.as_object().cloned().unwrap_or_default().into_iter();
            return DraftBody::Form(
                fields
                    .map(|(name, value)| (name, plain(&of_json(&value))))
                    .collect(),
            );
        }
        if kind.contains("json") && draft::is_sayable(&example) {
            if kind != "application/json" {
                headers.push(("Content-Type".to_owned(), kind.clone()));
            }
            return DraftBody::Json(draft::plain_json(&example));
        }
        headers.push(("Content-Type".to_owned(), kind.clone()));
        DraftBody::Text(plain(&of_json(&example)))
    }

    /// A value of the kind that a schema describes.
    fn made(&self, schema: &'a Value, depth: usize) -> Value {
        let schema = self.resolved(schema);
        let given = [
            schema.get("example"),
            schema.get("default"),
            schema.pointer("/enum/0"),
        ];
        if let Some(given) = given.into_iter().flatten().next() {
            return given.clone();
        }
        if depth > DEEPEST {
            return Value::String(String::new());
        }
        for choice in ["allOf", "oneOf", "anyOf"] {
            let Some(schemas) = schema.get(choice).and_then(Value::as_array) else {
                continue;
            };
            if choice != "allOf" {
                return schemas
                    .first()
                    .map_or(Value::Null, |s| self.made(s, depth + 1));
            }
            let mut all = Map::new();
            for schema in schemas {
                if let Value::Object(members) = self.made(schema, depth + 1) {
                    all.extend(members);
                }
            }
            return Value::Object(all);
        }
        match kind(schema) {
            "integer" => schema.get("minimum").cloned().unwrap_or(Value::from(1)),
            "number" => schema.get("minimum").cloned().unwrap_or(Value::from(1.5)),
            "boolean" => Value::Bool(true),
            "array" => {
                let item = schema.get("items").map(|items| self.made(items, depth + 1));
                Value::Array(item.into_iter().collect())
            }
            "string" => Value::from(match schema["format"].as_str() {
                Some("uuid") => "00000000-0000-4000-8000-000000000000",
                Some("date-time") => "2026-01-01T00:00:00Z",
                Some("date") => "2026-01-01",
                Some("email") => "someone@example.com",
                _ => "text",
            }),
            _ => {
                let properties = schema["properties"].as_object();
                let members = properties.into_iter().flatten();
                let made = members.map(|(name, of)| (name.clone(), self.made(of, depth + 1)));
                Value::Object(made.collect())
            }
        }
    }
}

/// The type of a schema; of several, the first that isn't `null`.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            kinds.find(|kind| *kind != "null").unwrap_or("object")
        }
        _ => "object",
    }
}

/// Values of the kind that a schema describes.
fn values(schema: &Value) -> DraftValues {
    if let Some(list) = schema["enum"].as_array().filter(|list| !list.is_empty()) {
        return DraftValues::List(list.iter().map(of_json).collect());
    }
    match (kind(schema), schema["format"].as_str()) {
        ("integer" | "number", _) => {
            let from = schema["minimum"].as_u64().unwrap_or(1);
            let to = schema["maximum"].as_u64().unwrap_or(from + 99);
            DraftValues::Range(from, to.max(from))
        }
        ("boolean", _) => DraftValues::List(vec!["true".to_owned(), "false".to_owned()]),
        (_, Some("uuid")) => DraftValues::Uuid,
        (_, Some("date-time")) => DraftValues::Time,
        _ => DraftValues::List(vec!["text".to_owned()]),
    }
}
