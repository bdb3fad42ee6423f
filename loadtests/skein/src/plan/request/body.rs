//! Bodies of requests: a text, JSON, a form, a file, or parts of several kinds.

use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use toml::Spanned;

use super::super::mistake::Mistake;
use super::known::Known;
use super::several::FieldsFile;
use super::template::{Escaping, Template};
use super::values::Slot;

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Body {
    /// A text.
    Text {
        /// The text.
        text: Template,
        /// The rule for values in it.
        escaping: Escaping,
    },
    /// The content of a file, as it is.
    File(Bytes),
    /// Several parts (`multipart/form-data`, RFC 7578).
    Parts {
        /// The line that no part has in it.
        boundary: String,
        /// The parts, in order.
        parts: Vec<Part>,
    },
}

/// A part of a body.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its header, up to the empty line.
    head: String,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Text(Template),
    File(Bytes),
}

impl Body {
    /// The body with its placeholders filled in.
    pub fn fill(&self, values: &[String]) -> Bytes {
        match self {
            Body::Text { text, escaping } => text.fill(values, *escaping).into(),
            Body::File(content) => content.clone(),
            Body::Parts { boundary, parts } => {
                let mut body = BytesMut::new();
                for part in parts {
                    body.put_slice(format!("--{boundary}\r\n{}\r\n", part.head).as_bytes());
                    match &part.content {
                        Content::Text(text) => {
                            body.put_slice(text.fill(values, Escaping::None).as_bytes());
                        }
                        Content::File(content) => body.put_slice(content),
                    }
                    body.put_slice(b"\r\n");
                }
                body.put_slice(format!("--{boundary}--\r\n").as_bytes());
                body.freeze()
            }
        }
    }

    /// Every text of it that may have placeholders.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Body::Text { text, .. } => vec![text],
            Body::File(_) => Vec::new(),
            Body::Parts { parts, .. } => {
                let texts = parts.iter().filter_map(|part| match &part.content {
                    Content::Text(text) => Some(text),
                    Content::File(_) => None,
                });
                texts.collect()
            }
        }
    }

    /// Its bytes, if they are as many each time.
    pub(super) fn length(&self) -> Option<usize> {
        let is_constant = self.templates().iter().all(|text| text.is_constant());
        is_constant.then(|| self.fill(&[]).len())
    }

    /// True when there can be nothing in it.
    pub(super) fn can_be_empty(&self, slots: &[Slot]) -> bool {
        match self {
            Body::Text { text, .. } => {
                text.is_only_values() && text.values().all(|place| slots[place].can_be_empty())
            }
            Body::File(content) => content.is_empty(),
            Body::Parts { .. } => false,
        }
    }
}

/// The keys of a request that give it a body; one of them at most.
#[derive(Default)]
pub(super) struct BodyKeys {
    pub(super) body: Option<Spanned<String>>,
    pub(super) body_file: Option<Spanned<String>>,
    pub(super) json: Option<Spanned<toml::Value>>,
    pub(super) form: Option<Spanned<FieldsFile>>,
    pub(super) multipart: Option<Spanned<Vec<PartFile>>>,
}

/// A part in a plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct PartFile {
    name: Spanned<String>,
    value: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
    file_name: Option<String>,
    #[serde(rename = "type")]
    content_type: Option<Spanned<String>>,
}

impl BodyKeys {
    /// The body, and the content type that it has where no header field says another. A text's
    /// `content_type` is the one of the header field.
    pub(super) fn check(
        self,
        known: &Known,
        content_type: Option<&str>,
    ) -> Result<(Option<Body>, Option<String>), Mistake> {
        let places = [
            self.body.as_ref().map(Spanned::span),
            self.body_file.as_ref().map(Spanned::span),
            self.json.as_ref().map(Spanned::span),
            self.form.as_ref().map(Spanned::span),
            self.multipart.as_ref().map(Spanned::span),
        ];
        if let Some(second) = places.into_iter().flatten().nth(1) {
            let sentence =
                "a request has one body: `body`, `body_file`, `json`, `form` or `multipart`";
            return Err(Mistake {
                at: second,
                ..Mistake::somewhere(sentence)
            });
        }
        if let Some(text) = self.body {
            let text = known.template(&text)?;
            let escaping = content_type.map_or(Escaping::None, Escaping::of_content_type);
            return Ok((Some(Body::Text { text, escaping }), None));
        }
        if let Some(path) = self.body_file {
            return Ok((Some(Body::File(known.file(&path)?)), None));
        }
        if let Some(value) = self.json {
            let json = serde_json::to_string(value.get_ref())
                .map_err(|error| Mistake::at(&value, format!("this can't be JSON: {error}")))?;
            let text = known.template(&Spanned::new(value.span(), json))?;
            let escaping = Escaping::Json;
            let content_type = "application/json".to_owned();
            return Ok((Some(Body::Text { text, escaping }), Some(content_type)));
        }
        if let Some(form) = self.form {
            let text = form_of(form.get_ref(), known)?;
            let escaping = Escaping::Percent;
            let content_type = "application/x-www-form-urlencoded".to_owned();
            return Ok((Some(Body::Text { text, escaping }), Some(content_type)));
        }
        if let Some(parts) = self.multipart {
            if parts.get_ref().is_empty() {
                return Err(Mistake::at(&parts, "`multipart` has at least one part"));
            }
            let parts = parts.into_inner().into_iter().map(|part| part.check(known));
            let parts = parts.collect::<Result<Vec<_>, Mistake>>()?;
            // By chance no part has such a line in it.
            let boundary = format!("skein-{:032x}", rand::random::<u128>());
            let content_type = format!("multipart/form-data; boundary={boundary}");
            return Ok((Some(Body::Parts { boundary, parts }), Some(content_type)));
        }
        Ok((None, None))
    }
}

/// `name=value&…`, as a browser sends a form.
fn form_of(form: &FieldsFile, known: &Known) -> Result<Template, Mistake> {
    let mut texts = Vec::new();
    for (name, value) in &form.0 {
        if !texts.is_empty() {
            texts.push(Template::text("&"));
        }
        texts.push(Template::text(name.get_ref()).escaped(Escaping::Percent));
        texts.push(Template::text("="));
        texts.push(known.template(value)?.escaped(Escaping::Percent));
    }
    Ok(Template::joined(texts))
}

impl PartFile {
    fn check(self, known: &Known) -> Result<Part, Mistake> {
        // As browsers do (HTML, multipart/form-data encoding algorithm).
        let quoted = |text: &str| {
            let text = text.replace('"', "%22");
            text.replace('\r', "%0D").replace('\n', "%0A")
        };
        let mut head = format!(
            "Content-Disposition: form-data; name=\"{}\"",
            quoted(self.name.get_ref())
        );
        let (content, usual_type) = match (&self.value, &self.file) {
            (Some(value), None) => (Content::Text(known.template(value)?), None),
            (None, Some(file)) => {
                let path = Path::new(file.get_ref());
                let own = path.file_name().map(|name| name.to_string_lossy());
                let name = self.file_name.as_deref();
                let name = name.or(own.as_deref()).unwrap_or_default();
                head.push_str(&format!("; filename=\"{}\"", quoted(name)));
                let content = Content::File(known.file(file)?);
                (content, Some("application/octet-stream"))
            }
            _ => {
                let sentence = "a part has a `value`, or a `file` whose content it is";
                return Err(Mistake::at(&self.name, sentence));
            }
        };
        head.push_str("\r\n");
        let content_type = self.content_type.as_ref();
        if let Some(written) = content_type.filter(|t| t.get_ref().contains(char::is_control)) {
            let sentence = "a content type is one line, such as \"image/png\"";
            return Err(Mistake::at(written, sentence));
        }
        let content_type = content_type.map(|written| written.get_ref().as_str());
        if let Some(content_type) = content_type.or(usual_type) {
            head.push_str(&format!("Content-Type: {content_type}\r\n"));
        }
        Ok(Part { head, content })
    }
}
