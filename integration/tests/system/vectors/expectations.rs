//! `Expect: 100-continue` (RFC 9110 §10.1.1): a client that asks before it sends a body.
//! Here the body follows at once, so that `100` may be left out.

use super::bench::vector::{BODY, Vector, get_with, post_with, refused, served, vector};

pub(super) fn vectors() -> Vec<Vector> {
    taken()
        .into_iter()
        .chain(unknown())
        .chain(hopeless())
        .collect()
}

fn taken() -> Vec<Vector> {
    const WHY: &str = "RFC 9110 §10.1.1: 100 and then the answer, or the answer alone";
    let with = |expectation: &str| {
        post_with(
            format!("Expect: {expectation}\r\nContent-Length: 17\r\n"),
            BODY,
        )
    };
    let chunks = format!("11\r\n{BODY}\r\n0\r\n\r\n");
    vec![
        vector("a body behind it", with("100-continue"), served(), WHY),
        vector("in capitals", with("100-CONTINUE"), served(), WHY),
        vector("in mixed letters", with("100-Continue"), served(), WHY),
        vector("blanks around it", with("  100-continue  "), served(), WHY),
        vector(
            "chunks behind it",
            post_with(
                "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
                chunks,
            ),
            served(),
            WHY,
        ),
        vector(
            "no body behind it",
            get_with("Expect: 100-continue\r\n"),
            served(),
            "RFC 9110 §10.1.1: without content there is nothing to continue",
        ),
        vector(
            "a body of nothing behind it",
            get_with("Expect: 100-continue\r\nContent-Length: 0\r\n"),
            served(),
            "RFC 9110 §10.1.1: without content there is nothing to continue",
        ),
        vector(
            "HTTP/1.0",
            format!(
                "{{post}} HTTP/1.0\r\n{{fields}}Expect: 100-continue\r\nContent-Length: 17\r\n\r\n{BODY}"
            ),
            served().without_continue().and_closed(),
            "RFC 9110 §10.1.1: must be ignored from HTTP/1.0, which knows no 100",
        ),
    ]
}

/// Expectations that nobody has, which may be ignored or answered with 417.
fn unknown() -> Vec<Vector> {
    let values = [
        "",
        "x",
        "200-ok",
        "100-continued",
        "100",
        "100-continue;a=b",
        "x=y",
        "100-continue, x",
        "\"100-continue\"",
    ];
    values
        .map(|value| {
            let raw = post_with(format!("Expect: {value}\r\nContent-Length: 17\r\n"), BODY);
            let right = served().or(refused(&[417, 400]));
            vector(
                format!("the value {value:?}"),
                raw,
                right,
                "RFC 9110 §10.1.1: 417 for what can't be met, or ignored",
            )
        })
        .into()
}

/// Requests that will be refused whatever comes: who says 100 to them has the client
/// send for nothing.
fn hopeless() -> Vec<Vector> {
    const WHY: &str = "RFC 9110 §10.1.1: a final status at once where it can be told from the head";
    let giga = "1073741824";
    vec![
        vector(
            "a body of 1 GiB",
            post_with(
                format!("Expect: 100-continue\r\nContent-Length: {giga}\r\n"),
                "",
            ),
            refused(&[413]).without_continue().and_closed(),
            WHY,
        )
        .policy(),
        vector(
            "a length that is none",
            post_with("Expect: 100-continue\r\nContent-Length: x\r\n", BODY),
            refused(&[400]).without_continue().and_closed(),
            WHY,
        ),
        vector(
            "a coding that isn't known",
            post_with("Expect: 100-continue\r\nTransfer-Encoding: gzip\r\n", BODY),
            refused(&[400, 501]).without_continue().and_closed(),
            WHY,
        ),
        vector(
            "no Host",
            format!(
                "{{post}} HTTP/1.1\r\n{{extras}}Expect: 100-continue\r\nContent-Length: 17\r\n\r\n{BODY}"
            ),
            refused(&[400]).without_continue(),
            WHY,
        ),
        vector(
            "two framings",
            post_with(
                "Expect: 100-continue\r\nContent-Length: 17\r\nTransfer-Encoding: gzip, chunked\r\n",
                BODY,
            ),
            refused(&[400, 501]).without_continue().and_closed(),
            WHY,
        ),
    ]
}
