//! Bodies in chunks (RFC 9112 §7.1): `chunk-size [ chunk-ext ] CRLF chunk-data CRLF`,
//! a last chunk of size 0, and a trailer section. Whoever is lenient here and stands
//! before somebody who is lenient in another way lets requests be smuggled.

use super::bench::vector::{BODY, Vector, chunked, closed, refused, served, vector};

const BAD: &[u16] = &[400];
const BAD_OR_LARGE: &[u16] = &[400, 413];
const LARGE: &[u16] = &[400, 413, 431];

pub(super) fn vectors() -> Vec<Vector> {
    let all = taken().into_iter().chain(sizes()).chain(extensions());
    let all = all
        .chain(data())
        .chain(trailers())
        .chain(bad_trailers())
        .chain(octets());
    all.map(Vector::in_the_body).collect()
}

/// A malformed body, for which a connection can't be used any more.
fn bad(name: impl Into<String>, body: impl AsRef<[u8]>, why: &str) -> Vector {
    vector(name, chunked(body), refused(BAD).and_closed(), why)
}

fn taken() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §7.1: chunk-size = 1*HEXDIG";
    let (ten, seven) = BODY.split_at(10);
    let (first, rest) = BODY.split_at(1);
    let each: String = BODY.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
    let bodies = [
        ("one chunk", format!("11\r\n{BODY}\r\n0\r\n\r\n")),
        (
            "two chunks, in lowercase",
            format!("a\r\n{ten}\r\n7\r\n{seven}\r\n0\r\n\r\n"),
        ),
        (
            "two chunks, in capitals",
            format!("A\r\n{ten}\r\n7\r\n{seven}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk of one octet",
            format!("1\r\n{first}\r\n10\r\n{rest}\r\n0\r\n\r\n"),
        ),
        ("a chunk for each octet", format!("{each}0\r\n\r\n")),
        ("leading zeros", format!("0011\r\n{BODY}\r\n0\r\n\r\n")),
        (
            "a last chunk of many zeros",
            format!("11\r\n{BODY}\r\n000\r\n\r\n"),
        ),
    ];
    bodies
        .map(|(name, body)| vector(name, chunked(body), served(), WHY))
        .into()
}

fn sizes() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §7.1: chunk-size = 1*HEXDIG; anything else is 400";
    const OVERFLOW: &str =
        "RFC 9112 §7.1: a recipient must anticipate large numbers and not wrap round";
    let sizes = [
        "", "g", "x11", "0x11", "0X11", "11h", "$11", "+11", "-11", "-1", "1 1", "1_1", "11.0",
        "17.", "'11'", "\"11\"", "１１", "١١", "%31%31", "11,", "11:", "11=", "11/", "#11", "0o21",
        "11 11", "zz",
    ];
    let sizes = sizes.map(|size| {
        bad(
            format!("the size {size:?}"),
            format!("{size}\r\n{BODY}\r\n0\r\n\r\n"),
            WHY,
        )
    });
    let large = [
        ("2^32 and 17", "100000011", true),
        ("2^63", "8000000000000000", true),
        ("2^64 less 1", "ffffffffffffffff", true),
        ("2^64", "10000000000000000", false),
        ("2^64 and 17", "10000000000000011", false),
        ("2^65 and 17", "20000000000000011", false),
        ("17 digits, all of them f", "fffffffffffffffff", false),
        ("2^128 and 17", "100000000000000000000000000000011", false),
    ];
    let large = large.map(|(name, size, is_policy)| {
        let raw = chunked(format!("{size}\r\n{BODY}\r\n0\r\n\r\n"));
        let vector = vector(
            format!("a size of {name}"),
            raw,
            refused(BAD_OR_LARGE).and_closed(),
            OVERFLOW,
        );
        if is_policy { vector.policy() } else { vector }
    });
    let blanks = [
        (
            "a blank before a size",
            format!(" 11\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "a tab before a size",
            format!("\t11\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "an empty line before a size",
            format!("\r\n11\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "an empty line between chunks",
            format!("11\r\n{BODY}\r\n\r\n0\r\n\r\n"),
        ),
    ];
    let blanks = blanks.map(|(name, body)| bad(name, body, WHY));
    let bws = [
        (
            "blanks behind a size",
            format!("11  \r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "a tab behind a size",
            format!("11\t\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "a blank behind the last size",
            format!("11\r\n{BODY}\r\n0 \r\n\r\n"),
        ),
    ];
    let bws = bws.map(|(name, body)| {
        let why = "RFC 9112 §7.1.1: bad whitespace belongs to an extension; lenient or 400";
        vector(
            name,
            chunked(body),
            refused(BAD).and_closed().or(served()),
            why,
        )
    });
    sizes
        .into_iter()
        .chain(large)
        .chain(blanks)
        .chain(bws)
        .collect()
}

fn extensions() -> Vec<Vector> {
    const WHY: &str =
        "RFC 9112 §7.1.1: *( BWS \";\" BWS name [ BWS \"=\" BWS value ] ), to be ignored";
    let taken = [
        ";a",
        ";a=b",
        ";a=\"b c\"",
        ";a;b=c;d=\"e\"",
        " ;a=b",
        ";a=\"b;c\"",
        ";a = b",
    ];
    let taken = taken.map(|extension| {
        let raw = chunked(format!("11{extension}\r\n{BODY}\r\n0{extension}\r\n\r\n"));
        vector(format!("the extension {extension:?}"), raw, served(), WHY)
    });
    let lenient = [";", ";;", ";=", ";=b", ";a=", ";a=\"b", ";a b", ";\u{e4}"].map(|extension| {
        let raw = chunked(format!("11{extension}\r\n{BODY}\r\n0\r\n\r\n"));
        let why = "RFC 9112 §7.1.1: not the grammar's, and without a meaning; ignored or 400";
        vector(
            format!("the extension {extension:?}"),
            raw,
            refused(BAD).and_closed().or(served()),
            why,
        )
    });
    const LINE: &str = "RFC 9112 §7.1: a chunk's head ends with CRLF; a bare CR or LF in an extension smuggles requests";
    let broken = [
        ";\n",
        ";a\n",
        ";a=b\nx",
        ";\n11",
        ";a\rb",
        ";\r",
        ";a=\"\n\"",
        "\n;a",
        ";\0",
    ];
    let broken = broken.map(|extension| {
        // A NUL is no line's end, so somebody who ignores extensions may ignore it.
        let refusal = refused(BAD).and_closed();
        let right = if extension == ";\0" {
            refusal.or(served())
        } else {
            refusal
        };
        let raw = chunked(format!("11{extension}\r\n{BODY}\r\n0\r\n\r\n"));
        vector(format!("the extension {extension:?}"), raw, right, LINE)
    });
    let long = vector(
        "an extension of 64 KiB",
        chunked(format!(
            "11;{}\r\n{BODY}\r\n0\r\n\r\n",
            "a".repeat(64 << 10)
        )),
        refused(LARGE).and_closed().or(served()),
        "RFC 9112 §7.1.1: a server ought to limit extensions",
    );
    taken
        .into_iter()
        .chain(lenient)
        .chain(broken)
        .chain([long])
        .collect()
}

fn data() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §7.1: CRLF right behind as many octets as the size says";
    let bodies = [
        (
            "data longer than its size",
            format!("5\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "data one octet longer",
            format!("10\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "data one octet shorter",
            format!("12\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "data two octets shorter",
            format!("13\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        ("nothing behind data", format!("11\r\n{BODY}0\r\n\r\n")),
        ("a bare LF behind data", format!("11\r\n{BODY}\n0\r\n\r\n")),
        ("a bare CR behind data", format!("11\r\n{BODY}\r0\r\n\r\n")),
        ("LF CR behind data", format!("11\r\n{BODY}\n\r0\r\n\r\n")),
        ("two octets behind data", format!("11\r\n{BODY}xx0\r\n\r\n")),
        ("blanks behind data", format!("11\r\n{BODY}  \r\n0\r\n\r\n")),
        (
            "a bare CR behind a size",
            format!("11\r{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "a bare CR and a letter behind a size",
            format!("11\rX\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "CR CR LF behind a size",
            format!("11\r\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        ("no last chunk", format!("11\r\n{BODY}\r\n")),
        ("no chunks", BODY.to_owned()),
        ("a body without chunks", format!("{BODY}\r\n\r\n")),
    ];
    let bodies = bodies.map(|(name, body)| bad(name, body, WHY));
    let lf = "RFC 9112 §2.2: a bare LF is for start line and fields; here lenient at best, and 400 better";
    let lf = [
        (
            "a bare LF behind a size",
            format!("11\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "a bare LF behind the last size",
            format!("11\r\n{BODY}\r\n0\n\r\n"),
        ),
        ("bare LFs everywhere", format!("11\n{BODY}\n0\n\n")),
    ]
    .map(|(name, body)| {
        vector(
            name,
            chunked(body),
            refused(BAD).and_closed().or(served()),
            lf,
        )
    });
    bodies.into_iter().chain(lf).collect()
}

fn trailers() -> Vec<Vector> {
    const MERGED: &str = "RFC 9110 §6.5.1: a trailer must not be taken for a field of the head";
    let with = |trailers: &str| chunked(format!("11\r\n{BODY}\r\n0\r\n{trailers}\r\n"));
    let taken = [
        ("one trailer", "X-Trailer: 1\r\n"),
        ("three trailers", "X-A: 1\r\nX-B: 2\r\nX-C: 3\r\n"),
        ("a trailer without a value", "X-Trailer:\r\n"),
    ];
    let taken = taken.map(|(name, lines)| {
        vector(
            name,
            with(lines),
            served(),
            "RFC 9112 §7.1.2: a trailer section, kept or dropped",
        )
    });
    let forbidden = [
        ("Content-Length", "Content-Length: 1000\r\n"),
        ("Transfer-Encoding", "Transfer-Encoding: gzip\r\n"),
        ("Host", "Host: other.example\r\n"),
        ("Connection", "Connection: close\r\n"),
        ("Authorization", "Authorization: other\r\n"),
        ("Expect", "Expect: 100-continue\r\n"),
        ("Trailer", "Trailer: x\r\n"),
        ("what looks like a request", "GET: / HTTP/1.1\r\n"),
    ];
    let forbidden = forbidden.map(|(name, lines)| {
        let right = served().and_maybe_closed().or(refused(BAD).and_closed());
        vector(format!("the trailer {name}"), with(lines), right, MERGED).keeps("host", "localhost")
    });
    taken.into_iter().chain(forbidden).collect()
}

fn bad_trailers() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §7.1.2: trailer-section = *( field-line CRLF )";
    let with = |end: &str| format!("11\r\n{BODY}\r\n0\r\n{end}");
    let bad_lines = [
        ("a trailer without a colon", "X-Trailer\r\n\r\n"),
        ("a trailer without a name", ": 1\r\n\r\n"),
        (
            "a trailer with a blank before its colon",
            "X-Trailer : 1\r\n\r\n",
        ),
        ("a trailer with a NUL", "X-Trailer: \0\r\n\r\n"),
        ("a trailer with a blank in its name", "X Trailer: 1\r\n\r\n"),
        (
            "a trailer with a bare CR",
            "X-Trailer: 1\rX-Other: 2\r\n\r\n",
        ),
        ("a bare CR for the last line", "\rX\r\n\r\n"),
        ("a request for a trailer", "GET / HTTP/1.1\r\n\r\n"),
        ("a trailer ended by CR CR LF", "X-Trailer: 1\r\r\n\r\n"),
    ];
    let bad_lines = bad_lines.map(|(name, end)| bad(name, with(end), WHY));
    let lenient = [
        ("a trailer ended by a bare LF", "X-Trailer: 1\n\r\n"),
        ("trailers ended by two bare LFs", "X-Trailer: 1\n\n"),
        ("a bare LF for the last line", "\n"),
        ("trailers ended by CR LF LF", "X-Trailer: 1\r\n\n"),
        ("a folded trailer", "X-Trailer: 1\r\n 2\r\n\r\n"),
    ];
    let lenient = lenient.map(|(name, end)| {
        let right = refused(BAD).and_closed().or(served());
        vector(
            name,
            chunked(with(end)),
            right,
            "RFC 9112 §2.2, §5.2: lenient or 400, but at once",
        )
    });
    let many = "RFC 9110 §6.5: what must be kept of trailers ought to be limited";
    let floods = [
        (
            "a trailer of 64 KiB",
            format!("X-Trailer: {}\r\n\r\n", "a".repeat(64 << 10)),
        ),
        (
            "a name of 64 KiB",
            format!("X-{}: 1\r\n\r\n", "a".repeat(64 << 10)),
        ),
        (
            "2,000 trailers",
            format!("{}\r\n", "X-Trailer: 1\r\n".repeat(2000)),
        ),
    ]
    .map(|(name, end)| {
        vector(
            name,
            chunked(with(&end)),
            refused(LARGE).and_closed().or(served()),
            many,
        )
    });
    let unfinished = vector(
        "a trailer section that never ends",
        chunked(with("X-Trailer: 1\r\n")),
        refused(BAD).and_closed().or(closed()),
        "RFC 9112 §7.1.2: the next request's line is no trailer",
    );
    bad_lines
        .into_iter()
        .chain(lenient)
        .chain(floods)
        .chain([unfinished])
        .collect()
}

/// Each octet that may not follow the digits of a size.
fn octets() -> impl Iterator<Item = Vector> {
    let foreign =
        (0..=u8::MAX).filter(|octet| !octet.is_ascii_hexdigit() && !b" \t\n;".contains(octet));
    foreign.map(|octet| {
        let body = [
            b"11",
            &[octet][..],
            b"\r\n",
            BODY.as_bytes(),
            b"\r\n0\r\n\r\n",
        ]
        .concat();
        bad(
            format!("octet {octet:#04x} behind a size"),
            body,
            "RFC 9112 §7.1: no digit, no extension, no end of the line",
        )
    })
}
