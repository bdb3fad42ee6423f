//! What is made of answers that are large, late or more than was asked for.

use super::*;

/// An answer with so many header fields.
fn with_fields(number: usize) -> String {
    let fields: String = (0..number).map(|n| format!("x-{n}: a\r\n")).collect();
    format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\nok")
}

/// A server that answers once, so.
async fn answering(answer: String) -> Server {
    let deed = Answers(Box::leak(answer.into_boxed_str()));
    let deeds: &'static [Deed] = Box::leak(Box::new([deed]));
    Server::start(Box::leak(Box::new([deeds]))).await
}

#[tokio::test]
async fn answers_may_have_hundreds_of_header_fields_and_a_large_head() {
    let plain = || Client::new(AnswerLimits::OF_PLAIN_REQUESTS);
    let server = answering(with_fields(900)).await;
    ask(&mut plain(), &server, "/").await.expect("an answer");
    let long = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
        "a".repeat(200_000)
    );
    let server = answering(long).await;
    ask(&mut plain(), &server, "/").await.expect("an answer");
    let long = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
        "a".repeat(2_000_000)
    );
    let server = answering(long).await;
    let generous = AnswerLimits {
        head: 4 << 20,
        ..AnswerLimits::OF_PLAIN_REQUESTS
    };
    let answer = ask(&mut Client::new(generous), &server, "/").await;
    answer.expect("an answer");
}

#[tokio::test]
async fn a_limit_that_an_answer_is_beyond_is_named_with_what_would_allow_it() {
    let limits = AnswerLimits {
        fields: 20,
        head: 10_000,
        body: 3,
        ..AnswerLimits::OF_PLAIN_REQUESTS
    };
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    for answer in [with_fields(30), long] {
        let server = answering(answer).await;
        let outcome = ask(&mut Client::new(limits), &server, "/").await;
        let (fault, example, status) = fault(outcome);
        assert_eq!((fault, status), (Fault::HeadTooLarge, None));
        assert!(example.contains("20 header fields"), "{example}");
        assert!(example.contains("--max-fields"), "{example}");
    }
    for body in [
        "content-length: 4\r\n\r\nabcd",
        "transfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    ] {
        let server = answering(format!("HTTP/1.1 200 OK\r\n{body}")).await;
        let outcome = ask(&mut Client::new(limits), &server, "/").await;
        let (fault, example, status) = fault(outcome);
        assert_eq!((fault, status), (Fault::BodyTooLarge, Some(200)));
        assert!(example.contains("more than 3 B"), "{example}");
    }
}

#[tokio::test]
async fn a_request_has_a_time_limit_of_its_own_if_it_asks_for_one() {
    let server = Server::start(&[&[Answers(OK), Stalls("")]]).await;
    let mut client = client();
    ask(&mut client, &server, "/").await.expect("an answer");
    let request = Request::new(&server.target, Method::GET, "/");
    let request = request.timeout(Duration::from_millis(50));
    let (fault, example, _) = fault(send(&mut client, &server.target, request).await);
    assert_eq!(fault, Fault::TimedOut);
    assert_eq!(example, "no whole answer within 50ms");
}

#[tokio::test]
async fn bytes_after_an_answer_are_noticed_and_cost_a_connection() {
    const MORE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok, and more";
    let server = Server::start(&[&[Answers(MORE)], &[Answers(OK)], &[Answers(OK)]]).await;
    let mut client = client();
    ask(&mut client, &server, "/1").await.expect("an answer");
    assert!(!client.take_unasked());
    ask(&mut client, &server, "/2").await.expect("an answer");
    assert!(client.take_unasked());
    // A connection that was merely closed is none of that.
    while client
        .idle
        .as_mut()
        .is_some_and(|connection| connection.is_usable())
    {
        tokio::task::yield_now().await;
    }
    ask(&mut client, &server, "/3").await.expect("an answer");
    assert!(!client.take_unasked());
}
