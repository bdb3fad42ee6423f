//! What servers get to see of requests.

use super::*;

/// What a server saw of a request without its first line, its `Host` and its `Accept`.
async fn seen_of(method: Method, make: impl FnOnce(Request) -> Request) -> String {
    let server = Server::start(&[&[Answers(OK)]]).await;
    let request = make(Request::new(&server.target, method, "/"));
    let answer = send(&mut client(), &server.target, request).await;
    answer.expect("an answer");
    let seen = server.seen().concat();
    let host = server.target.host().to_str().expect("text");
    let (_, fields) = seen.split_once("\r\n").expect("a first line");
    fields
        .replace(&format!("host: {host}\r\n"), "")
        .replace("accept: */*\r\n", "")
}

#[tokio::test]
async fn a_header_field_that_is_there_several_times_is_sent_as_often_in_its_order() {
    let cookies = |request: Request| {
        ["b", "a", "b"].iter().fold(request, |request, value| {
            request.another_header(header::COOKIE, *value)
        })
    };
    let seen = seen_of(Method::GET, cookies).await;
    assert_eq!(seen, "cookie: b\r\ncookie: a\r\ncookie: b\r\n\r\n");
}

#[tokio::test]
async fn header_names_keep_the_case_in_which_they_were_written_each_its_own() {
    let names = ["X-ID", "Cookie", "x-id", "COOKIE", "Content-Length"];
    let written = WrittenNames::of(names.into_iter()).expect("some in capitals");
    let named = |request: Request| {
        let fields = names.iter().enumerate();
        let request = fields.fold(request, |request, (number, name)| {
            let name = name.parse().expect("a name");
            request.another_header(
                name,
                if number == 4 {
                    "2".to_owned()
                } else {
                    number.to_string()
                },
            )
        });
        request.body("ab").named(&written)
    };
    let seen = seen_of(Method::POST, named).await;
    assert_eq!(
        seen,
        "X-ID: 0\r\nx-id: 2\r\nCookie: 1\r\nCOOKIE: 3\r\nContent-Length: 2\r\n\r\nab"
    );
}

#[test]
fn names_that_are_sent_in_small_letters_anyway_cost_nothing() {
    assert!(WrittenNames::of(["cookie", "x-id"].into_iter()).is_none());
    let many: Vec<_> = (0..300).map(|number| format!("X-{number}")).collect();
    let names = WrittenNames::of(many.iter().map(String::as_str));
    assert!(names.is_some(), "however many there are");
    let framing = ["Transfer-Encoding", "Connection", "Expect", "Host"];
    assert!(WrittenNames::of(framing.into_iter()).is_some());
}

#[tokio::test]
async fn where_a_body_is_usual_its_absence_is_told_and_elsewhere_not() {
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let seen = seen_of(method, |request| request).await;
        assert_eq!(seen, "content-length: 0\r\n\r\n");
    }
    for method in [Method::GET, Method::DELETE, Method::OPTIONS] {
        let seen = seen_of(method, |request| request).await;
        assert_eq!(seen, "\r\n");
    }
    let seen = seen_of(Method::GET, |request| request.body("hello")).await;
    assert_eq!(seen, "content-length: 5\r\n\r\nhello");
}

#[tokio::test]
async fn values_are_sent_with_their_blanks_and_in_utf_8_and_never_in_two_lines() {
    let field = |value: &'static str| {
        move |request: Request| {
            request.another_header("x-a".parse().expect("a name"), value.to_owned())
        }
    };
    let seen = seen_of(Method::GET, field(" Z\u{fc}rich ")).await;
    assert_eq!(seen, "x-a:  Z\u{fc}rich \r\n\r\n");
    let server = Server::start(&[]).await;
    let request = Request::new(&server.target, Method::GET, "/");
    let request = field("a\r\nx-b: c")(request);
    let (fault, example, _) = fault(send(&mut client(), &server.target, request).await);
    assert_eq!(fault, Fault::NotConnected);
    assert!(example.contains("not one line"), "{example}");
}

#[tokio::test]
async fn nothing_is_sent_over_a_connection_after_asking_for_its_end() {
    let server = Server::start(&[&[Answers(OK), Answers(OK)], &[Answers(OK)]]).await;
    let mut client = client();
    let request = Request::new(&server.target, Method::GET, "/1");
    let request = request.another_header(header::CONNECTION, "Close");
    let answer = send(&mut client, &server.target, request).await;
    answer.expect("an answer");
    assert!(client.idle.is_none());
}
