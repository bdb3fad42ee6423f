//! `Content-Length`: one number of decimal digits (RFC 9110 §8.6, RFC 9112 §6.3).

use super::bench::vector::{BODY, Vector, get_with, post_with, refused, served, vector};

const BAD: &[u16] = &[400];
/// A number that is one and too large may also be too large for the node.
const BAD_OR_LARGE: &[u16] = &[400, 413];
const INVALID: &str = "RFC 9112 §6.3: an invalid length must be 400, and the connection closed";

pub(super) fn vectors() -> Vec<Vector> {
    taken()
        .into_iter()
        .chain(several())
        .chain(no_numbers())
        .chain(octets())
        .collect()
}

fn post(lines: &str) -> Vec<u8> {
    post_with(format!("{lines}\r\n"), BODY)
}

fn taken() -> Vec<Vector> {
    const WHY: &str = "RFC 9110 §8.6: Content-Length = 1*DIGIT";
    let taken = [
        ("exact", "Content-Length: 17"),
        ("in lowercase", "content-length: 17"),
        ("in capitals", "CONTENT-LENGTH: 17"),
        ("without whitespace", "Content-Length:17"),
        ("whitespace around", "Content-Length: \t 17 \t "),
    ];
    let taken = taken
        .map(|(name, line)| vector(name, post(line), served(), WHY).keeps("content-length", "17"));
    let others = [
        vector(
            "leading zeros",
            post("Content-Length: 00000017"),
            served(),
            WHY,
        ),
        vector(
            "0 on a GET",
            get_with("Content-Length: 0\r\n"),
            served(),
            WHY,
        ),
        vector(
            "many zeros on a GET",
            get_with(format!("Content-Length: {}\r\n", "0".repeat(30))),
            served().or(refused(BAD)),
            WHY,
        ),
        vector(
            "none on a POST",
            post_with("", ""),
            served().or(refused(&[400, 411])),
            "RFC 9112 §6.3: then there is no body; 411 for who needs one",
        ),
        vector(
            "HTTP/1.0",
            format!("{{post}} HTTP/1.0\r\n{{fields}}Content-Length: 17\r\n\r\n{BODY}"),
            served().and_closed(),
            WHY,
        ),
        vector(
            "an underscore for the hyphen",
            get_with("Content_Length: 17\r\n"),
            served(),
            "RFC 9110 §5.1: another field",
        ),
        vector(
            "another field that ends like it",
            get_with("X-Content-Length: 17\r\n"),
            served(),
            "RFC 9110 §5.1: another field",
        ),
    ];
    taken.into_iter().chain(others).collect()
}

fn several() -> Vec<Vector> {
    const ALIKE: &str = "RFC 9112 §6.3: the same number again may be refused, or made one";
    const DIFFERENT: &str =
        "RFC 9112 §6.3: different numbers must be 400, and the connection closed";
    let alike = [
        ("twice", "Content-Length: 17\r\nContent-Length: 17"),
        (
            "three times",
            "Content-Length: 17\r\nContent-Length: 17\r\nContent-Length: 17",
        ),
        ("a list of the same", "Content-Length: 17, 17"),
        ("a list without blanks", "Content-Length: 17,17"),
        (
            "twice, once with zeros",
            "Content-Length: 17\r\nContent-Length: 0017",
        ),
    ];
    let alike = alike.map(|(name, lines)| {
        vector(
            name,
            post(lines),
            refused(BAD).and_closed().or(served()),
            ALIKE,
        )
    });
    let different = [
        ("17 and 18", "Content-Length: 17\r\nContent-Length: 18"),
        ("18 and 17", "Content-Length: 18\r\nContent-Length: 17"),
        ("0 and 17", "Content-Length: 0\r\nContent-Length: 17"),
        ("17 and 0", "Content-Length: 17\r\nContent-Length: 0"),
        (
            "17 and 17 and 0",
            "Content-Length: 17\r\nContent-Length: 17\r\nContent-Length: 0",
        ),
        ("17 and none", "Content-Length: 17\r\nContent-Length:"),
        ("none and 17", "Content-Length:\r\nContent-Length: 17"),
        ("17 and a word", "Content-Length: 17\r\nContent-Length: abc"),
        ("a word and 17", "Content-Length: abc\r\nContent-Length: 17"),
        (
            "with a field between",
            "Content-Length: 17\r\nX-Vector: 1\r\nContent-Length: 0",
        ),
        (
            "in other letters",
            "Content-Length: 17\r\ncontent-length: 0",
        ),
        ("a list of different ones", "Content-Length: 17, 18"),
        ("a list with a word", "Content-Length: 17, abc"),
        (
            "a list and a number",
            "Content-Length: 17, 17\r\nContent-Length: 18",
        ),
    ];
    let different = different.map(|(name, lines)| {
        vector(
            format!("different: {name}"),
            post(lines),
            refused(BAD).and_closed(),
            DIFFERENT,
        )
    });
    alike.into_iter().chain(different).collect()
}

fn no_numbers() -> Vec<Vector> {
    let refusals = [
        "", "abc", "-17", "+17", "17.0", "1.7e1", "1e1", "0x11", "0X11", "0b10001", "0o21", "11h",
        "17 17", "1 7", "17;17", "17;a=b", "(17)", "\"17\"", "'17'", "17 bytes", "17B", "1_7",
        "1'7", "=17", "*", "NaN", "-0", "+0", "١٧", "１７", "chunked", "%31%37", "17%00", "$17",
        ",17", "17,", ",",
    ];
    let refusals = refusals.map(|value| {
        vector(
            format!("the value {value:?}"),
            post(&format!("Content-Length: {value}")),
            refused(BAD).and_closed(),
            INVALID,
        )
    });
    let large = [
        ("2^31", "2147483648"),
        ("2^32 and 17", "4294967313"),
        ("2^63 less 1", "9223372036854775807"),
        ("2^63", "9223372036854775808"),
        ("2^64 less 1", "18446744073709551615"),
        ("2^64", "18446744073709551616"),
        ("2^64 and 17", "18446744073709551633"),
        ("2^128 and 17", "340282366920938463463374607431768211473"),
        (
            "a hundred digits",
            "9999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
        ),
    ];
    let large = large.map(|(name, value)| {
        let why = "RFC 9110 §8.6: no wrapping round; 413 for what is a number, 400 for what can't be one here";
        let raw = post(&format!("Content-Length: {value}"));
        let vector = vector(name, raw, refused(BAD_OR_LARGE).and_closed(), why);
        // Others take bodies as large as that.
        if value.parse::<u64>().is_ok() { vector.policy() } else { vector }
    });
    refusals.into_iter().chain(large).collect()
}

/// Each visible octet that is no digit, before and behind the number; and control octets.
fn octets() -> impl Iterator<Item = Vector> {
    let octets =
        (0..=0x7f_u8).filter(|octet| !octet.is_ascii_digit() && !b" \t\n,".contains(octet));
    octets.flat_map(|octet| {
        let with = |before: &[u8], behind: &[u8]| {
            let line = [b"Content-Length: ", before, b"17", behind, b"\r\n"].concat();
            post_with(line, BODY)
        };
        [
            ("before", with(&[octet], b"")),
            ("behind", with(b"", &[octet])),
        ]
        .map(|(place, raw)| {
            let name = format!("octet {octet:#04x} {place} the number");
            vector(name, raw, refused(BAD).and_closed(), INVALID)
        })
    })
}
