//! Stories told to a small shop that wants its users to log in.

use std::sync::Mutex;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};

use super::once;
use super::*;
use crate::samples::Samples;
use crate::scenario::Seat;
use crate::testing;
use crate::workload::Workload;

const HEAD: &str = r#"
name = "shop"
thresholds = []
[[stage]]
name = "steady"
users = 2
duration = "60s"
"#;

/// Everything that the shop saw, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// A shop whose log says what it was asked for and with which cookie and token.
async fn shop() -> (String, Log) {
    let log = Log::default();
    let app = Router::new()
        .route("/login", post(login))
        .route("/orders", post(order))
        .route("/orders/{id}", get(read))
        .with_state(Arc::clone(&log));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, log)
}

async fn login(State(log): State<Log>, body: String) -> impl IntoResponse {
    log.lock().expect("a log").push(format!("login {body}"));
    let cookies = [
        ("set-cookie", "session=s1; Path=/orders; HttpOnly"),
        ("set-cookie", "other=o1; Domain=elsewhere.example"),
    ];
    let headers: HeaderMap = cookies
        .into_iter()
        .map(|(name, value)| {
            (
                name.parse().expect("a name"),
                HeaderValue::from_static(value),
            )
        })
        .collect();
    (headers, r#"{"token": "t1", "n": 7}"#)
}

async fn order(State(log): State<Log>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let field = |name: &str| headers.get(name).map_or("-", |v| v.to_str().expect("text"));
    let (token, cookie) = (field("authorization"), field("cookie"));
    let kind = field("content-type");
    log.lock()
        .expect("a log")
        .push(format!("order {token} {cookie} {kind} {body}"));
    (
        StatusCode::CREATED,
        [("location", "/orders/41")],
        "<id>41</id>",
    )
}

async fn read(State(log): State<Log>, Path(id): Path<String>) -> impl IntoResponse {
    log.lock().expect("a log").push(format!("read {id}"));
    format!(r#"{{"id": {id}, "state": "new"}}"#)
}

/// A user of a plan with these scenarios.
struct Told {
    workload: Arc<Workload>,
    seat: Seat,
    log: Log,
}

impl Told {
    async fn by(scenarios: &str) -> Self {
        let (url, log) = shop().await;
        let plan = testing::parse(&format!("{HEAD}{scenarios}"));
        let captured = once::set_up(&plan, 1, &url).await.expect("set up");
        let workload = Arc::new(Workload::new(&plan, 1, &url).knowing(captured));
        let seat = Seat::new(User::new(0, Arc::clone(&workload)));
        Told {
            workload,
            seat,
            log,
        }
    }

    /// Everything that the shop sees of a turn.
    async fn turn(&mut self) -> Vec<String> {
        self.seat.take_turn(0).await;
        std::mem::take(&mut self.log.lock().expect("a log"))
    }

    fn samples(&self) -> Samples {
        self.workload.recorder.snapshot()
    }
}

const BUYERS: &str = r#"
[[scenario]]
name = "buyers"
[[scenario.once]]
method = "POST"
path = "/login"
form = { user = "ann & bob" }
capture = { token = { json = "/token" }, session = { cookie = "session" } }
[[scenario.step]]
method = "POST"
path = "/orders"
headers = { Authorization = "Bearer {token}" }
json = { session = "{session}", items = ["a", 2] }
status = 201
capture = { order = { matches = "<id>(.*)</id>" }, place = { header = "Location" } }
[[scenario.step]]
path = "/orders/{order}"
repeat = 2
check = [
  { json = "/id", equals = "{order}", name = "mine" },
  { json = "/state", equals = "sent", name = "sent", fails = false },
]
"#;

#[tokio::test]
async fn a_user_logs_in_once_and_uses_later_what_earlier_answers_had() {
    let mut told = Told::by(BUYERS).await;
    let order = r#"order Bearer t1 session=s1 application/json {"items":["a",2],"session":"s1"}"#;
    let turn = [order, "read 41", "read 41"];
    let first = told.turn().await;
    assert_eq!(first[0], "login user=ann%20%26%20bob");
    assert_eq!(first[1..], turn);
    assert_eq!(told.turn().await, turn);
    let samples = told.samples();
    assert!(samples.faults.is_empty(), "{:?}", samples.faults);
}

#[tokio::test]
async fn checks_with_a_name_are_counted_whether_or_not_they_fail_anything() {
    let mut told = Told::by(BUYERS).await;
    told.workload.clock.start();
    told.turn().await;
    let checks = told.workload.samples().checks;
    assert_eq!((checks["mine"], checks["sent"]), ([0, 2], [2, 0]));
}

#[tokio::test]
async fn a_turn_ends_with_the_step_that_fails_and_the_login_is_taken_again() {
    let failing = BUYERS.replace("/token\" }", "/tokne\" }");
    let mut told = Told::by(&failing).await;
    for _ in 0..2 {
        assert_eq!(told.turn().await, ["login user=ann%20%26%20bob"]);
    }
    let samples = told.samples();
    let faults: Vec<_> = samples
        .faults
        .keys()
        .map(|(_, _, f)| f.to_string())
        .collect();
    assert_eq!(
        faults,
        ["the JSON body has no /tokne, which was to be captured as {token}"]
    );
}

#[tokio::test]
async fn a_step_is_taken_only_if_its_condition_holds() {
    let told = |condition: &str| {
        format!(
            r#"
[[scenario]]
name = "pagers"
[[scenario.step]]
path = "/orders/1"
capture = {{ next = {{ json = "/next", otherwise = "" }}, state = {{ json = "/state" }} }}
[[scenario.step]]
path = "/orders/2"
{condition}
"#
        )
    };
    for (condition, seen) in [
        ("if = \"next\"", vec!["read 1"]),
        ("unless = \"next\"", vec!["read 1", "read 2"]),
        ("if = \"state\"", vec!["read 1", "read 2"]),
        ("chance = 0.0", vec!["read 1"]),
        ("chance = 1.0", vec!["read 1", "read 2"]),
    ] {
        let mut told = Told::by(&told(condition)).await;
        assert_eq!(told.turn().await, seen, "{condition}");
    }
}

#[tokio::test]
async fn a_value_is_the_same_for_a_turn_but_for_repeats_of_the_step_that_is_first_to_need_it() {
    let scenarios = r#"
[[scenario]]
name = "browsers"
[[scenario.step]]
path = "/orders/{a}"
repeat = 9
[[scenario.step]]
path = "/orders/{a}"
repeat = 3
[values.a]
from = 1
to = 1000000
"#;
    let mut told = Told::by(scenarios).await;
    let seen = told.turn().await;
    assert_eq!(seen.len(), 12);
    assert!(seen[..9].windows(2).any(|two| two[0] != two[1]), "{seen:?}");
    assert!(seen[8..].windows(2).all(|two| two[0] == two[1]), "{seen:?}");
}

#[tokio::test]
async fn what_set_up_captures_every_user_knows_and_none_of_it_is_counted() {
    let scenarios = r#"
[[setup]]
method = "POST"
path = "/login"
body = "admin"
capture = { token = { json = "/token" }, n = { json = "/n" } }
[[cleanup]]
path = "/orders/{n}"
[[scenario]]
name = "readers"
[[scenario.step]]
path = "/orders/{token}"
"#;
    let mut told = Told::by(scenarios).await;
    assert_eq!(told.turn().await, ["login admin", "read t1"]);
    let plan = &told.workload.plan;
    let url = told.workload.target.as_str();
    let captured = once::set_up(plan, 1, url).await.expect("set up");
    once::clean_up(plan, &captured, 1, url)
        .await
        .expect("cleaned up");
    let log = told.log.lock().expect("a log").join(", ");
    assert_eq!(log, "login admin, read 7");
    assert_eq!(told.samples().total(|_| true).count(), 1);
}

#[tokio::test]
async fn a_set_up_step_that_fails_says_which_and_why() {
    let (url, _) = shop().await;
    let source = format!(
        "{HEAD}[[setup]]\npath = \"/nowhere\"\n[[scenario]]\nname = \"a\"\n[[scenario.step]]\npath = \"/\"\n"
    );
    let failed = once::set_up(&testing::parse(&source), 1, &url).await;
    let message = failed.expect_err("no such path").to_string();
    let says = "the set-up of the plan failed at GET /nowhere: status 404 where 200 was right";
    assert!(message.starts_with(says), "{message}");
}

#[tokio::test]
async fn a_secret_is_sent_and_shown_nowhere() {
    let secret = std::env::var("PATH").expect("a path");
    let scenarios = r#"
[[scenario]]
name = "a"
[[scenario.step]]
method = "POST"
path = "/login"
body = "{env.PATH}"
status = 404
"#;
    let mut told = Told::by(scenarios).await;
    assert_eq!(told.turn().await, [format!("login {secret}")]);
    let plan = &told.workload.plan;
    assert!(!plan.source.contains(&secret));
    let echo = told.workload.without_secrets(format!("you sent {secret}!"));
    assert_eq!(echo, "you sent ***!");
}

#[tokio::test]
async fn users_who_find_no_row_left_make_the_run_lack_data_and_no_server_fail() {
    let scenarios = r#"
[data.users]
rows = [{ name = "ann" }]
order = "once"
[[request]]
path = "/orders/{users.name}"
"#;
    let mut told = Told::by(scenarios).await;
    assert_eq!(told.turn().await, ["read ann"]);
    assert_eq!(told.turn().await, [] as [&str; 0]);
    let samples = told.samples();
    assert!(samples.faults.is_empty());
    let lacking = &samples.near_side[&crate::client::Shortage::Data];
    assert!(
        lacking.example.contains("the plan has 1 rows"),
        "{}",
        lacking.example
    );
}
