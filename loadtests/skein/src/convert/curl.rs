//! Command lines of curl, as browsers and documentation have them: one request each.

use url::Url;

use super::Unconvertible;
use super::draft::{self, Draft, DraftBody, DraftPart, DraftRequest, plain};

/// Options that take a value and say nothing about the request.
const WITH_VALUE: [&str; 12] = [
    "-o",
    "--output",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "-w",
    "--write-out",
    "--cacert",
    "--resolve",
    "-x",
    "--proxy",
];

/// The plan of one or more command lines; `made_by` is the command that is asked for it.
///
/// # Errors
///
/// The text has no command line of curl in it.
pub(crate) fn read(text: &str, made_by: String) -> Result<Draft, Unconvertible> {
    let form = |reason: String| Unconvertible::Form {
        form: "command line of curl",
        reason,
    };
    // A line that ends with a backslash goes on.
    let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let words = shlex::split(&text).ok_or_else(|| form("a quote isn't closed".to_owned()))?;
    let mut draft = Draft {
        made_by,
        ..Draft::default()
    };
    let lines = words.split(|word| word == "curl" || word.ends_with("/curl"));
    for words in lines.skip(1) {
        let (url, request) = line(words, &mut draft.notes).map_err(form)?;
        let origin = url.origin().ascii_serialization();
        match &draft.target {
            Some(target) if *target != origin => {
                draft
                    .notes
                    .push(format!("Left out: a request for {url}, another server."));
                continue;
            }
            _ => draft.target = Some(origin),
        }
        draft.requests.push(request);
    }
    match draft.requests.is_empty() {
        true => Err(Unconvertible::Nothing(
            "no line begins with curl".to_owned(),
        )),
        false => Ok(draft),
    }
}

/// The parts of a command line, as they come.
#[derive(Default)]
struct Line {
    url: Option<String>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    parts: Vec<DraftPart>,
    file: Option<String>,
    is_json: bool,
    is_query: bool,
    is_head: bool,
}

fn line(words: &[String], notes: &mut Vec<String>) -> Result<(Url, DraftRequest), String> {
    let mut line = Line::default();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let (option, attached) = split(word);
        let mut value = || match attached {
            Some(value) => Ok(value.to_owned()),
            None => words
                .next()
                .map(str::to_owned)
                .ok_or(format!("{option} has no value")),
        };
        match option {
            "-X" | "--request" => line.method = Some(value()?.to_ascii_uppercase()),
            "-H" | "--header" => line.add_header(&value()?),
            "-A" | "--user-agent" => line.add_header(&format!("User-Agent: {}", value()?)),
            "-e" | "--referer" => line.add_header(&format!("Referer: {}", value()?)),
            "-b" | "--cookie" => {
                let cookies = value()?;
                notes.push(match cookies.contains('=') {
                    true => format!(
                        "Left out, for they are somebody's: {} cookies.",
                        cookies.split(';').count()
                    ),
                    false => format!("Cookies of the file {cookies} are left out."),
                });
            }
            "-u" | "--user" => {
                value()?;
                let field = ("Authorization".to_owned(), "Basic {env.TOKEN}".to_owned());
                line.headers.push(field);
            }
            "-d" | "--data" | "--data-ascii" | "--data-binary" | "--data-raw" => {
                let data = value()?;
                match data.strip_prefix('@').filter(|_| option != "--data-raw") {
                    Some(file) => line.file = Some(file.to_owned()),
                    None => line.data.push(data),
                }
            }
            "--data-urlencode" => line.data.push(encoded(&value()?)),
            "--json" => {
                line.is_json = true;
                line.data.push(value()?);
            }
            "-F" | "--form" | "--form-string" => line.parts.push(part(&value()?)?),
            "-G" | "--get" => line.is_query = true,
            "-I" | "--head" => line.is_head = true,
            "--url" => line.url = Some(value()?),
            "-L" | "--location" => notes.push(
                "Redirects are not followed: say which `status` is right, and ask for the next place in a step of its own."
                    .to_owned(),
            ),
            "-k" | "--insecure" => {
                notes.push("The command trusts any certificate (-k).".to_owned());
            }
            _ if WITH_VALUE.contains(&option) => {
                value()?;
            }
            _ if option.starts_with('-') => {}
            url => line.url = Some(url.to_owned()),
        }
    }
    line.finish()
}

/// An option and the value that is written in the same word: `-XPOST`, `--request=POST`.
fn split(word: &str) -> (&str, Option<&str>) {
    const SHORT_WITH_VALUE: &str = "XHAebudFomwx";
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (word, None),
        };
    }
    let mut letters = word.chars();
    let is_short = letters.next() == Some('-');
    match letters.next() {
        Some(letter) if is_short && SHORT_WITH_VALUE.contains(letter) && word.len() > 2 => {
            let (option, value) = word.split_at(2);
            (option, Some(value))
        }
        _ => (word, None),
    }
}

/// `name=value` or `value`, with the value percent-encoded.
fn encoded(text: &str) -> String {
    let encode = |value: &str| url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    match text.split_once('=') {
        Some(("", value)) => encode(value),
        Some((name, value)) => format!("{name}={}", encode(value) as String),
        None => encode(text),
    }
}

/// `name=value`, `name=@file;type=image/png`.
fn part(text: &str) -> Result<DraftPart, String> {
    let (name, content) = text
        .split_once('=')
        .ok_or(format!("{text:?} is no part of a form"))?;
    let Some(file) = content.strip_prefix('@') else {
        return Ok(DraftPart {
            name: name.to_owned(),
            content: Ok(plain(content)),
            content_type: None,
        });
    };
    let mut pieces = file.split(';');
    let path = pieces.next().unwrap_or_default().to_owned();
    let mut types = pieces.filter_map(|piece| piece.trim().strip_prefix("type="));
    Ok(DraftPart {
        name: name.to_owned(),
        content: Err(path),
        content_type: types.next().map(str::to_owned),
    })
}

impl Line {
    fn add_header(&mut self, text: &str) {
        if let Some((name, value)) = text.split_once(':') {
            self.headers.extend(draft::field(name.trim(), value.trim()));
        }
    }

    fn finish(self) -> Result<(Url, DraftRequest), String> {
        let written = self.url.ok_or("it names no URL")?;
        let with_scheme = match written.contains("://") {
            true => written.clone(),
            false => format!("http://{written}"),
        };
        let url = Url::parse(&with_scheme).map_err(|error| format!("{written:?}: {error}"))?;
        let mut path = url.path().to_owned();
        let data = self.data.join("&");
        let queries = url
            .query()
            .into_iter()
            .chain(self.is_query.then_some(data.as_str()));
        let query: Vec<_> = queries.filter(|query| !query.is_empty()).collect();
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let mut headers = self.headers;
        let content_type = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = content_type.map(|(_, value)| value.clone());
        let has_data = !self.is_query && (!data.is_empty() || self.file.is_some());
        let json = serde_json::from_str(&data).ok().filter(draft::is_sayable);
        let is_json = self.is_json
            || content_type
                .as_deref()
                .is_some_and(|of| of.contains("json"));
        let body = match (self.file, json) {
            _ if !self.parts.is_empty() => DraftBody::Parts(self.parts),
            (Some(file), _) => DraftBody::File(file),
            _ if !has_data => DraftBody::None,
            (None, Some(json)) if is_json => DraftBody::Json(draft::plain_json(&json)),
            (None, _) => DraftBody::Text(plain(&data)),
        };
        let usual = match self.is_json {
            true => Some("application/json"),
            // As curl does, whatever the data is.
            false if has_data => Some("application/x-www-form-urlencoded"),
            false => None,
        };
        let says_itself = matches!(body, DraftBody::Json(_) | DraftBody::Parts(_));
        if let Some(usual) = usual.filter(|_| content_type.is_none() && !says_itself) {
            headers.push(("Content-Type".to_owned(), usual.to_owned()));
        }
        let usual = match (self.is_head, matches!(body, DraftBody::None)) {
            (true, _) => "HEAD",
            (false, true) => "GET",
            (false, false) => "POST",
        };
        let request = DraftRequest {
            method: self.method.unwrap_or_else(|| usual.to_owned()),
            path: plain(&path),
            headers,
            body,
            ..DraftRequest::default()
        };
        Ok((url, request))
    }
}
