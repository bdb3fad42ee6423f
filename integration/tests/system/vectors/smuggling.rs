//! Requests within requests: two kinds of framing at once, and disguises under which
//! one of two servers in a row may overlook one of them. Right is a refusal, or the
//! one reading that RFC 9112 §6.3 allows with the connection closed behind it; in no
//! case is the request within read as one.

use super::bench::vector::{BODY, Vector, post_with, refused, served, vector};

const BAD: &[u16] = &[400];
const UNKNOWN: &[u16] = &[400, 501];

/// A whole request of 512 octets, as `{smuggled}` is.
const SMUGGLED: &str = "{smuggled}";

pub(super) fn vectors() -> Vec<Vector> {
    let all = two_framings()
        .into_iter()
        .chain(disguises())
        .chain(hidden_lines());
    all.chain(lengths())
        .chain(bodies_that_nobody_expects())
        .collect()
}

/// One of two servers reads the length, and the other one the chunks.
fn two_framings() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §6.1: refused, or the length dropped and the connection closed";
    let right = || refused(BAD).and_closed().or(served().and_closed());
    let cl_te = format!("0\r\n\r\n{SMUGGLED}");
    let te_cl = format!("200\r\n{SMUGGLED}\r\n0\r\n\r\n");
    let length = "Content-Length: ";
    let te = "Transfer-Encoding: chunked\r\n";
    let bodies = [
        (
            "CL.TE, length first",
            format!("{length}517\r\n{te}"),
            cl_te.clone(),
        ),
        (
            "CL.TE, length last",
            format!("{te}{length}517\r\n"),
            cl_te.clone(),
        ),
        (
            "CL.TE, a letter behind the last chunk",
            format!("{length}6\r\n{te}"),
            "0\r\n\r\nG".to_owned(),
        ),
        (
            "TE.CL, length first",
            format!("{length}5\r\n{te}"),
            te_cl.clone(),
        ),
        (
            "TE.CL, length last",
            format!("{te}{length}5\r\n"),
            te_cl.clone(),
        ),
        ("TE.0, length of 0", format!("{length}0\r\n{te}"), te_cl),
        (
            "CL.TE on both sides of a field",
            format!("{length}517\r\nX-Vector: 1\r\n{te}"),
            cl_te,
        ),
    ];
    let posts = bodies
        .clone()
        .map(|(name, lines, body)| vector(name, post_with(lines, body), right(), WHY));
    let gets = bodies.map(|(name, lines, body)| {
        let raw = format!("{{get}} HTTP/1.1\r\n{{fields}}{lines}\r\n{body}");
        vector(format!("GET, {name}"), raw, right(), WHY)
    });
    posts.into_iter().chain(gets).collect()
}

/// `Transfer-Encoding` in disguise beside a length, with which each disguise that isn't
/// seen through hides the request within as the body's rest.
fn disguises() -> Vec<Vector> {
    const WHY: &str =
        "RFC 9112 §6.1, §5: a disguise is refused, or seen through and the connection closed";
    let disguises = [
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: \x0cchunked",
        "Transfer-Encoding: chunked\x0b",
        "Transfer-Encoding:\0chunked",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding\0: chunked",
        "\0Transfer-Encoding: chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunked;q=0.5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: x, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: cow",
        "Transfer-Encoding: \u{a0}chunked",
        "Transfer-Encoding: chunked\u{a0}",
        "Transfer-Encoding: chun\u{212a}ed",
        "Transfer-Encod\u{131}ng : chunked",
        "Transfer Encoding: chunked",
        "Transfer-Encoding=chunked",
        "Transfer-Encoding chunked",
        "Transfer-Encoding;: chunked",
        "X-Vector: 1\rTransfer-Encoding: chunked",
        "X-Vector: 1\r\rTransfer-Encoding: chunked",
        "X-Vector: 1\n\rTransfer-Encoding: chunked",
        "Transfer-Encoding\r: chunked",
        "Transfer-Encoding:\rchunked",
        "Transfer-Encoding: chunked\r",
        "Transfer-Encoding: chu\rnked",
        ":Transfer-Encoding: chunked",
    ];
    let refused_all = disguises.map(|line| {
        let lines = format!("Content-Length: 517\r\n{line}\r\n");
        let raw = post_with(lines, format!("0\r\n\r\n{SMUGGLED}"));
        vector(format!("{line:?}"), raw, refused(UNKNOWN).and_closed(), WHY)
    });
    let seen_through = [
        "Transfer-Encoding:chunked",
        "Transfer-Encoding:\tchunked",
        "transfer-encoding: chunked",
        "TRANSFER-ENCODING: CHUNKED",
        "Transfer-Encoding: chunked ",
        "X-Vector: 1\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chunked\r\n ",
    ];
    let seen_through = seen_through.map(|line| {
        let lines = format!("Content-Length: 517\r\n{line}\r\n");
        let raw = post_with(lines, format!("0\r\n\r\n{SMUGGLED}"));
        vector(
            format!("{line:?}"),
            raw,
            refused(BAD).and_closed().or(served().and_closed()),
            WHY,
        )
    });
    refused_all.into_iter().chain(seen_through).collect()
}

/// Lengths that hide: in one reading the request within is a body, in the other one it
/// is a request.
fn hidden_lines() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §5, §2.2: a line that isn't one is refused, for others may see it";
    let lines = [
        "Content-Length : 512",
        "Content-Length\t: 512",
        "Content-Length\0: 512",
        "X-Vector: 1\rContent-Length: 512",
        "\0Content-Length: 512",
        "Content-Length: 512\0",
        "Content-Length: \x0b512",
        "Content-Length=512",
        "Content Length: 512",
        "Content-Length 512",
        "Content-Length\r: 512",
        "Content-Length:\r512",
        "Content-Length: 5 12",
        "Content-Length: 512, 0",
        "Content-Length: 0, 512",
        "Content-Length: 0x200",
        "Content-Length: +512",
        "Content-Length: 512;",
        "Content-Length: \"512\"",
        ":Content-Length: 512",
    ];
    lines
        .map(|line| {
            let raw = post_with(format!("{line}\r\n"), SMUGGLED);
            vector(format!("{line:?}"), raw, refused(BAD).and_closed(), WHY)
        })
        .into()
}

fn lengths() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §6.3: different lengths must be 400, and the connection closed";
    let lines = [
        "Content-Length: 0\r\nContent-Length: 512",
        "Content-Length: 512\r\nContent-Length: 0",
        "Content-Length: 0\r\nX-Vector: 1\r\nContent-Length: 512",
        "content-length: 0\r\nCONTENT-LENGTH: 512",
        "Content-Length: 512\r\nContent-Length: -512",
        "Content-Length: 512\r\nContent-Length: 512, 0",
        "Content-Length: 512\r\nContent-Length: x",
    ];
    let two = lines.map(|line| {
        let raw = post_with(format!("{line}\r\n"), SMUGGLED);
        vector(
            format!("CL.CL {line:?}"),
            raw,
            refused(BAD).and_closed(),
            WHY,
        )
    });
    two.into()
}

/// A request within what one reading takes for the body of a request that usually has
/// none, or for what comes behind a body.
fn bodies_that_nobody_expects() -> Vec<Vector> {
    const BODY_IS_BODY: &str = "RFC 9112 §6.3: framing doesn't depend on the method";
    const CONNECTION: &str = "RFC 9110 §7.6.1: framing must not be removed as a hop-by-hop field";
    let with = |method: &str| {
        format!("{method} {{target}} HTTP/1.1\r\n{{fields}}Content-Length: 512\r\n\r\n{SMUGGLED}")
    };
    let methods = ["GET", "DELETE", "OPTIONS"];
    let methods = methods.map(|method| {
        vector(
            format!("a body of {method}"),
            with(method),
            served(),
            BODY_IS_BODY,
        )
    });
    let head = vector("a body of HEAD", with("HEAD"), served(), BODY_IS_BODY).head();
    let chunked = vector(
        "a chunk of GET",
        format!(
            "{{get}} HTTP/1.1\r\n{{fields}}Transfer-Encoding: chunked\r\n\r\n200\r\n{SMUGGLED}\r\n0\r\n\r\n"
        ),
        served(),
        BODY_IS_BODY,
    );
    let named = [
        (
            "Connection names Content-Length",
            "Connection: content-length\r\nContent-Length: 512\r\n",
            SMUGGLED.to_owned(),
        ),
        (
            "Connection names both",
            "Connection: keep-alive, Content-Length\r\nContent-Length: 512\r\n",
            SMUGGLED.to_owned(),
        ),
        (
            "Connection names Transfer-Encoding",
            "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
            format!("200\r\n{SMUGGLED}\r\n0\r\n\r\n"),
        ),
    ];
    let named = named.map(|(name, lines, body)| {
        let raw = format!("{{get}} HTTP/1.1\r\n{{fields}}{lines}\r\n{body}");
        vector(
            name,
            raw,
            served().and_maybe_closed().or(refused(BAD).and_closed()),
            CONNECTION,
        )
    });
    let upgrade = vector(
        "an upgrade to HTTP/2 with a body",
        format!("{{get}} HTTP/1.1\r\n{{fields}}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 512\r\n\r\n{SMUGGLED}"),
        served().and_maybe_closed(),
        "RFC 9110 §7.8: an upgrade may be ignored, and isn't passed on",
    )
    .loses("http2-settings");
    let websocket = vector(
        "an upgrade to WebSocket of a wrong version",
        "{get} HTTP/1.1\r\n{fields}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n\r\n",
        served().and_maybe_closed(),
        "RFC 9110 §7.8: nobody speaks it here",
    );
    let version = vector(
        "HTTP/1.0 with chunks and a length",
        format!(
            "{{post}} HTTP/1.0\r\n{{fields}}Content-Length: 517\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ),
        refused(BAD).and_closed().or(served().and_closed()),
        "RFC 9112 §6.1: faulty framing; the connection must be closed",
    );
    let trailer = vector(
        "a length in a trailer",
        post_with(
            "Transfer-Encoding: chunked\r\n",
            format!("11\r\n{BODY}\r\n0\r\nContent-Length: 1000\r\n\r\n"),
        ),
        served().and_maybe_closed().or(refused(BAD).and_closed()),
        "RFC 9110 §6.5.1: not a field of the head",
    )
    .in_the_body();
    let rest = [head, chunked, upgrade, websocket, version, trailer];
    methods.into_iter().chain(named).chain(rest).collect()
}
