//! Limits: what every server should take (RFC 9112 §3, RFC 9110 §5.4), and refusals of
//! what is more than anybody needs, in a status and not by a hang-up or a crash.

use super::bench::vector::{
    BODY, Vector, chunked, closed, get_with, post_with, refused, served, vector,
};

const LARGE_HEAD: &[u16] = &[400, 414, 431];
const MIB: usize = 1 << 20;
const LONG: usize = 200 << 10;

pub(super) fn vectors() -> Vec<Vector> {
    taken().into_iter().chain(heads()).chain(bodies()).collect()
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\n{{fields}}\r\n").into_bytes()
}

fn taken() -> Vec<Vector> {
    const LINE: &str = "RFC 9112 §3: request lines of 8000 octets at least should be taken";
    const FIELDS: &str = "RFC 9110 §5.4: limits are a server's own; these are ordinary";
    let long = |length: usize| get(&format!("{{target}}{}", "a".repeat(length)));
    vec![
        vector("a target of 1,000 octets", long(1000), served(), LINE),
        vector("a target of 4,000 octets", long(4000), served(), LINE),
        vector("a target of 7,900 octets", long(7900), served(), LINE),
        vector(
            "a value of 1,000 octets",
            get_with(format!("X-Vector: {}\r\n", "a".repeat(1000))),
            served(),
            FIELDS,
        ),
        vector(
            "a value of 6,000 octets",
            get_with(format!("X-Vector: {}\r\n", "a".repeat(6000))),
            served(),
            FIELDS,
        ),
        vector(
            "a name of 200 octets",
            get_with(format!("X-{}: 1\r\n", "a".repeat(200))),
            served(),
            FIELDS,
        ),
        vector(
            "50 fields",
            get_with("X-Vector: 1\r\n".repeat(50)),
            served(),
            FIELDS,
        ),
        vector(
            "50 different fields",
            get_with(
                (0..50)
                    .map(|n| format!("X-{n}: {n}\r\n"))
                    .collect::<String>(),
            ),
            served(),
            FIELDS,
        ),
        vector(
            "a method of 1,000 letters",
            format!("{} {{target}} HTTP/1.1\r\n{{fields}}\r\n", "X".repeat(1000)),
            refused(&[400, 414, 431, 501]).or(served()),
            "RFC 9112 §3: 501 for a method longer than any that is known",
        ),
    ]
}

fn heads() -> Vec<Vector> {
    const TARGET: &str =
        "RFC 9112 §3: a target that is too long must be 414; a head 431 (RFC 6585 §5)";
    const FIELD: &str = "RFC 6585 §5: 431 for fields that are too large";
    let long = |length: usize| get(&format!("{{target}}{}", "a".repeat(length)));
    let field = |length: usize| get_with(format!("X-Vector: {}\r\n", "a".repeat(length)));
    let refusals = [
        ("a target of 64 KiB", long(64 << 10), TARGET),
        ("a target of 200 KiB", long(LONG), TARGET),
        ("a value of 64 KiB", field(64 << 10), FIELD),
        ("a value of 200 KiB", field(LONG), FIELD),
        (
            "a name of 64 KiB",
            get_with(format!("X-{}: 1\r\n", "a".repeat(64 << 10))),
            FIELD,
        ),
        (
            "1,000 fields of 100 octets",
            get_with(format!("X-Vector: {}\r\n", "a".repeat(88)).repeat(1000)),
            FIELD,
        ),
        ("30,000 fields", get_with("a:b\r\n".repeat(30_000)), FIELD),
        (
            "a Host of 64 KiB",
            format!(
                "{{get}} HTTP/1.1\r\nHost: {}\r\n{{extras}}\r\n",
                "a".repeat(64 << 10)
            )
            .into_bytes(),
            FIELD,
        ),
        (
            "64 KiB of cookies",
            get_with(format!("Cookie: {}\r\n", "a=b; ".repeat(13_000))),
            FIELD,
        ),
    ];
    let refusals =
        refusals.map(|(name, raw, why)| vector(name, raw, refused(LARGE_HEAD).and_closed(), why));
    let without_end = [
        ("200 KiB without a line's end", "a".repeat(LONG)),
        (
            "200 KiB of a method",
            format!("{} / HTTP/1.1\r\n\r\n", "X".repeat(LONG)),
        ),
        (
            "200 KiB of digits behind a version",
            format!("{{get}} HTTP/1.1{}\r\n", "1".repeat(LONG)),
        ),
        ("200 KiB of zeros", "\0".repeat(LONG)),
    ];
    let without_end = without_end.map(|(name, raw)| {
        let right = refused(&[400, 414, 431, 501, 505])
            .and_closed()
            .or(closed());
        vector(
            name,
            raw,
            right,
            "RFC 9112 §3: refused or cut off, whatever it would have become",
        )
    });
    let lines = vector(
        "50,000 empty lines before a request",
        [b"\r\n".repeat(50_000), get_with("")].concat(),
        refused(LARGE_HEAD).or(closed()).or(served()),
        "RFC 9112 §2.2: one is to be ignored, and so many needn't",
    );
    let many = vector(
        "300 fields",
        get_with("X-Vector: 1\r\n".repeat(300)),
        refused(LARGE_HEAD).and_closed().or(served()),
        "RFC 6585 §5: 431 where that is too many",
    );
    refusals
        .into_iter()
        .chain(without_end)
        .chain([lines, many])
        .collect()
}

fn bodies() -> Vec<Vector> {
    const WHY: &str = "RFC 9110 §15.5.14: 413 for more than this node takes, whose limit is 1 MiB";
    let length = |length: usize| format!("Content-Length: {length}\r\n");
    let spaces = |length: usize| format!("{BODY}{}", " ".repeat(length - BODY.len()));
    let chunks = |number: usize| format!("400\r\n{}\r\n", " ".repeat(1024)).repeat(number);
    let large = [
        (
            "one octet more than 1 MiB",
            post_with(length(MIB + 1), spaces(MIB + 1)),
        ),
        ("2 MiB", post_with(length(2 * MIB), spaces(2 * MIB))),
        (
            "4 GiB declared and none sent",
            post_with(length(4 << 30), ""),
        ),
        (
            "2 MiB in chunks",
            chunked(format!("{}0\r\n\r\n", chunks(2048))),
        ),
        (
            "2 MiB in one chunk",
            chunked(format!("200000\r\n{}\r\n0\r\n\r\n", spaces(2 * MIB))),
        ),
    ];
    let large = large.map(|(name, raw)| {
        let vector = vector(
            format!("a body of {name}"),
            raw,
            refused(&[413]).and_closed(),
            WHY,
        );
        vector.policy().in_the_body()
    });
    let taken = [
        ("500 KiB", post_with(length(500 << 10), spaces(500 << 10))),
        (
            "500 KiB in chunks",
            chunked(format!("{}11\r\n{BODY}\r\n0\r\n\r\n", chunks(500))),
        ),
    ];
    let taken = taken.map(|(name, raw)| {
        vector(
            format!("a body of {name}"),
            raw,
            served(),
            "RFC 9110 §8.6: half of what this node takes",
        )
    });
    large.into_iter().chain(taken).collect()
}
