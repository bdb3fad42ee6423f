//! A strict reader of HTTP/1.1 messages, with no code in common with any server that
//! is tested here: it knows no robustness exception, and what it takes is in order.

/// The head of a message whose every line is in order.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The request line or status line.
    pub(crate) start: String,
    /// Names in lowercase, and values without the blanks around them.
    pub(crate) fields: Vec<(String, String)>,
}

/// How a message tells the end of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Not at all.
    Nothing,
    /// By `Content-Length`, in bytes.
    Length(usize),
    /// By a last chunk.
    Chunked,
}

/// A body as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// It is all there, and takes this many bytes of what has come.
    Whole(usize),
    /// More has to come.
    Begun,
}

/// Splits off the first head, with its empty line; `None` when it isn't all there.
pub(crate) fn split_head(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = position(octets, b"\r\n\r\n")? + 4;
    Some(octets.split_at(end))
}

impl Head {
    /// Reads a head with its empty line.
    ///
    /// # Errors
    ///
    /// The first line that isn't in order, and why.
    pub(crate) fn read(head: &[u8]) -> Result<Head, String> {
        let lines = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
        let mut lines = split_lines(lines).into_iter();
        let start = lines.next().unwrap_or_default();
        let start = text(start).ok_or_else(|| unfit("start line", start))?;
        let fields = lines.map(field).collect::<Result<_, _>>()?;
        Ok(Head { start, fields })
    }

    /// All values of a field.
    pub(crate) fn all<'h>(&'h self, name: &str) -> Vec<&'h str> {
        let named = self.fields.iter().filter(|(field, _)| *field == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// How the message tells the end of its body.
    ///
    /// # Errors
    ///
    /// When it tells it twice, or in a way that isn't in order.
    pub(crate) fn framing(&self) -> Result<Framing, String> {
        match (
            &self.all("content-length")[..],
            &self.all("transfer-encoding")[..],
        ) {
            ([], []) => Ok(Framing::Nothing),
            ([length], []) if length.bytes().all(|b| b.is_ascii_digit()) => length
                .parse()
                .map(Framing::Length)
                .map_err(|_| format!("Content-Length: {length:?}")),
            ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            (lengths, codings) => Err(format!(
                "not framed in exactly one way: Content-Length {lengths:?}, \
                 Transfer-Encoding {codings:?}"
            )),
        }
    }
}

impl Framing {
    /// How far a body with this framing goes in `octets`.
    ///
    /// # Errors
    ///
    /// The first chunk that isn't in order.
    pub(crate) fn extent(self, octets: &[u8]) -> Result<Extent, String> {
        match self {
            Framing::Nothing => Ok(Extent::Whole(0)),
            Framing::Length(length) if octets.len() >= length => Ok(Extent::Whole(length)),
            Framing::Length(_) => Ok(Extent::Begun),
            Framing::Chunked => chunks(octets),
        }
    }
}

/// `chunk-size [ chunk-ext ] CRLF chunk-data CRLF`, again and again, then a chunk of
/// size 0 and a trailer section (RFC 9112 §7.1).
fn chunks(octets: &[u8]) -> Result<Extent, String> {
    let mut at = 0;
    loop {
        let Some(line) = position(&octets[at..], b"\r\n") else {
            return Ok(Extent::Begun);
        };
        let head = &octets[at..at + line];
        let size = head.split(|&b| b == b';').next().unwrap_or_default();
        let digits = !size.is_empty() && size.len() <= 8 && size.iter().all(u8::is_ascii_hexdigit);
        let size = std::str::from_utf8(size).ok().filter(|_| digits);
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or_else(|| unfit("chunk's head", head))?;
        at += line + 2;
        if size == 0 {
            let section = &octets[at..];
            if section.starts_with(b"\r\n") {
                return Ok(Extent::Whole(at + 2));
            }
            return match split_head(section) {
                Some((trailers, _)) => {
                    split_lines(&trailers[..trailers.len() - 4])
                        .into_iter()
                        .try_for_each(|line| field(line).map(drop))?;
                    Ok(Extent::Whole(at + trailers.len()))
                }
                None => Ok(Extent::Begun),
            };
        }
        let Some(after) = octets.get(at + size..at + size + 2) else {
            return Ok(Extent::Begun);
        };
        if after != b"\r\n" {
            return Err(unfit("end of a chunk", after));
        }
        at += size + 2;
    }
}

/// `field-name ":" OWS field-value OWS` (RFC 9112 §5).
fn field(line: &[u8]) -> Result<(String, String), String> {
    let colon = line.iter().position(|&b| b == b':');
    let (name, value) = line.split_at(colon.ok_or_else(|| unfit("field line", line))?);
    if !is_token(name) {
        return Err(unfit("field name", name));
    }
    let value = text(&value[1..]).ok_or_else(|| unfit("field value", value))?;
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    Ok((name, value.trim_matches([' ', '\t']).to_owned()))
}

/// True when these octets are a `token` (RFC 9110 §5.6.2).
pub(crate) fn is_token(octets: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !octets.is_empty() && octets.iter().all(allowed)
}

/// Visible characters, blanks, tabs and octets beyond ASCII, and nothing else; octets
/// beyond ASCII that aren't UTF-8 are replaced.
fn text(octets: &[u8]) -> Option<String> {
    let allowed = |b: &u8| *b == b'\t' || (*b >= b' ' && *b != 0x7f);
    octets
        .iter()
        .all(allowed)
        .then(|| String::from_utf8_lossy(octets).into_owned())
}

fn split_lines(octets: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = octets;
    while let Some(end) = position(rest, b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines.push(rest);
    lines
}

fn position(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn unfit(what: &str, octets: &[u8]) -> String {
    format!("a malformed {what}: {}", octets.escape_ascii())
}
