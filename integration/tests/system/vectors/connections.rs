//! What becomes of a connection: requests one behind the other (RFC 9112 §9.3), its
//! end (§9.6), and the fields that are for one hop (RFC 9110 §7.6.1).

use super::bench::vector::{
    BODY, Vector, get_with, post_with, refused, served, served_then_refused, served_times, vector,
};

const BAD: &[u16] = &[400];

pub(super) fn vectors() -> Vec<Vector> {
    let all = pipelines()
        .into_iter()
        .chain(broken_pipelines())
        .chain(ends());
    all.chain(hops())
        .chain(protected())
        .chain(limited_hops())
        .collect()
}

fn pipelines() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §9.3.2: a pipeline is answered in its order";
    let get = || get_with("");
    let post = || post_with("Content-Length: 17\r\n", BODY);
    let chunked = || {
        post_with(
            "Transfer-Encoding: chunked\r\n",
            format!("11\r\n{BODY}\r\n0\r\n\r\n"),
        )
    };
    let pipelines = [
        ("two", vec![get(), get()]),
        ("three", vec![get(), get(), get()]),
        ("fifty", vec![get(); 50]),
        (
            "bodies in both framings between",
            vec![get(), post(), get(), chunked(), get()],
        ),
        ("ten with bodies", vec![post(); 10]),
        ("ten with chunks", vec![chunked(); 10]),
    ];
    let pipelines = pipelines.map(|(name, requests)| {
        vector(
            format!("a pipeline: {name}"),
            requests.concat(),
            served_times(requests.len()),
            WHY,
        )
    });
    let extra = [
        (
            "an empty line behind a body",
            [post(), b"\r\n".to_vec(), get()].concat(),
            2,
        ),
        (
            "an empty line behind the last chunk",
            [chunked(), b"\r\n".to_vec(), get()].concat(),
            2,
        ),
        (
            "an empty line behind a request without a body",
            [get(), b"\r\n".to_vec(), get()].concat(),
            2,
        ),
    ];
    let extra = extra.map(|(name, raw, requests)| {
        let why = "RFC 9112 §2.2: an empty line before a request is to be ignored";
        vector(name, raw, served_times(requests), why)
    });
    pipelines.into_iter().chain(extra).collect()
}

/// Something malformed in the midst: what came before is answered, and nothing behind.
fn broken_pipelines() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §2.2, §9.6: nothing behind a malformed request can be told from it";
    let get = || get_with("");
    let breaks: [(&str, Vec<u8>); 9] = [
        ("a line that isn't one", b"nonsense\r\n\r\n".to_vec()),
        ("an empty name", get_with(": 1\r\n")),
        ("a blank before a colon", get_with("X-Vector : 1\r\n")),
        (
            "two lengths",
            post_with("Content-Length: 17\r\nContent-Length: 18\r\n", BODY),
        ),
        (
            "a length that is none",
            post_with("Content-Length: x\r\n", BODY),
        ),
        (
            "a coding that isn't known",
            post_with("Transfer-Encoding: gzip\r\n", BODY),
        ),
        ("a NUL in a value", get_with("X-Vector: \0\r\n")),
        (
            "another protocol",
            b"{get} HTTPS/1.1\r\n{fields}\r\n".to_vec(),
        ),
        ("a bare CR", b"{get} HTTP/1.1\r{fields}\r\n".to_vec()),
    ];
    let behind = breaks.clone().map(|(name, broken)| {
        let raw = [get(), broken, get()].concat();
        let right = served_then_refused(1, &[400, 501, 505]);
        vector(format!("behind a good request: {name}"), raw, right, WHY)
    });
    let before = breaks.map(|(name, broken)| {
        let raw = [broken, get(), get()].concat();
        let right = refused(&[400, 501, 505]).and_closed();
        vector(format!("before good requests: {name}"), raw, right, WHY)
    });
    behind.into_iter().chain(before).collect()
}

/// Who closes, and who doesn't.
fn ends() -> Vec<Vector> {
    const CLOSE: &str = "RFC 9112 §9.6: close means that no further request is read";
    const KEEP: &str = "RFC 9112 §9.3: HTTP/1.1 persists unless it is told to close";
    let closing = [
        "close",
        "Close",
        "CLOSE",
        "close, x-vector",
        "x-vector, close",
        "keep-alive, close",
        "close, keep-alive",
        "x-vector,close",
        ",close,",
        "close ",
        "close\r\nConnection: keep-alive",
        "keep-alive\r\nConnection: close",
    ];
    let closing = closing.map(|value| {
        let raw = get_with(format!("Connection: {value}\r\n"));
        vector(
            format!("Connection: {value:?}"),
            raw,
            served().and_closed(),
            CLOSE,
        )
    });
    let keeping = [
        "keep-alive",
        "Keep-Alive",
        "x-vector",
        "closed",
        "x-close",
        "close-x",
        "",
        ",",
        "keep-alive, keep-alive",
    ];
    let keeping = keeping.map(|value| {
        let raw = get_with(format!("Connection: {value}\r\n"));
        vector(format!("Connection: {value:?}"), raw, served(), KEEP)
    });
    let old = |name: &str, lines: &str, right| {
        let raw = format!("{{get}} HTTP/1.0\r\n{{fields}}{lines}\r\n");
        vector(
            name,
            raw,
            right,
            "RFC 9112 §9.3: HTTP/1.0 closes, and may persist where it asks to",
        )
    };
    let others = [
        old("HTTP/1.0", "", served().and_closed()),
        old(
            "HTTP/1.0 with close",
            "Connection: close\r\n",
            served().and_closed(),
        ),
        old(
            "HTTP/1.0 with keep-alive",
            "Connection: keep-alive\r\n",
            served().and_maybe_closed(),
        ),
        old(
            "HTTP/1.0 with Keep-Alive alone",
            "Keep-Alive: timeout=5\r\n",
            served().and_closed(),
        ),
        vector(
            "close with a body",
            post_with("Connection: close\r\nContent-Length: 17\r\n", BODY),
            served().and_closed(),
            CLOSE,
        ),
        vector(
            "after 404",
            "GET /no/such/path?vector-{number} HTTP/1.1\r\n{fields}\r\n",
            served(),
            "RFC 9112 §9.3: an error needn't end the connection",
        ),
        vector(
            "after 405",
            "DELETE {target} HTTP/1.1\r\n{fields}\r\n",
            served(),
            "RFC 9112 §9.3: an error needn't end the connection",
        ),
        vector(
            "after 405 with a body",
            format!("PATCH {{target}} HTTP/1.1\r\n{{fields}}Content-Length: 17\r\n\r\n{BODY}"),
            served().and_maybe_closed(),
            "RFC 9112 §9.3: the body is read, or the connection closed",
        ),
    ];
    closing.into_iter().chain(keeping).chain(others).collect()
}

/// Fields for one hop: gone behind a proxy, with all that `Connection` names.
fn hops() -> Vec<Vector> {
    const NAMED: &str = "RFC 9110 §7.6.1: a proxy must remove what Connection names";
    const KNOWN: &str = "RFC 9110 §7.6.1: a proxy should remove these even when they aren't named";
    let named = [
        ("one", "Connection: x-hop\r\nX-Hop: 1\r\n"),
        ("one, in other letters", "Connection: X-HOP\r\nx-hop: 1\r\n"),
        (
            "one of several",
            "Connection: keep-alive, x-hop, x-none\r\nX-Hop: 1\r\n",
        ),
        (
            "one beside close",
            "Connection: close, x-hop\r\nX-Hop: 1\r\n",
        ),
        (
            "one on a second line",
            "Connection: keep-alive\r\nConnection: x-hop\r\nX-Hop: 1\r\n",
        ),
        (
            "one that comes twice",
            "Connection: x-hop\r\nX-Hop: 1\r\nX-Hop: 2\r\n",
        ),
        (
            "one before it is named",
            "X-Hop: 1\r\nConnection: x-hop\r\n",
        ),
        (
            "one without whitespace",
            "Connection:keep-alive,x-hop\r\nX-Hop:1\r\n",
        ),
        (
            "one among empty members",
            "Connection: ,, x-hop ,,\r\nX-Hop: 1\r\n",
        ),
        (
            "one beside what is no name",
            "Connection: \"x\", x-hop, @\r\nX-Hop: 1\r\n",
        ),
        (
            "one behind octets beyond ASCII",
            "Connection: \u{e4}, x-hop\r\nX-Hop: 1\r\n",
        ),
        (
            "TE",
            "Connection: TE, x-hop\r\nTE: trailers\r\nX-Hop: 1\r\n",
        ),
        (
            "an upgrade",
            "Connection: Upgrade, x-hop\r\nUpgrade: websocket\r\nX-Hop: 1\r\n",
        ),
    ];
    let named = named.map(|(name, lines)| {
        let raw = get_with(format!("{lines}X-Kept: 1\r\n"));
        vector(
            format!("Connection names {name}"),
            raw,
            served().and_maybe_closed(),
            NAMED,
        )
        .loses("x-hop")
        .keeps("x-kept", "1")
    });
    let known = [
        (
            "Keep-Alive",
            "Keep-Alive: timeout=5, max=100\r\n",
            "keep-alive",
        ),
        (
            "Proxy-Connection",
            "Proxy-Connection: keep-alive\r\n",
            "proxy-connection",
        ),
        ("TE", "TE: trailers, deflate;q=0.5\r\n", "te"),
        ("Upgrade", "Upgrade: websocket\r\n", "upgrade"),
        ("Upgrade to HTTP/2", "Upgrade: h2c\r\n", "upgrade"),
    ];
    let known = known.map(|(name, lines, field)| {
        let raw = get_with(format!("{lines}X-Kept: 1\r\n"));
        vector(format!("{name} that isn't named"), raw, served(), KNOWN)
            .loses(field)
            .keeps("x-kept", "1")
    });
    named.into_iter().chain(known).collect()
}

/// What `Connection` can't have removed, since it is meant for everybody.
fn protected() -> Vec<Vector> {
    const WHY: &str =
        "RFC 9110 §7.6.1: connection options must not name what is meant for all recipients";
    let right = || served().and_maybe_closed().or(refused(BAD));
    let body = format!("17\r\n\r\n{BODY}");
    vec![
        vector(
            "Connection names Host",
            get_with("Connection: host\r\n"),
            right(),
            WHY,
        )
        .keeps("host", "localhost"),
        vector(
            "Connection names Content-Length",
            [
                b"{post} HTTP/1.1\r\n{fields}Connection: content-length\r\nContent-Length: ",
                body.as_bytes(),
            ]
            .concat(),
            right(),
            WHY,
        ),
        vector(
            "Connection names itself",
            get_with("Connection: connection\r\n"),
            right(),
            WHY,
        ),
        vector(
            "Connection names a hundred fields",
            get_with(format!(
                "Connection: {}x-hop\r\nX-Hop: 1\r\n",
                "x-none, ".repeat(100)
            )),
            right(),
            WHY,
        )
        .loses("x-hop"),
    ]
}

/// `Max-Forwards` ends the way of an `OPTIONS` or `TRACE` at a proxy.
fn limited_hops() -> Vec<Vector> {
    const WHY: &str = "RFC 9110 §7.6.2: a field that isn't for OPTIONS or TRACE may be ignored";
    let raw = |value: &str| get_with(format!("Max-Forwards: {value}\r\n"));
    ["0", "1", "x"]
        .map(|value| {
            vector(
                format!("GET with Max-Forwards {value}"),
                raw(value),
                served(),
                WHY,
            )
        })
        .into()
}
