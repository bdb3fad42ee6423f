//! `Transfer-Encoding` (RFC 9112 §6.1): `chunked`, once and last, and nothing else
//! that anybody here knows.

use super::bench::vector::{BODY, Vector, post_with, refused, served, vector};

const BAD: &[u16] = &[400];
const UNKNOWN: &[u16] = &[400, 501];

pub(super) fn vectors() -> Vec<Vector> {
    let all = taken().into_iter().chain(unknown()).chain(twice());
    all.chain(with_lengths()).chain(octets()).collect()
}

/// A `POST` with these lines and a chunked body.
fn post(lines: impl AsRef<[u8]>) -> Vec<u8> {
    let lines = [lines.as_ref(), b"\r\n"].concat();
    post_with(lines, format!("11\r\n{BODY}\r\n0\r\n\r\n"))
}

fn taken() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §7: coding names are case-insensitive";
    let taken = [
        "chunked",
        "Chunked",
        "CHUNKED",
        "cHuNkEd",
        "  chunked",
        "\tchunked",
        "chunked  ",
        "chunked\t",
    ];
    let taken = taken.map(|value| {
        vector(
            format!("the value {value:?}"),
            post(format!("Transfer-Encoding: {value}")),
            served(),
            WHY,
        )
    });
    let empty = [", chunked", "chunked,", ",chunked,,", ", ,chunked"].map(|value| {
        let raw = post(format!("Transfer-Encoding: {value}"));
        let why = "RFC 9110 §5.6.1.2: empty members of a list are to be ignored";
        vector(
            format!("the value {value:?}"),
            raw,
            served()
                .and_maybe_closed()
                .or(refused(UNKNOWN).and_closed()),
            why,
        )
    });
    let others = [
        vector(
            "without whitespace",
            post("Transfer-Encoding:chunked"),
            served(),
            WHY,
        ),
        vector(
            "in lowercase",
            post("transfer-encoding: chunked"),
            served(),
            WHY,
        ),
        vector(
            "HTTP/1.0",
            format!(
                "{{post}} HTTP/1.0\r\n{{fields}}Transfer-Encoding: chunked\r\n\r\n11\r\n{BODY}\r\n0\r\n\r\n"
            ),
            refused(BAD).and_closed().or(served().and_closed()),
            "RFC 9112 §6.1: faulty framing; the connection must be closed",
        ),
        vector(
            "an underscore for the hyphen",
            "{get} HTTP/1.1\r\n{fields}Transfer_Encoding: chunked\r\n\r\n",
            served(),
            "RFC 9110 §5.1: another field",
        ),
        vector(
            "a fold before it",
            post("Transfer-Encoding:\r\n chunked"),
            refused(BAD).and_closed().or(served()),
            "RFC 9112 §5.2: must be 400, or a blank",
        ),
    ];
    taken.into_iter().chain(empty).chain(others).collect()
}

/// Codings that nobody here knows, and values that are none.
fn unknown() -> Vec<Vector> {
    const WHY: &str =
        "RFC 9112 §6.1: 501 for a coding that isn't known; §6.3: 400 unless chunked is last";
    let values = [
        "",
        "gzip",
        "deflate",
        "compress",
        "identity",
        "br",
        "x",
        "cow",
        "trailers",
        "*",
        "chunk",
        "xchunked",
        "x-chunked",
        "chunkedx",
        "chunked-",
        "-chunked",
        "chunked1",
        "chun ked",
        "chunked chunked",
        "\"chunked\"",
        "'chunked'",
        "(chunked)",
        "chunked;",
        "chunked;q=1",
        "chunked;a=b",
        "chunked; a=\"b\"",
        "chunked/1",
        "chunked:",
        "chunked=1",
        "=chunked",
        "chunked.",
        "chu\u{feff}nked",
        "ｃhunked",
        "chun\u{212a}ed",
        "gzip, chunked",
        "gzip,chunked",
        "cow, chunked",
        "identity, chunked",
        "x;a=b, chunked",
        "deflate, gzip, chunked",
        "chunked, gzip",
        "chunked, identity",
        "chunked, cow",
        "chunked, x-chunked",
        "gzip, chunked, gzip",
        "\"gzip, chunked\"",
        "gzip chunked",
        "gzip; chunked",
        "chunked gzip",
    ];
    values
        .map(|value| {
            let raw = post(format!("Transfer-Encoding: {value}"));
            vector(
                format!("the value {value:?}"),
                raw,
                refused(UNKNOWN).and_closed(),
                WHY,
            )
        })
        .into()
}

fn twice() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §6.1: chunked must not be applied twice";
    let lines = [
        (
            "chunked twice in a list",
            "Transfer-Encoding: chunked, chunked",
        ),
        (
            "chunked twice in lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ),
        (
            "chunked three times",
            "Transfer-Encoding: chunked, chunked, chunked",
        ),
        (
            "chunked twice, once in capitals",
            "Transfer-Encoding: chunked\r\nTRANSFER-ENCODING: CHUNKED",
        ),
        (
            "gzip and then chunked in lines",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        ),
        (
            "chunked and then gzip in lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
        ),
        (
            "identity and then chunked in lines",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        ),
        (
            "chunked and then identity in lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        ),
        (
            "cow and then chunked in lines",
            "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
        ),
        (
            "chunked and then nothing in lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding:",
        ),
        (
            "nothing and then chunked in lines",
            "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
        ),
        (
            "with a field between",
            "Transfer-Encoding: chunked\r\nX-Vector: 1\r\nTransfer-Encoding: cow",
        ),
    ];
    lines
        .map(|(name, lines)| vector(name, post(lines), refused(UNKNOWN).and_closed(), WHY))
        .into()
}

/// Both kinds of framing at once.
fn with_lengths() -> Vec<Vector> {
    const BOTH: &str = "RFC 9112 §6.1: refused, or the length dropped and the connection closed";
    const INVALID: &str = "RFC 9112 §6.3: an invalid length beside a coding is no better";
    let both = [
        (
            "a length first",
            "Content-Length: 17\r\nTransfer-Encoding: chunked",
        ),
        (
            "a length last",
            "Transfer-Encoding: chunked\r\nContent-Length: 17",
        ),
        (
            "a length of 0 first",
            "Content-Length: 0\r\nTransfer-Encoding: chunked",
        ),
        (
            "a length of 0 last",
            "Transfer-Encoding: chunked\r\nContent-Length: 0",
        ),
        (
            "the length that it has",
            "Content-Length: 28\r\nTransfer-Encoding: chunked",
        ),
        (
            "two lengths",
            "Content-Length: 17\r\nTransfer-Encoding: chunked\r\nContent-Length: 17",
        ),
    ];
    let both = both.map(|(name, lines)| {
        vector(
            name,
            post(lines),
            refused(BAD).and_closed().or(served().and_closed()),
            BOTH,
        )
    });
    let invalid = [
        "abc",
        "",
        "-1",
        "+17",
        "17, 18",
        "0x11",
        "17 17",
        "18446744073709551633",
    ]
    .into_iter()
    .flat_map(|length| {
        let first = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked");
        let last = format!("Transfer-Encoding: chunked\r\nContent-Length: {length}");
        [("first", first), ("last", last)].map(|(place, lines)| {
            let name = format!("the length {length:?} {place}");
            vector(name, post(lines), refused(BAD).and_closed(), INVALID)
        })
    });
    let different = vector(
        "two different lengths",
        post("Content-Length: 17\r\nTransfer-Encoding: chunked\r\nContent-Length: 18"),
        refused(BAD).and_closed(),
        INVALID,
    );
    both.into_iter().chain(invalid).chain([different]).collect()
}

/// Each octet of ASCII that may not touch the name, before and behind it.
fn octets() -> impl Iterator<Item = Vector> {
    let octets = (0..=0x7f_u8).filter(|octet| !b" \t\n,".contains(octet));
    octets.flat_map(|octet| {
        let with = |before: &[u8], behind: &[u8]| {
            post([b"Transfer-Encoding: ", before, b"chunked", behind].concat())
        };
        [
            ("before", with(&[octet], b"")),
            ("behind", with(b"", &[octet])),
        ]
        .map(|(place, raw)| {
            let name = format!("octet {octet:#04x} {place} chunked");
            let why = "RFC 9112 §6.1: another name than chunked, or none";
            vector(name, raw, refused(UNKNOWN).and_closed(), why)
        })
    })
}
