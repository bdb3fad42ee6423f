//! Users of somebody else's server: they send the plan's plain requests, and check
//! the answers for their status and for what should be in them.

use std::sync::Arc;

use http::{HeaderValue, header};
use rand::Rng;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;

use crate::client::{Needle, Reading, Request, Target, WrittenNames};
use crate::plan::{Escaping, PlainRequest, Requests};
use crate::samples::{Fault, Route};
use crate::scenario::Scenario;
use crate::user::{Answer, User, Wrong};

/// The product that sends plain requests, unless a plan names another.
const USER_AGENT: &str = concat!("skein/", env!("CARGO_PKG_VERSION"));

/// A plan's plain requests, made ready for one server.
#[derive(Debug)]
pub struct Repertoire {
    requests: Requests,
    ready: Vec<Ready>,
    choice: WeightedIndex<u32>,
}

/// What is made only once of a request.
#[derive(Debug)]
struct Ready {
    names: Option<WrittenNames>,
    reading: Reading,
    /// All of it, if it is the same each time.
    built: Option<Request>,
}

impl Repertoire {
    /// The requests for the server at `target`.
    pub fn new(requests: Requests, target: &Target) -> Self {
        let weights = requests.requests.iter().map(|request| request.weight);
        let ready = requests.requests.iter().map(|request| {
            let mut ready = Ready {
                names: WrittenNames::of(request.headers.iter().map(|field| &*field.written)),
                reading: reading(request),
                built: None,
            };
            if request.is_constant() {
                ready.built = Some(build(request, &ready, target, &[]));
            }
            ready
        });
        Repertoire {
            choice: WeightedIndex::new(weights).expect("a plan has requests, each with a weight"),
            ready: ready.collect(),
            requests,
        }
    }

    fn request(&self, index: usize, target: &Target, rng: &mut impl Rng) -> Request {
        let ready = &self.ready[index];
        match &ready.built {
            Some(built) => built.clone(),
            None => build(
                &self.requests.requests[index],
                ready,
                target,
                &self.requests.draw(rng),
            ),
        }
    }
}

/// Users who send a plan's plain requests.
pub(crate) struct Plain;

impl Scenario for Plain {
    const NAME: &str = "plain requests";
    /// They are the plan's.
    const ROUTES: &[Route] = &[];

    fn of(_: &mut User) -> Self {
        Plain
    }

    async fn turn(&mut self, user: &mut User) {
        let workload = Arc::clone(user.workload());
        let repertoire = workload
            .repertoire
            .as_ref()
            .expect("only a plan of plain requests has plain users");
        let index = repertoire.choice.sample(user.rng());
        let plain = &repertoire.requests.requests[index];
        let request = repertoire.request(index, &workload.target, user.rng());
        user.send(plain.route, request, |answer| check(plain, answer))
            .await;
    }
}

/// A body is looked through as it comes and not kept, for anyone's may be large.
fn reading(plain: &PlainRequest) -> Reading {
    match &plain.contains {
        Some(text) => Reading::Searched(Arc::new(Needle::new(text))),
        None => Reading::Counted,
    }
}

fn build(plain: &PlainRequest, ready: &Ready, target: &Target, values: &[String]) -> Request {
    let path = plain.path.fill(values, Escaping::Percent);
    let mut request = Request::new(target, plain.method.clone(), &path)
        .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
        .reading(ready.reading.clone());
    for field in &plain.headers {
        let value = field.value.fill(values, Escaping::None);
        request = match field.is_repeated {
            true => request.another_header(field.name.clone(), value),
            false => request.header(field.name.clone(), value),
        };
    }
    if let Some(names) = &ready.names {
        request = request.named(names);
    }
    if let Some(timeout) = plain.timeout {
        request = request.timeout(timeout);
    }
    match &plain.body {
        Some(body) => request.body(body.fill(values, plain.body_escaping)),
        None => request,
    }
}

fn check(plain: &PlainRequest, answer: &Answer) -> Result<(), Wrong> {
    let status = answer.status.as_u16();
    if !plain.status.contains(status) {
        return Err(answer.wrong(plain.status.fault(status)));
    }
    if plain.contains.is_none() || answer.is_found {
        return Ok(());
    }
    Err(match coding(answer) {
        Some(coding) => answer.wrong_because(
            Fault::Content(
                "the body is encoded, so that nobody can see whether it has what the plan says",
            ),
            &format!(
                "Content-Encoding is {coding:?}; ask for a body as it is, with `Accept-Encoding: identity`"
            ),
        ),
        None => answer.wrong(Fault::Content("the body misses what the plan says it has")),
    })
}

/// The coding that an answer's body is in, if it isn't there as it is.
fn coding(answer: &Answer) -> Option<String> {
    let codings = [header::CONTENT_ENCODING, header::TRANSFER_ENCODING];
    let lists = codings.iter().flat_map(|name| answer.headers.get_all(name));
    let lists = lists.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let codings = lists.collect::<Vec<_>>().join(", ");
    let mut codings = codings.split(',').map(str::trim);
    let coding = codings.find(|coding| {
        let plain = ["", "identity", "chunked"];
        !plain.iter().any(|plain| plain.eq_ignore_ascii_case(coding))
    });
    coding.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_string, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::samples::Samples;
    use crate::scenario::Seat;
    use crate::testing;
    use crate::workload::Workload;

    const PLAN: &str = r#"
name = "shop"
thresholds = []
[[stage]]
name = "steady"
users = 1
duration = "60s"
[[request]]
method = "POST"
path = "/items/{item}"
headers = { x-item = "no {item}" }
body = '{"item": {item}}'
status = 201
contains = "thanks"
[values.item]
list = ["7"]
"#;

    /// What one turn records when the server answers so.
    async fn turn(status: u16, body: &str) -> Samples {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/shop/items/7"))
            .and(header("x-item", "no 7"))
            .and(body_string(r#"{"item": 7}"#))
            .respond_with(ResponseTemplate::new(status).set_body_string(body))
            .mount(&server)
            .await;
        let plan = testing::parse(PLAN);
        let url = format!("{}/shop", server.uri());
        let workload = Arc::new(Workload::new(&plan, 1, &url));
        assert_eq!(workload.roster, [0]);
        let mut seat = Seat::new(User::new(0, Arc::clone(&workload)));
        seat.take_turn(0).await;
        workload.recorder.snapshot()
    }

    #[tokio::test]
    async fn a_request_is_filled_in_and_its_answer_checked() {
        let samples = turn(201, "many thanks!").await;
        assert!(samples.faults.is_empty(), "{:?}", samples.faults);
        let names: Vec<_> = samples.routes.keys().map(|(_, r)| r.name()).collect();
        assert_eq!(names, ["POST /items/{item}"]);
    }

    #[tokio::test]
    async fn a_wrong_status_and_a_wrong_body_are_called_by_their_name() {
        let status = turn(200, "many thanks!").await;
        let (expected, got) = (201, 200);
        assert_eq!(status.faults(|f| f == Fault::Status { expected, got }), 1);
        let body = turn(201, "many regards").await;
        assert_eq!(body.faults(|f| matches!(f, Fault::Content(_))), 1);
    }
}
