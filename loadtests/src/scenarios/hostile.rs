//! Users against a target that answers with whatever it likes: no bytes end a user, and
//! each answer is counted once.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use skein::trial::Trial;
use skein::{Plan, Scenario};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Intruders, Processors, Readers, TaskSubmitters, Writers};

/// Turns that are taken against each answer, of every kind of user.
const ANSWERS: usize = 400;

fn plan(rest: &str) -> Plan {
    let source = format!(
        r#"
name = "hostile"
thresholds = []
[[stage]]
name = "only"
users = 1
duration = "60s"
{rest}
"#
    );
    crate::program()
        .parse_plan("hostile.toml", &source)
        .expect("valid")
}

/// A value of a header field, as a target may write it that means harm.
fn field() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "(a|database|cache-1|worker);dur=(1.8e22|1e308|inf|NaN|-1|[0-9.e+-]{0,12})(, (worker|database);dur=1.8e22){0,9}"
            .prop_map(String::into_bytes),
        "(cache-1)?(; ?(hit|fwd=[a-z-]{0,9}|collapsed(=\\?1)?|stored)){0,4},?".prop_map(String::into_bytes),
        "(-?[0-9]{1,40}|[A-Z][a-z]{2}, 99 Foo 99999)".prop_map(String::into_bytes),
        "/longtask/(\\.\\./|%zz|[!-~]){0,9}".prop_map(String::into_bytes),
        "[a-z]{1,9}".prop_map(|name| name.repeat(450).into_bytes()),
        prop::collection::vec(prop_oneof![1 => Just(b'\t'), 20 => 32_u8..=255], 0..60),
    ]
}

/// A body that is nearly what was asked for, or anything else.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let number = select(vec![
        "0",
        "-1",
        "1",
        "4294967295",
        "4294967296",
        "1e999",
        "null",
        "\"\"",
    ]);
    let id = prop_oneof![
        "[0-9a-f-]{36}",
        "(\\.\\./|%00|\\\\u0000|[ -!#-\\[\\]-~]){0,20}",
        Just("i".repeat(5000)),
    ];
    let state = select(vec!["queued", "running", "done", "dead", "else"]);
    let task = (id, state, number.clone()).prop_map(|(id, state, attempts)| {
        format!(r#"{{"id":"{id}","task":"report","state":"{state}","attempts":{attempts},"result":"x"}}"#)
    });
    let processed = (number.clone(), number.clone()).prop_map(|(bytes, iterations)| {
        format!(r#"{{"input_bytes":{bytes},"iterations":{iterations},"digest":"00"}}"#)
    });
    let listing = (
        number.clone(),
        "(null|1|\"x\"|\\[\\]|\\{\"item\":-1\\}|\\{\"item\":1e9\\})",
    )
        .prop_map(|(count, value)| format!(r#"{{"items":[{value}],"count":{count}}}"#));
    let written = number.prop_map(|version| format!(r#"{{"version":{version}}}"#));
    prop_oneof![
        2 => task.prop_map(String::into_bytes),
        1 => processed.prop_map(String::into_bytes),
        1 => listing.prop_map(String::into_bytes),
        1 => written.prop_map(String::into_bytes),
        1 => (0_usize..3000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

/// What is written in answer to a request, before the connection is closed.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let name = select(vec![
        "server-timing",
        "x-served-by",
        "cache-status",
        "location",
        "retry-after",
        "x-version",
        "content-type",
        "date",
        "connection",
        "x-other",
    ]);
    let fields = prop::collection::vec((name, field()), 0..9);
    let status = prop_oneof![
        6 => select(vec![200_u16, 202, 201]),
        2 => 100_u16..1000,
    ];
    let length = prop_oneof![
        8 => Just(None),
        1 => select(vec!["0", "5", "99999999999", "18446744073709551616", "-1", "x", ""]).prop_map(Some),
    ];
    let whole = (status, "[ -~]{0,20}", fields, length, body()).prop_map(
        |(status, reason, fields, length, body)| {
            let length = length.map_or(body.len().to_string(), str::to_owned);
            let mut answer =
                format!("HTTP/1.1 {status} {reason}\r\ncontent-length: {length}\r\n").into_bytes();
            for (name, value) in fields {
                answer.extend_from_slice(name.as_bytes());
                answer.extend_from_slice(b": ");
                answer.extend_from_slice(&value);
                answer.extend_from_slice(b"\r\n");
            }
            answer.extend_from_slice(b"\r\n");
            answer.extend_from_slice(&body);
            answer
        },
    );
    let chunked = prop::collection::vec(("[0-9a-fA-F]{0,18}(;[ -~]{0,9})?", body()), 0..4)
        .prop_map(|chunks| {
            let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for (length, data) in chunks {
                answer.extend_from_slice(format!("{length}\r\n").as_bytes());
                answer.extend_from_slice(&data);
                answer.extend_from_slice(b"\r\n");
            }
            answer
        });
    prop_oneof![
        12 => whole,
        2 => chunked,
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => "HTTP/1\\.[01] [0-9]{0,5} ?[ -~]{0,20}(\r\n){0,2}[ -~\r\n]{0,60}".prop_map(String::into_bytes),
    ]
}

/// A target that reads one head on each connection and writes the next of `answers`.
async fn target(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    tokio::spawn(async move {
        for answer in answers.iter().cycle() {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n")
                && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0)
            {}
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

#[tokio::test]
async fn nothing_that_a_target_sends_ends_a_user_or_is_lost() {
    let mut runner = TestRunner::default();
    let mut draw = || {
        let drawn = answer().new_tree(&mut runner).expect("an answer");
        drawn.current()
    };
    let mixed = plan(
        "[mix]\nreaders = 1\n[behaviour]\nitems = 1\nrepeat_share = 1.0\npoll_interval = \"1ms\"",
    );
    let plain = plan("[[request]]\npath = \"/x\"\ncontains = \"thanks\"");
    let scenarios = [
        (&mixed, Readers::NAME),
        (&mixed, Writers::NAME),
        (&mixed, Processors::NAME),
        (&mixed, TaskSubmitters::NAME),
        (&mixed, Intruders::NAME),
        (&plain, "plain requests"),
    ];
    for (plan, scenario) in scenarios {
        let url = target((0..ANSWERS).map(|_| draw()).collect()).await;
        let mut trial = Trial::new(plan, &url).patient_for(Duration::from_millis(200));
        for _ in 0..ANSWERS {
            trial.turn(scenario).await;
        }
        let finished = trial.finished();
        assert!(finished >= ANSWERS as u64, "{scenario}");
        assert_eq!(trial.requests(), finished, "{scenario}");
    }
}
