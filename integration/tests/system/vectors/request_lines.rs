//! Request lines: `method SP request-target SP HTTP-version` (RFC 9112 §3), versions
//! (§2.3) and methods (RFC 9110 §9).

use super::bench::vector::{
    BODY, Vector, closed, get_with, post_with, refused, served, served_times, vector,
};
use super::bench::wire::is_token;

const GRAMMAR: &str = "RFC 9112 §3: method SP request-target SP HTTP-version";
const BAD: &[u16] = &[400];

pub(super) fn vectors() -> Vec<Vector> {
    let lines = lines().into_iter();
    let all = lines
        .chain(versions())
        .chain(methods())
        .chain(method_octets());
    all.collect()
}

fn lines() -> Vec<Vector> {
    let line = |line: &str| format!("{line}\r\n{{fields}}X-Number: vector-{{number}}\r\n\r\n");
    let lenient = "RFC 9112 §3: a recipient may split at any whitespace, or refuse";
    vec![
        vector("in good order", get_with(""), served(), GRAMMAR),
        vector(
            "one empty line before it",
            [b"\r\n".to_vec(), get_with("")].concat(),
            served(),
            "RFC 9112 §2.2: a server should ignore at least one empty line",
        ),
        vector(
            "three empty lines before it",
            [b"\r\n\r\n\r\n".to_vec(), get_with("")].concat(),
            served().or(refused(BAD)),
            "RFC 9112 §2.2: at least one is to be ignored, more may be",
        ),
        vector(
            "a bare LF before it",
            [b"\n".to_vec(), get_with("")].concat(),
            served().or(refused(BAD)),
            "RFC 9112 §2.2: a bare LF may be taken for CRLF",
        ),
        vector(
            "a bare CR before it",
            [b"\r".to_vec(), get_with("")].concat(),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "a blank before the method",
            line(" {get} HTTP/1.1"),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "a tab before the method",
            line("\t{get} HTTP/1.1"),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "a NUL before the method",
            line("\0{get} HTTP/1.1"),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "a byte order mark",
            line("\u{feff}{get} HTTP/1.1"),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "two blanks after the method",
            line("GET  {target} HTTP/1.1"),
            refused(BAD).or(served()),
            lenient,
        ),
        vector(
            "two blanks before the version",
            line("{get}  HTTP/1.1"),
            refused(BAD).or(served()),
            lenient,
        ),
        vector(
            "a blank after the version",
            line("{get} HTTP/1.1 "),
            refused(BAD).or(served()),
            lenient,
        ),
        vector(
            "a tab after the method",
            line("GET\t{target} HTTP/1.1"),
            refused(BAD).or(served()),
            lenient,
        ),
        vector(
            "a tab before the version",
            line("{get}\tHTTP/1.1"),
            refused(BAD).or(served()),
            lenient,
        ),
        vector(
            "a form feed before the version",
            line("{get}\x0cHTTP/1.1"),
            refused(BAD).or(served()),
            lenient,
        ),
        vector(
            "a blank in the target",
            line("{get} x HTTP/1.1"),
            refused(BAD),
            "RFC 9112 §3.2: no whitespace in a target; 400",
        ),
        vector(
            "a fourth word",
            line("{get} HTTP/1.1 HTTP/1.1"),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "no version",
            line("{get}"),
            refused(&[400, 505]).or(closed()),
            "RFC 9112 §3: that is HTTP/0.9, which has no fields",
        ),
        vector(
            "no version, but its blank",
            line("{get} "),
            refused(&[400, 505]).or(closed()),
            GRAMMAR,
        ),
        vector("no target", line("GET HTTP/1.1"), refused(BAD), GRAMMAR),
        vector(
            "no target, but its blanks",
            line("GET  HTTP/1.1"),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "no method",
            line("{target} HTTP/1.1"),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "no method, but its blank",
            line(" {target} HTTP/1.1"),
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "the method alone",
            line("GET"),
            refused(&[400, 505]).or(closed()),
            GRAMMAR,
        ),
        vector(
            "words in another order",
            line("HTTP/1.1 {target} GET"),
            refused(&[400, 505]),
            GRAMMAR,
        ),
        vector(
            "a status line",
            line("HTTP/1.1 200 OK"),
            refused(&[400, 505]),
            "RFC 9112 §2.1: a request begins with a request line",
        ),
        vector(
            "a line of another protocol",
            "SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
            refused(&[400, 505]).or(closed()),
            GRAMMAR,
        ),
        vector(
            "a TLS handshake",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            refused(BAD).or(closed()),
            GRAMMAR,
        ),
        vector(
            "a PROXY header",
            "PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n{get} HTTP/1.1\r\n{fields}\r\n",
            refused(BAD),
            GRAMMAR,
        ),
        vector(
            "ended by a bare LF",
            "{get} HTTP/1.1\n{fields}\r\n",
            served().or(refused(BAD)),
            "RFC 9112 §2.2: a bare LF may be taken for CRLF",
        ),
        vector(
            "ended by a bare CR",
            "{get} HTTP/1.1\r{fields}\r\n",
            refused(BAD),
            "RFC 9112 §2.2: a bare CR is invalid",
        ),
        vector(
            "ended by CR CR LF",
            "{get} HTTP/1.1\r\r\n{fields}\r\n",
            refused(BAD),
            "RFC 9112 §2.2: a bare CR is invalid",
        ),
    ]
}

fn versions() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §2.3: \"HTTP\" \"/\" DIGIT \".\" DIGIT, case-sensitive";
    let named = |version: &str| {
        let raw = format!("{{get}} {version}\r\n{{fields}}X-Number: vector-{{number}}\r\n\r\n");
        (format!("version {version}"), raw)
    };
    let malformed = [
        "http/1.1",
        "Http/1.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/",
        "HTTP",
        "HTTP/1.1.1",
        "HTTP/11",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1.01",
        "HTTP/+1.1",
        "HTTP/-1.1",
        "HTTP/1,1",
        "HTTP/1-1",
        "HTTP/1 1",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP\\1.1",
        "HTTP/A.B",
        "HTTP/1.x",
        "HTTP/1.1x",
        "xHTTP/1.1",
        "HTTPS/1.1",
        "HTTPS/1.0",
        "HTCPCP/1.0",
        "ICAP/1.0",
        "SIP/2.0",
        "RTSP/1.0",
        "\u{ff28}TTP/1.1",
    ];
    let malformed = malformed.into_iter().map(|version| {
        let (name, raw) = named(version);
        vector(name, raw, refused(&[400, 505]), WHY)
    });
    let foreign = [
        "HTTP/0.9", "HTTP/2.0", "HTTP/2.1", "HTTP/3.0", "HTTP/9.9", "HTTP/2", "HTTP/3", "HTTP/0.0",
    ];
    let foreign = foreign.into_iter().map(|version| {
        let (name, raw) = named(version);
        vector(
            name,
            raw,
            refused(&[400, 505]).or(closed()),
            "RFC 9110 §15.6.6: a major version that isn't spoken is 505",
        )
    });
    let newer = ["HTTP/1.2", "HTTP/1.9"].into_iter().map(|version| {
        let (name, raw) = named(version);
        let right = refused(&[400, 505]).or(served().and_maybe_closed());
        vector(
            name,
            raw,
            right,
            "RFC 9110 §2.5: a higher minor version may be taken as 1.1, or refused",
        )
    });
    let (name, raw) = named("HTTP/1.0");
    let old = vector(
        name,
        raw,
        served().and_closed(),
        "RFC 9112 §9.3: HTTP/1.0 closes unless it asks for keep-alive",
    );
    let preface = vector(
        "the preface of HTTP/2",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        refused(&[400, 405, 501, 505]).or(closed()),
        "RFC 9113 §3.4: meant to be refused by servers of HTTP/1.1",
    );
    malformed
        .chain(foreign)
        .chain(newer)
        .chain([old, preface])
        .collect()
}

fn methods() -> Vec<Vector> {
    let with = |method: &str| format!("{method} {{target}} HTTP/1.1\r\n{{fields}}\r\n");
    let known = ["DELETE", "OPTIONS"].into_iter().map(|method| {
        vector(
            method,
            with(method),
            served(),
            "RFC 9110 §9.3: a method that is taken or 405",
        )
    });
    let unknown = [
        "get",
        "Get",
        "PROPFIND",
        "QUERY",
        "X",
        "!#$%&'*+-.^_`|~",
        "0",
        "GETGETGETGET",
    ];
    let unknown = unknown.into_iter().map(|method| {
        let right = refused(&[400, 501]).or(served());
        vector(
            format!("method {method}"),
            with(method),
            right,
            "RFC 9110 §9.1: any token, case-sensitive; 501 for an unknown one",
        )
    });
    let body = format!("Content-Length: {}\r\n", BODY.len());
    let connect = |name: &str, target: &str| {
        let raw =
            format!("CONNECT {target} HTTP/1.1\r\n{{fields}}X-Number: vector-{{number}}\r\n\r\n");
        vector(
            name,
            raw,
            refused(&[400, 405, 501]),
            "RFC 9110 §9.3.6: no tunnels here, and nothing of it for a backend",
        )
    };
    let trace = "RFC 9110 §9.3.8: passed on, or refused as most servers do";
    let others = [
        vector(
            "HEAD",
            with("HEAD"),
            served(),
            "RFC 9110 §9.3.2: the answer has no body",
        )
        .head(),
        vector("POST", post_with(&body, BODY), served(), "RFC 9110 §9.3.3"),
        vector(
            "two POSTs",
            [post_with(&body, BODY), post_with(&body, BODY)].concat(),
            served_times(2),
            "RFC 9112 §9.3.2",
        ),
        vector(
            "GET with a body",
            format!("{{get}} HTTP/1.1\r\n{{fields}}{body}\r\n{BODY}"),
            served(),
            "RFC 9110 §9.3.1: framed like any other",
        ),
        vector(
            "TRACE",
            with("TRACE"),
            refused(&[405, 501]).or(served()),
            trace,
        ),
        vector(
            "TRACE with a body",
            format!("TRACE {{target}} HTTP/1.1\r\n{{fields}}{body}\r\n{BODY}"),
            refused(&[400, 405, 501]).or(served()),
            trace,
        ),
        connect("CONNECT to an authority", "localhost:443"),
        connect("CONNECT to an authority without a port", "localhost"),
        connect("CONNECT to a path", "/"),
        connect("CONNECT to a URL", "http://localhost/"),
        connect("CONNECT to nobody", ":443"),
        connect("CONNECT to an address of IPv6", "[::1]:443"),
        connect("CONNECT to everything", "*"),
    ];
    known.chain(unknown).chain(others).collect()
}

/// Each octet that no token has, in the middle of a method.
fn method_octets() -> impl Iterator<Item = Vector> {
    let foreign = (0..=u8::MAX).filter(|octet| !is_token(&[*octet]));
    foreign.map(|octet| {
        let name = format!("octet {octet:#04x} in the method");
        let raw = [b"GE", &[octet][..], b"T {target} HTTP/1.1\r\n{fields}\r\n"].concat();
        vector(
            name,
            raw,
            refused(BAD),
            "RFC 9110 §9.1: a method is a token",
        )
    })
}
