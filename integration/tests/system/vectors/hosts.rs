//! The `Host` field (RFC 9112 §3.2, RFC 9110 §7.2): one of them, and one that is a
//! host: `uri-host [ ":" port ]`.

use super::bench::vector::{Vector, refused, served, vector};

const BAD: &[u16] = &[400];

pub(super) fn vectors() -> Vec<Vector> {
    numbers()
        .into_iter()
        .chain(hosts())
        .chain(no_hosts())
        .chain(octets())
        .collect()
}

/// A request in good order, but for these lines in place of `Host`.
fn with(lines: impl AsRef<[u8]>) -> Vec<u8> {
    [b"{get} HTTP/1.1\r\n", lines.as_ref(), b"{extras}\r\n"].concat()
}

fn numbers() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §3.2: none, more than one or an invalid one must be 400";
    let refusals = [
        ("none", ""),
        (
            "none, but X-Forwarded-Host",
            "X-Forwarded-Host: localhost\r\n",
        ),
        ("none, but Forwarded", "Forwarded: host=localhost\r\n"),
        ("none, but X-Host", "X-Host: localhost\r\n"),
        (
            "two different",
            "Host: localhost\r\nHost: other.example\r\n",
        ),
        ("two alike", "Host: localhost\r\nHost: localhost\r\n"),
        (
            "two, the second in capitals",
            "Host: localhost\r\nHOST: other.example\r\n",
        ),
        (
            "two with a field between",
            "Host: localhost\r\nX-Vector: 1\r\nHost: other.example\r\n",
        ),
        ("two, the first empty", "Host:\r\nHost: localhost\r\n"),
        ("two, the second empty", "Host: localhost\r\nHost:\r\n"),
        (
            "three",
            "Host: localhost\r\nHost: localhost\r\nHost: localhost\r\n",
        ),
        ("a list", "Host: localhost, other.example\r\n"),
    ];
    let refusals = refusals.map(|(name, lines)| vector(name, with(lines), refused(BAD), WHY));
    let old = |name: &str, lines: &str, right| {
        let raw = format!("{{get}} HTTP/1.0\r\n{lines}{{extras}}\r\n");
        vector(
            name,
            raw,
            right,
            "RFC 9112 §3.2: only HTTP/1.1 needs one; no version may have two",
        )
    };
    let old = [
        old("HTTP/1.0, none", "", served().and_closed()),
        old(
            "HTTP/1.0, one",
            "Host: localhost\r\n",
            served().and_closed(),
        ),
        old(
            "HTTP/1.0, two",
            "Host: localhost\r\nHost: other.example\r\n",
            refused(BAD),
        ),
        old("HTTP/1.0, one that is none", "Host: a/b\r\n", refused(BAD)),
    ];
    refusals
        .into_iter()
        .chain(old.map(Vector::foreign_host))
        .collect()
}

/// Hosts that are hosts. A node that serves its own machine only may refuse all but its
/// own, with its port.
fn hosts() -> Vec<Vector> {
    const WHY: &str = "RFC 9110 §7.2: uri-host [ \":\" port ]";
    let own = [
        "localhost",
        "LOCALHOST",
        "localhost:80",
        "127.0.0.1",
        "127.0.0.1:8000",
        "[::1]",
        "[::1]:8000",
    ];
    let own = own
        .map(|host| vector(host, with(format!("Host: {host}\r\n")), served(), WHY).foreign_host());
    let foreign = [
        "skein.example",
        "skein.example:8080",
        "skein.example.",
        "a-b.c-d.example",
        "xn--zrich-kva.example",
        "under_score.example",
        "a",
        "1",
        "192.0.2.1",
        "[2001:db8::1]",
        "[2001:db8::1]:80",
        "[::ffff:192.0.2.1]",
    ];
    let foreign = foreign
        .map(|host| vector(host, with(format!("Host: {host}\r\n")), served(), WHY).foreign_host());
    let either = [
        (
            "empty",
            "",
            "RFC 9112 §3.2: empty where a target has no authority",
        ),
        (
            "a colon without a port",
            "localhost:",
            "RFC 3986 §3.2.3: port is *DIGIT",
        ),
        (
            "a port beyond 65535",
            "localhost:99999",
            "RFC 3986 §3.2.3: port is *DIGIT",
        ),
        ("port 0", "localhost:0", "RFC 3986 §3.2.3: port is *DIGIT"),
        (
            "a percent-encoded letter",
            "%6cocalhost",
            "RFC 3986 §3.2.2: reg-name may be percent-encoded",
        ),
        (
            "a comma",
            "a,b.example",
            "RFC 3986 §3.2.2: reg-name has sub-delims",
        ),
        (
            "other delimiters",
            "a!$&'()*+;=.example",
            "RFC 3986 §3.2.2: reg-name has sub-delims",
        ),
        (
            "a tilde",
            "~a.example",
            "RFC 3986 §3.2.2: reg-name has unreserved marks",
        ),
        (
            "a future kind of address",
            "[v1.a:b]",
            "RFC 3986 §3.2.2: IPvFuture",
        ),
        (
            "two dots",
            "a..example",
            "RFC 3986 §3.2.2: a registered name, though none of DNS's",
        ),
        (
            "an octet of IPv4 too large",
            "256.0.0.1",
            "RFC 3986 §3.2.2: a registered name then",
        ),
    ];
    let either = either.map(|(name, host, why)| {
        let raw = with(format!("Host: {host}\r\n"));
        vector(name, raw, refused(BAD).or(served()), why).foreign_host()
    });
    own.into_iter().chain(foreign).chain(either).collect()
}

/// Hosts that aren't.
fn no_hosts() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §3.2: a Host with an invalid value must be 400";
    let hosts = [
        ("a path", "x/y"),
        ("a path of its own", "localhost/admin"),
        ("a slash", "/"),
        ("a URL", "http://localhost"),
        ("a URL with a path", "http://localhost/"),
        ("two slashes first", "//localhost"),
        ("a user", "user@localhost"),
        ("user and password", "user:pass@localhost"),
        ("an empty user", "@localhost"),
        ("a query", "localhost?x"),
        ("a fragment", "localhost#x"),
        ("a blank within", "local host"),
        ("a tab within", "local\thost"),
        ("a port that is no number", "localhost:port"),
        ("a port with a sign", "localhost:+80"),
        ("a negative port", "localhost:-1"),
        ("a port with a letter", "localhost:80a"),
        ("a port with a blank", "localhost: 80"),
        ("two ports", "localhost:80:80"),
        ("IPv6 without brackets", "2001:db8::1"),
        ("IPv6 without brackets, the shortest", "::1"),
        ("a bracket that stays open", "[::1"),
        ("a bracket that isn't open", "::1]"),
        ("a name in brackets", "[localhost]"),
        ("nothing in brackets", "[]"),
        ("a word behind brackets", "[::1]x"),
        ("a word before brackets", "x[::1]"),
        ("two pairs of brackets", "[[::1]]"),
        ("a zone", "[fe80::1%eth0]"),
        ("quotes", "\"localhost\""),
        ("angle brackets", "<localhost>"),
        ("a script", "<script>alert(1)</script>"),
        ("braces", "{localhost}"),
        ("a pipe", "local|host"),
        ("a caret", "local^host"),
        ("a backtick", "`localhost`"),
        ("a backslash", "local\\host"),
        ("a percent sign alone", "local%host"),
        ("a percent sign with one digit", "localhost%2"),
        ("beyond ASCII", "zürich.example"),
        ("a full stop beyond ASCII", "skein\u{3002}example"),
    ];
    hosts
        .map(|(name, host)| vector(name, with(format!("Host: {host}\r\n")), refused(BAD), WHY))
        .into()
}

/// Each octet that no host has, within a name; LF ends the line.
fn octets() -> impl Iterator<Item = Vector> {
    let in_host =
        |octet: u8| octet.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=[]:".contains(&octet);
    let foreign = (0..=u8::MAX).filter(move |octet| !in_host(*octet) && *octet != b'\n');
    foreign.map(|octet| {
        let name = format!("octet {octet:#04x} within");
        let line = [b"Host: local", &[octet][..], b"host\r\n"].concat();
        vector(
            name,
            with(line),
            refused(BAD),
            "RFC 3986 §3.2.2: no host has such an octet",
        )
    })
}
