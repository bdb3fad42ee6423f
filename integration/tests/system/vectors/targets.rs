//! Request targets in their four forms (RFC 9112 §3.2), and the octets of a URI.

use super::bench::vector::{Vector, refused, served, vector};

const BAD: &[u16] = &[400];

pub(super) fn vectors() -> Vec<Vector> {
    let all = origin_form().into_iter().chain(absolute_form());
    all.chain(other_forms()).chain(octets()).collect()
}

/// A `GET` with this target, which bears its number in a field, too.
fn get(target: &str) -> Vec<u8> {
    let line = format!("GET {target} HTTP/1.1\r\n{{fields}}X-Number: vector-{{number}}\r\n\r\n");
    line.into_bytes()
}

fn origin_form() -> Vec<Vector> {
    const WHY: &str = "RFC 9112 §3.2.1: absolute-path [ \"?\" query ]";
    let taken = [
        ("the root", "/?vector-{number}"),
        ("two slashes first", "//localhost/vector-{number}"),
        ("an empty segment", "/a//vector-{number}"),
        ("a segment of dots", "/.../vector-{number}"),
        ("a percent-encoded letter", "/%76/vector-{number}"),
        ("a percent-encoded slash", "/a%2fvector-{number}"),
        (
            "a percent-encoded line break",
            "/a%0d%0aX-Injected:%201/vector-{number}",
        ),
        (
            "every mark that a path may have",
            "/-._~!$&'()*+,;=:@/vector-{number}",
        ),
        ("a query of question marks", "/?vector-{number}???/?"),
        (
            "a query with a URL in it",
            "/?vector-{number}&u=http://user@localhost:1/",
        ),
        ("an empty query", "/vector-{number}?"),
    ];
    let taken = taken.map(|(name, target)| vector(name, get(target), served(), WHY));
    let either = [
        (
            "a fragment",
            "/vector-{number}#fragment",
            "RFC 9112 §3.2: no fragment in a target; may be cut off",
        ),
        (
            "a percent sign alone",
            "/vector-{number}/%",
            "RFC 3986 §2.1: \"%\" HEXDIG HEXDIG; not for a proxy to judge",
        ),
        (
            "a percent sign with no number",
            "/vector-{number}/%zz",
            "RFC 3986 §2.1",
        ),
        (
            "a percent-encoded NUL",
            "/vector-{number}/%00",
            "RFC 3986 §7.3: dangerous to those who decode it",
        ),
        (
            "a percent-encoded octet that isn't UTF-8",
            "/vector-{number}/%ff",
            "RFC 3986 §2.1",
        ),
        (
            "a dot segment",
            "/a/./vector-{number}",
            "RFC 3986 §5.2.4: may be removed",
        ),
        (
            "a way up",
            "/a/../vector-{number}",
            "RFC 3986 §5.2.4: may be removed",
        ),
        (
            "a way up beyond the root",
            "/../../vector-{number}",
            "RFC 3986 §5.2.4: may be removed, or refused",
        ),
        (
            "an encoded way up beyond the root",
            "/%2e%2e/%2e%2e/vector-{number}",
            "RFC 3986 §5.2.4",
        ),
    ];
    let either = either.map(|(name, target, why)| {
        vector(name, get(target), refused(&[400, 404]).or(served()), why)
    });
    taken.into_iter().chain(either).collect()
}

fn absolute_form() -> Vec<Vector> {
    const WHY: &str =
        "RFC 9112 §3.2.2: a server must take the absolute form, and a proxy its authority for Host";
    let absolute = |prefix: &str| get(&format!("{prefix}{{target}}"));
    let with_host = |prefix: &str, host: &str| {
        format!("GET {prefix}{{target}} HTTP/1.1\r\nHost: {host}\r\n{{extras}}\r\n")
    };
    let settled = "/vector-{number}";
    let mut vectors = vec![
        vector("absolute", absolute("http://localhost"), served(), WHY)
            .arrives_at(settled)
            .keeps("host", "localhost"),
        vector(
            "absolute, its scheme in capitals",
            absolute("HTTP://localhost"),
            served(),
            "RFC 3986 §3.1: schemes are case-insensitive",
        )
        .arrives_at(settled),
        vector(
            "absolute, another Host",
            with_host("http://localhost", "other.example"),
            served(),
            WHY,
        )
        .keeps("host", "localhost"),
        vector(
            "absolute, with no path",
            get("http://localhost?vector-{number}"),
            served(),
            WHY,
        )
        .arrives_at("/?vector-{number}"),
        vector(
            "absolute, a colon without a port",
            absolute("http://localhost:"),
            served(),
            "RFC 3986 §3.2.3: port is *DIGIT",
        ),
        vector(
            "absolute, no Host",
            "GET http://localhost{target} HTTP/1.1\r\n{extras}\r\n",
            refused(BAD),
            "RFC 9112 §3.2.2: Host must be sent all the same",
        ),
        vector(
            "absolute, two Hosts",
            "GET http://localhost{target} HTTP/1.1\r\n{fields}Host: localhost\r\n\r\n",
            refused(BAD),
            "RFC 9112 §3.2: more than one Host is 400",
        ),
        vector(
            "absolute, a Host that is none",
            with_host("http://localhost", "a/b"),
            refused(BAD),
            "RFC 9112 §3.2: an invalid Host is 400",
        ),
        vector(
            "absolute, HTTPS where none is spoken",
            absolute("https://localhost"),
            refused(&[400, 421]).or(served()),
            "RFC 9110 §7.4: may be misdirected",
        ),
    ];
    // None of them names the port that a node has.
    vectors = vectors.into_iter().map(Vector::foreign_host).collect();
    let refusals = [
        (
            "user and password",
            "http://user:pass@localhost",
            "RFC 9110 §4.2.4: user information is an error",
        ),
        (
            "a user",
            "http://user@localhost",
            "RFC 9110 §4.2.4: user information is an error",
        ),
        (
            "an empty user",
            "http://@localhost",
            "RFC 9110 §4.2.4: user information is an error",
        ),
        (
            "no authority",
            "http://",
            "RFC 9110 §4.2.1: an empty host is invalid",
        ),
        (
            "a port alone",
            "http://:80",
            "RFC 9110 §4.2.1: an empty host is invalid",
        ),
        (
            "one slash",
            "http:/localhost",
            "RFC 3986 §3: \"//\" authority",
        ),
        (
            "no slash",
            "http:localhost",
            "RFC 3986 §3: \"//\" authority",
        ),
        (
            "a port that is none",
            "http://localhost:port",
            "RFC 3986 §3.2.3: port is *DIGIT",
        ),
        (
            "a port after a port",
            "http://localhost:80:80",
            "RFC 3986 §3.2.3",
        ),
        (
            "a bracket that stays open",
            "http://[::1",
            "RFC 3986 §3.2.2",
        ),
        (
            "a host with a backslash",
            "http://local\\host",
            "RFC 3986 §3.2.2",
        ),
        ("a host beyond ASCII", "http://löcalhost", "RFC 3986 §3.2.2"),
    ];
    vectors.extend(refusals.map(|(name, prefix, why)| {
        vector(
            format!("absolute, {name}"),
            absolute(prefix),
            refused(BAD),
            why,
        )
    }));
    let schemes = [
        "ftp://localhost/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "mailto:alice@localhost",
        "urn:a:b",
        "data:,a",
        "ws://localhost/",
        "gopher://localhost/",
        "1http://localhost/",
        "://localhost/",
        "unix:/run/docker.sock",
    ];
    vectors.extend(schemes.map(|target| {
        let name = format!("the URI {target}");
        vector(
            name,
            get(target),
            refused(&[400, 421]),
            "RFC 9112 §3.2.2, RFC 9110 §4.2: no resource of this server",
        )
    }));
    vectors
}

fn other_forms() -> Vec<Vector> {
    const ASTERISK: &str = "RFC 9112 §3.2.4: \"*\" is for OPTIONS and a whole server";
    const NONE: &str = "RFC 9112 §3.2: none of the four forms";
    let options = |target: &str| {
        format!("OPTIONS {target} HTTP/1.1\r\n{{fields}}X-Number: vector-{{number}}\r\n\r\n")
    };
    vec![
        vector(
            "OPTIONS *",
            options("*"),
            refused(&[405, 501]).or(served()),
            ASTERISK,
        ),
        vector("OPTIONS **", options("**"), refused(BAD), NONE),
        vector("OPTIONS *x", options("*x"), refused(BAD), NONE),
        vector("OPTIONS */", options("*/"), refused(BAD), NONE),
        vector("GET *", get("*"), refused(BAD), ASTERISK),
        vector(
            "an authority",
            get("localhost:80"),
            refused(BAD),
            "RFC 9112 §3.2.3: that form is for CONNECT",
        ),
        vector("a name", get("localhost"), refused(BAD), NONE),
        vector(
            "a path that doesn't begin",
            get("vector-{number}"),
            refused(BAD),
            NONE,
        ),
        vector(
            "a path with dots first",
            get("../vector-{number}"),
            refused(BAD),
            NONE,
        ),
        vector("a query alone", get("?vector-{number}"), refused(BAD), NONE),
        vector(
            "a fragment alone",
            get("#vector-{number}"),
            refused(BAD),
            NONE,
        ),
        vector(
            "a backslash first",
            get("\\vector-{number}"),
            refused(BAD),
            NONE,
        ),
        vector(
            "a percent-encoded slash first",
            get("%2fvector-{number}"),
            refused(BAD),
            NONE,
        ),
        vector("a semicolon", get(";vector-{number}"), refused(BAD), NONE),
        vector(
            "an address",
            get("@localhost/vector-{number}"),
            refused(BAD),
            NONE,
        ),
    ]
}

/// Octets that no URI has, in the middle of a path.
fn octets() -> impl Iterator<Item = Vector> {
    let get = |octet: u8| [b"{get}/", &[octet][..], b"/ HTTP/1.1\r\n{fields}\r\n"].concat();
    let controls = (0..b' ').chain([0x7f]).map(move |octet| {
        // Some split a line at any whitespace, and then a fourth word is there to refuse.
        let why = "RFC 9112 §3.2: a target is a URI's, which has no such octet; 400";
        vector(
            format!("octet {octet:#04x} in the target"),
            get(octet),
            refused(&[400, 505]),
            why,
        )
    });
    let visible = b"\"<>\\^`{|}"
        .iter()
        .copied()
        .chain([0x80, 0xa0, 0xc3, 0xff]);
    let visible = visible.map(move |octet| {
        let why = "RFC 9112 §3.2: not a URI's; should be refused, and is harmless as it is";
        vector(
            format!("octet {octet:#04x} in the target"),
            get(octet),
            refused(BAD).or(served()),
            why,
        )
    });
    let encoded = vector(
        "UTF-8 in the target",
        "{get}/zürich HTTP/1.1\r\n{fields}\r\n",
        refused(BAD).or(served()),
        "RFC 3987 §3.1: a URI has it percent-encoded",
    );
    controls.chain(visible).chain([encoded])
}
