//! Field lines: `field-name ":" OWS field-value OWS` (RFC 9112 §5), their folding
//! and their ends.

use super::bench::vector::{Vector, closed, get_with, refused, served, vector};
use super::bench::wire::is_token;

const BAD: &[u16] = &[400];

pub(super) fn vectors() -> Vec<Vector> {
    let all = values().into_iter().chain(names()).chain(folds());
    all.chain(ends())
        .chain(name_octets())
        .chain(value_octets())
        .collect()
}

/// Values that are to be taken, and how they arrive.
fn values() -> Vec<Vector> {
    const WHY: &str = "RFC 9110 §5.5: field-content with optional whitespace around it";
    let taken = [
        ("a value", "X-Vector: 1", "1"),
        ("no whitespace", "X-Vector:1", "1"),
        ("blanks around a value", "X-Vector:    1    ", "1"),
        ("tabs around a value", "X-Vector:\t\t1\t", "1"),
        ("no value", "X-Vector:", ""),
        ("a value of blanks", "X-Vector:   ", ""),
        ("a name in capitals", "X-VECTOR: 1", "1"),
        ("a name in lowercase", "x-vector: 1", "1"),
        ("a colon in a value", "X-Vector: a:b: c", "a:b: c"),
        ("a colon first in a value", "X-Vector::1", ":1"),
        ("a tab in a value", "X-Vector: a\tb", "a\tb"),
        ("a quoted string", r#"X-Vector: "a, b\"c""#, r#""a, b\"c""#),
        ("a quote that stays open", "X-Vector: \"a", "\"a"),
        ("a comment", "X-Vector: (a (b) c)", "(a (b) c)"),
        ("a list with empty members", "X-Vector: ,a,,b,", ",a,,b,"),
        (
            "what looks like a request",
            "X-Vector: GET / HTTP/1.1",
            "GET / HTTP/1.1",
        ),
        (
            "what looks like a field",
            "X-Vector: Host: other.example",
            "Host: other.example",
        ),
        ("text beyond ASCII", "X-Vector: zürich", "zürich"),
        (
            "an encoded line break",
            "X-Vector: a%0d%0aX-Injected: 1",
            "a%0d%0aX-Injected: 1",
        ),
        (
            "an escaped line break",
            "X-Vector: a\\r\\nX-Injected: 1",
            "a\\r\\nX-Injected: 1",
        ),
    ];
    let taken = taken.map(|(name, line, value)| {
        vector(name, get_with(format!("{line}\r\n")), served(), WHY).keeps("x-vector", value)
    });
    let octets = vector(
        "octets beyond ASCII that aren't UTF-8",
        get_with(b"X-Vector: \x80\xfe\xff\r\n"),
        served(),
        "RFC 9110 §5.5: obs-text is opaque data",
    );
    let all_marks = vector(
        "a name of every mark that a token may have",
        get_with("X!#$%&'*+-.^_`|~: 1\r\n"),
        served(),
        "RFC 9110 §5.6.2: tchar",
    );
    taken.into_iter().chain([octets, all_marks]).collect()
}

fn names() -> Vec<Vector> {
    const BLANK: &str = "RFC 9112 §5.1: whitespace between name and colon must be 400";
    const NAME: &str =
        "RFC 9110 §5.1: a name is a token; RFC 9112 §2.2: 400 for what isn't the grammar's";
    let lines = [
        ("a blank before the colon", "X-Vector : 1", BLANK),
        ("a tab before the colon", "X-Vector\t: 1", BLANK),
        ("two blanks before the colon", "X-Vector  : 1", BLANK),
        (
            "a blank before the colon of Content-Length",
            "Content-Length : 0",
            BLANK,
        ),
        (
            "a tab before the colon of Transfer-Encoding",
            "Transfer-Encoding\t: chunked",
            BLANK,
        ),
        (
            "a blank before the colon of Host",
            "Host : localhost",
            BLANK,
        ),
        ("no colon", "X-Vector", NAME),
        ("no colon, but a value", "X-Vector 1", NAME),
        ("an equals sign for a colon", "X-Vector=1", NAME),
        ("no name", ": 1", NAME),
        ("a colon alone", ":", NAME),
        ("two words in a name", "X Vector: 1", NAME),
        ("a name in brackets", "[X-Vector]: 1", NAME),
        ("a name in quotes", "\"X-Vector\": 1", NAME),
        ("a name with a slash", "X/Vector: 1", NAME),
        ("a name with a parameter", "X-Vector;a=b: 1", NAME),
        ("a name beyond ASCII", "X-Zürich: 1", NAME),
        ("a second request line", "{get} HTTP/1.1", NAME),
        ("a status line", "HTTP/1.1 200 OK", NAME),
    ];
    lines
        .map(|(name, line, why)| vector(name, get_with(format!("{line}\r\n")), refused(BAD), why))
        .into()
}

/// Lines that begin with whitespace: the obsolete way to go on with a value.
fn folds() -> Vec<Vector> {
    const FOLD: &str = "RFC 9112 §5.2: must be 400, or be replaced by blanks";
    const FIRST: &str =
        "RFC 9112 §2.2: whitespace before the first field must be 400, or its line dropped";
    let folded = [
        ("a fold with a blank", "X-Vector: a\r\n b\r\n"),
        ("a fold with a tab", "X-Vector: a\r\n\tb\r\n"),
        ("two folds", "X-Vector: a\r\n b\r\n c\r\n"),
        ("a fold before a value", "X-Vector:\r\n a\r\n"),
        ("a fold of blanks alone", "X-Vector: a\r\n   \r\n"),
        ("a fold with a bare LF", "X-Vector: a\n b\r\n"),
        (
            "a fold in Connection",
            "Connection: keep-alive,\r\n x-vector\r\n",
        ),
        (
            "a fold that looks like Content-Length",
            "X-Vector: a\r\n Content-Length: 1000\r\n",
        ),
        (
            "a fold that looks like Transfer-Encoding",
            "X-Vector: a\r\n\tTransfer-Encoding: chunked\r\n",
        ),
        (
            "a fold before the value of Content-Length",
            "Content-Length:\r\n 0\r\n",
        ),
    ];
    let folded =
        folded.map(|(name, lines)| vector(name, get_with(lines), refused(BAD).or(served()), FOLD));
    let first = [
        ("a blank before the first field", " X-Vector: 1\r\n"),
        ("a tab before the first field", "\tX-Vector: 1\r\n"),
        ("a line of blanks before the first field", "   \r\n"),
    ];
    let first = first.map(|(name, lines)| {
        let raw = format!("{{get}} HTTP/1.1\r\n{lines}{{fields}}\r\n");
        vector(name, raw, refused(BAD).or(served()), FIRST)
    });
    let hosts = [
        ("a fold in Host", "Host: local\r\n host\r\n"),
        ("a fold before the value of Host", "Host:\r\n localhost\r\n"),
    ];
    let hosts = hosts.map(|(name, host)| {
        let raw = format!("{{get}} HTTP/1.1\r\n{host}{{extras}}\r\n");
        vector(name, raw, refused(BAD).or(served()), FOLD)
    });
    let length = vector(
        "a fold within the digits of Content-Length",
        get_with("Content-Length: 1\r\n 7\r\n"),
        refused(BAD),
        "RFC 9112 §5.2 makes a blank of it, and §6.3 demands digits",
    );
    folded
        .into_iter()
        .chain(first)
        .chain(hosts)
        .chain([length])
        .collect()
}

/// How lines end, and the head.
fn ends() -> Vec<Vector> {
    const LF: &str = "RFC 9112 §2.2: a bare LF may be taken for CRLF";
    const CR: &str = "RFC 9112 §2.2: a bare CR is invalid, or a blank";
    let either = [
        ("a line that ends with a bare LF", get_with("X-Vector: 1\n")),
        (
            "every line ends with a bare LF",
            b"{get} HTTP/1.1\n{fields}\n".to_vec(),
        ),
        (
            "a head that ends with two bare LFs",
            b"{get} HTTP/1.1\r\n{fields}X-Vector: 1\n\n".to_vec(),
        ),
        (
            "a head that ends with LF CR LF",
            b"{get} HTTP/1.1\r\n{fields}X-Vector: 1\n\r\n".to_vec(),
        ),
        (
            "a head that ends with CR LF LF",
            b"{get} HTTP/1.1\r\n{fields}X-Vector: 1\r\n\n".to_vec(),
        ),
    ];
    let either = either.map(|(name, raw)| vector(name, raw, served().or(refused(BAD)), LF));
    let refusals = [
        (
            "a line that ends with a bare CR",
            "X-Vector: 1\rX-Other: 2\r\n",
        ),
        ("a line that ends with CR CR LF", "X-Vector: 1\r\r\n"),
        (
            "a line that ends with LF CR",
            "X-Vector: 1\n\rX-Other: 2\r\n",
        ),
        ("a bare CR before a value", "X-Vector:\r1\r\n"),
        ("a bare CR before the colon", "X-Vector\r: 1\r\n"),
        ("a bare CR first in a line", "\rX-Vector: 1\r\n"),
        ("a bare CR as a line", "\r\r\n"),
        (
            "a bare CR before Content-Length",
            "X-Vector: 1\rContent-Length: 1000\r\n",
        ),
        (
            "a bare CR before Transfer-Encoding",
            "X-Vector: 1\rTransfer-Encoding: chunked\r\n",
        ),
    ];
    let refusals = refusals.map(|(name, lines)| vector(name, get_with(lines), refused(BAD), CR));
    let cut = [
        (
            "a head with CR CR at its end",
            "{get} HTTP/1.1\r\n{fields}\r\r",
        ),
        ("a head with bare CRs alone", "{get} HTTP/1.1\r{fields}\r\r"),
        (
            "a head that never ends, for the next line follows",
            "{get} HTTP/1.1\r\n{fields}X-Vector: 1\r\n",
        ),
    ];
    let cut = cut.map(|(name, raw)| vector(name, raw, refused(BAD).or(closed()), CR));
    either.into_iter().chain(refusals).chain(cut).collect()
}

/// Each octet that no token has, in the middle of a name; a colon ends the name.
fn name_octets() -> impl Iterator<Item = Vector> {
    let foreign = (0..=u8::MAX).filter(|octet| !is_token(&[*octet]) && *octet != b':');
    foreign.map(|octet| {
        let name = format!("octet {octet:#04x} in a name");
        let line = [b"X-Vec", &[octet][..], b"tor: 1\r\n"].concat();
        vector(
            name,
            get_with(line),
            refused(BAD),
            "RFC 9110 §5.1: a name is a token",
        )
    })
}

/// Each control octet in the middle of a value; LF ends the line.
fn value_octets() -> impl Iterator<Item = Vector> {
    let controls = (0..b' ').chain([0x7f]);
    controls
        .filter(|octet| !b"\t\n".contains(octet))
        .map(|octet| {
            let name = format!("octet {octet:#04x} in a value");
            let line = [b"X-Vector: a", &[octet][..], b"b\r\n"].concat();
            let (right, why) = match octet {
                0 | b'\r' => (
                    refused(BAD),
                    "RFC 9110 §5.5: NUL and CR are dangerous; refused, or replaced by a blank",
                ),
                _ => (
                    refused(BAD).or(served()),
                    "RFC 9110 §5.5: may be kept where that is harmless",
                ),
            };
            vector(name, get_with(line), right, why)
        })
}
