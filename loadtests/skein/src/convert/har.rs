//! Recordings of browsers (HTTP Archive 1.2): one user's requests, one after the other, with
//! the pauses between them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Unconvertible;
use super::draft::{self, Draft, DraftBody, DraftPart, DraftRequest, plain};

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Option<Timestamp>,
    time: Option<f64>,
    request: Asked,
    response: Answered,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    status: i64,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    text: Option<String>,
    #[serde(default)]
    params: Vec<Param>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Param {
    name: String,
    value: Option<String>,
    file_name: Option<String>,
    content_type: Option<String>,
}

/// A shorter pause between two requests is the browser's and not its user's.
const PAUSE: Duration = Duration::from_millis(500);

/// The plan of a recording; `made_by` is the command that is asked for it.
///
/// # Errors
///
/// The text is no recording, or has no request to a server in it.
pub(crate) fn read(text: &str, made_by: String) -> Result<Draft, Unconvertible> {
    let har: Har = serde_json::from_str(text).map_err(|error| Unconvertible::Form {
        form: "HTTP archive",
        reason: error.to_string(),
    })?;
    let entries = har.log.entries.into_iter();
    let entries: Vec<_> = entries
        .filter_map(|entry| Some((Url::parse(&entry.request.url).ok()?, entry)))
        .filter(|(url, _)| matches!(url.scheme(), "http" | "https"))
        .collect();
    let mut origins: BTreeMap<String, usize> = BTreeMap::new();
    for (url, _) in &entries {
        *origins.entry(origin(url)).or_default() += 1;
    }
    // The server that is asked most is the one that the recording is about.
    let target = origins.iter().max_by_key(|(_, requests)| **requests);
    let Some((target, _)) = target.map(|(origin, requests)| (origin.clone(), *requests)) else {
        return Err(Unconvertible::Nothing(
            "no entry has an http URL".to_owned(),
        ));
    };
    let others = origins.iter().filter(|(origin, _)| **origin != target);
    let mut draft = Draft {
        made_by,
        is_story: true,
        notes: others
            .map(|(origin, requests)| format!("Left out: {requests} for {origin}, another server."))
            .collect(),
        target: Some(target.clone()),
        ..Draft::default()
    };
    let mut ended: Option<Timestamp> = None;
    for (url, entry) in entries.iter().filter(|(url, _)| origin(url) == target) {
        if let (Some(last), Some(ended), Some(began)) =
            (draft.requests.last_mut(), ended, entry.started_date_time)
        {
            let pause = Duration::try_from(began.duration_since(ended)).unwrap_or_default();
            if pause >= PAUSE {
                last.think = Duration::from_millis(pause.as_millis() as u64);
            }
        }
        ended = entry.started_date_time.map(|began| {
            let took = Duration::from_secs_f64(entry.time.unwrap_or(0.0).clamp(0.0, 1e9) / 1e3);
            began.checked_add(took).unwrap_or(began)
        });
        draft.requests.push(request(url, entry));
    }
    draft.notes.push(
        "What an answer gives and a later request needs is still as it was recorded: `capture` it."
            .to_owned(),
    );
    Ok(draft)
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn request(url: &Url, entry: &Entry) -> DraftRequest {
    let asked = &entry.request;
    let query = url
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let body = asked.post_data.as_ref().map(body).unwrap_or_default();
    let fields = asked.headers.iter();
    let fields = fields.filter_map(|pair| draft::field(&pair.name, &pair.value));
    let headers = fields.filter(|(name, _)| {
        // A form and parts say by themselves what they are.
        let is_typed = matches!(body, DraftBody::Form(_) | DraftBody::Parts(_));
        !(is_typed && name.eq_ignore_ascii_case("content-type"))
    });
    let status = entry.response.status.to_string();
    DraftRequest {
        method: asked.method.to_ascii_uppercase(),
        path: plain(&format!("{}{query}", url.path())),
        headers: headers.collect(),
        status: draft::status(&status)
            .filter(|status| status != "200")
            .into_iter()
            .collect(),
        body,
        think: Duration::ZERO,
    }
}

fn body(data: &PostData) -> DraftBody {
    let kind = data.mime_type.split(';').next().unwrap_or_default().trim();
    let text = data.text.as_deref().unwrap_or_default();
    let params = data.params.iter();
    match kind {
        "application/x-www-form-urlencoded" if !data.params.is_empty() => {
            // Recorders differ in whether they decode.
            let fields = url::form_urlencoded::parse(text.as_bytes());
            let mut fields: Vec<(String, String)> = fields
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            if fields.is_empty() {
                let pair = |p: &Param| (p.name.clone(), p.value.clone().unwrap_or_default());
                fields = params.map(pair).collect();
            }
            let plain = |(name, value): (String, String)| (name, plain(&value));
            DraftBody::Form(fields.into_iter().map(plain).collect())
        }
        "multipart/form-data" if !data.params.is_empty() => {
            let part = |param: &Param| DraftPart {
                name: param.name.clone(),
                content: match &param.file_name {
                    Some(file) => Err(file.clone()),
                    None => Ok(plain(param.value.as_deref().unwrap_or_default())),
                },
                content_type: param.content_type.clone(),
            };
            DraftBody::Parts(params.map(part).collect())
        }
        _ if text.is_empty() => DraftBody::None,
        "application/json" => match serde_json::from_str::<Value>(text) {
            Ok(value) if draft::is_sayable(&value) => DraftBody::Json(draft::plain_json(&value)),
            _ => DraftBody::Text(plain(text)),
        },
        _ => DraftBody::Text(plain(text)),
    }
}
