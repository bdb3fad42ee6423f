//! TLS: whom a client trusts, what it remembers, and what is said when nothing is agreed on.

use rcgen::date_time_ymd;

use super::server::{Authority, Manners, Polite, nowhere, showing};
use super::*;

const BOTH: &[&str] = &["h2", "http/1.1"];

/// One GET by a new client, and what the way there took.
async fn once(
    server: &Polite,
    settings: &ConnectionSettings,
) -> (Result<Response<Bytes>, Broken>, Journey) {
    let target = server.target(settings);
    let mut client = client();
    let request = Request::new(&target, Method::GET, "/a");
    let answer = send(&mut client, &target, request).await;
    (answer, client.take_journey())
}

/// The reason why nothing came of it.
async fn problem(server: &Polite, settings: &ConnectionSettings) -> Fault {
    fault(once(server, settings).await.0).0
}

#[tokio::test]
async fn an_encrypted_exchange_times_its_phases_and_counts_its_bytes() {
    let authority = Authority::new();
    let manners = authority.manners(BOTH, authority.tls(|_| {}, false));
    let server = Polite::start(manners).await;
    for (http, protocol) in [
        (Http::One, Protocol::Http1),
        (Http::Two, Protocol::Http2),
        (Http::Auto, Protocol::Http2),
    ] {
        let (answer, journey) = once(&server, &authority.trusted(http)).await;
        assert_eq!(answer.expect("an answer").status(), 200);
        let opened = journey.opened.first().expect("a connection");
        assert_eq!((journey.opened.len(), opened.protocol), (1, protocol));
        let handshake = opened.handshake.expect("a handshake");
        assert!(!handshake.is_resumed && !handshake.time.is_zero());
        assert!(journey.first_byte > Some(opened.connect + handshake.time));
        // A certificate alone is some hundred bytes.
        assert!(journey.sent > 200 && journey.received > 500, "{journey:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_refused_with_what_is_wrong_with_it_unless_nobody_is_to_look() {
    let authority = Authority::new();
    let trusted = authority.trusted(Http::One);
    let unchecked = ConnectionSettings {
        insecure: true,
        ..ConnectionSettings::default()
    };
    let servers = [
        (
            authority.tls(|params| params.not_after = date_time_ymd(2001, 1, 1), false),
            TlsProblem::Expired,
        ),
        (
            authority.tls(
                |params| params.not_before = date_time_ymd(2999, 1, 1),
                false,
            ),
            TlsProblem::NotYetValid,
        ),
        (
            authority.tls(|params| params.subject_alt_names.clear(), false),
            TlsProblem::WrongName,
        ),
        (
            Authority::new().tls(|_| {}, false),
            TlsProblem::UnknownIssuer,
        ),
    ];
    for (tls, expected) in servers {
        let server = Polite::start(authority.manners(BOTH, tls)).await;
        let found = problem(&server, &trusted).await;
        assert_eq!(found, Fault::Tls(expected));
        assert!(found.to_string().contains("--insecure"), "{found}");
        assert!(once(&server, &unchecked).await.0.is_ok(), "{expected:?}");
    }
}

#[tokio::test]
async fn a_server_that_wants_to_know_its_clients_gets_their_certificate() {
    let authority = Authority::new();
    let server = Polite::start(authority.manners(BOTH, authority.tls(|_| {}, true))).await;
    for http in [Http::One, Http::Two] {
        let unknown = problem(&server, &authority.trusted(http)).await;
        assert_eq!(unknown, Fault::Tls(TlsProblem::ClientUnknown));
        let known = showing(authority.trusted(http), authority.client("user"));
        assert_eq!(once(&server, &known).await.0.expect("known").status(), 200);
    }
}

#[tokio::test]
async fn another_version_of_http_than_was_asked_for_is_a_failure_with_a_name() {
    let authority = Authority::new();
    for (speaks, http, expected) in [
        (&["http/1.1"][..], Http::Two, TlsProblem::FellBack),
        // A server that knows nothing of ALPN.
        (&[], Http::Two, TlsProblem::FellBack),
        (&["h2"], Http::One, TlsProblem::NoHttpInCommon),
    ] {
        let server = Polite::start(authority.manners(speaks, authority.tls(|_| {}, false))).await;
        let found = problem(&server, &authority.trusted(http)).await;
        assert_eq!(found, Fault::Tls(expected), "{speaks:?}");
    }
    // Without TLS, it answers what it doesn't understand.
    const COMPLAINT: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let old = Server::start(&[&[Stalls(COMPLAINT)]]).await;
    let settings = ConnectionSettings {
        http: Http::Two,
        ..ConnectionSettings::default()
    };
    let target = Target::new(old.target.as_str(), &settings).expect("a target");
    let request = Request::new(&target, Method::GET, "/");
    let (found, ..) = fault(send(&mut client(), &target, request).await);
    assert_eq!(found, Fault::Tls(TlsProblem::FellBack));
}

#[tokio::test]
async fn who_speaks_tls_where_there_is_none_is_told_and_so_is_the_reverse() {
    let authority = Authority::new();
    let mut plain = Polite::start(Manners::PLAIN_HTTP2).await;
    plain.url = plain.url.replace("http:", "https:");
    let found = problem(&plain, &authority.trusted(Http::One)).await;
    assert_eq!(found, Fault::Tls(TlsProblem::NotTls));
    let manners = authority.manners(BOTH, authority.tls(|_| {}, false));
    let mut encrypted = Polite::start(manners).await;
    encrypted.url = encrypted.url.replace("https:", "http:");
    let found = problem(&encrypted, &ConnectionSettings::default()).await;
    assert_eq!(found, Fault::NotHttp(Spoken::Tls));
}

#[tokio::test]
async fn a_session_is_resumed_by_whom_the_plan_says() {
    let authority = Authority::new();
    let manners = Manners {
        hangs_up: true,
        ..authority.manners(&["http/1.1"], authority.tls(|_| {}, false))
    };
    let server = Polite::start(manners).await;
    for (sessions, resumed) in [
        (Sessions::PerUser, [false, true, false, true]),
        (Sessions::Shared, [false, true, true, true]),
        (Sessions::None, [false; 4]),
    ] {
        let target = server.target(&ConnectionSettings {
            sessions,
            ..authority.trusted(Http::One)
        });
        let mut seen = Vec::new();
        for seat in 0..2 {
            let mut client = Client::on(&target, seat, AnswerLimits::OF_A_MIX);
            for _ in 0..2 {
                let request = Request::new(&target, Method::GET, "/");
                send(&mut client, &target, request)
                    .await
                    .expect("an answer");
                let opened = client.take_journey().opened;
                seen.extend(opened.iter().filter_map(|opened| opened.handshake));
            }
        }
        let seen: Vec<_> = seen.iter().map(|handshake| handshake.is_resumed).collect();
        assert_eq!(seen, resumed, "{sessions}");
    }
}

#[tokio::test]
async fn files_that_are_no_certificates_or_keys_are_named_with_their_flag() {
    let authority = Authority::new();
    let trusted = authority.trusted(Http::One);
    let (cert, key) = authority.client("a");
    let (_, other) = authority.client("b");
    let empty = authority.write("empty.pem", "SOMETHING", b"");
    let broken = authority.write("broken.pem", "CERTIFICATE", b"no certificate");
    let trusting = |file: &std::path::Path| ConnectionSettings {
        cacert: Some(file.to_owned()),
        ..trusted.clone()
    };
    let half = ConnectionSettings {
        cert: Some(cert.clone()),
        ..trusted.clone()
    };
    for (settings, says) in [
        (trusting(&nowhere()), "--cacert /nowhere/at/all.pem"),
        (trusting(&empty), "there is no certificate in it"),
        (trusting(&broken), "name a file in PEM format"),
        (half, "give both --cert and --key"),
        (
            showing(trusted.clone(), (cert.clone(), other)),
            "doesn't fit --cert",
        ),
        (showing(trusted.clone(), (cert.clone(), cert)), "--key "),
        (showing(trusted.clone(), (key.clone(), key)), "--cert "),
    ] {
        let error = Target::new("https://localhost", &settings).expect_err(says);
        assert!(error.to_string().contains(says), "{error}");
        // Nobody reads them where nothing is encrypted.
        assert!(Target::new("http://localhost", &settings).is_ok());
    }
}
