//! Users of somebody else's server: they send the plan's plain requests, and check
//! the answers for their status and for what should be in them.

use std::sync::Arc;

use rand::Rng;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;

use crate::client::{RequestBuilder, Target};
use crate::plan::{PlainRequest, Requests};
use crate::samples::Fault;
use crate::visitor::{Answer, Visitor, Wrong};

/// A plan's plain requests, made ready for one server.
#[derive(Debug)]
pub struct Repertoire {
    requests: Requests,
    /// Requests that are the same each time are built once.
    built: Vec<Option<RequestBuilder>>,
    choice: WeightedIndex<u32>,
}

impl Repertoire {
    /// The requests for the server at `target`.
    pub fn new(requests: Requests, target: &Target) -> Self {
        let weights = requests.requests.iter().map(|request| request.weight);
        let built = requests.requests.iter().map(|request| {
            let constant = request.is_constant();
            constant.then(|| build(request, target, &[]))
        });
        Repertoire {
            choice: WeightedIndex::new(weights).expect("a plan has requests, each with a weight"),
            built: built.collect(),
            requests,
        }
    }

    fn request(&self, index: usize, target: &Target, rng: &mut impl Rng) -> RequestBuilder {
        match &self.built[index] {
            Some(built) => built.clone(),
            None => build(
                &self.requests.requests[index],
                target,
                &self.requests.draw(rng),
            ),
        }
    }
}

pub(super) async fn take_turn(visitor: &mut Visitor) {
    let workload = Arc::clone(&visitor.workload);
    let repertoire = workload
        .repertoire
        .as_ref()
        .expect("only a plan of plain requests has plain users");
    let index = repertoire.choice.sample(&mut visitor.rng);
    let plain = &repertoire.requests.requests[index];
    let request = repertoire.request(index, &workload.target, &mut visitor.rng);
    visitor
        .send(plain.route, request, |answer| check(plain, answer))
        .await;
}

fn build(plain: &PlainRequest, target: &Target, values: &[String]) -> RequestBuilder {
    let path = plain.path.fill_path(values);
    let mut request = RequestBuilder::new(target, plain.method.clone(), &path);
    for (name, template) in &plain.headers {
        request = request.header(name.clone(), template.fill(values));
    }
    match &plain.body {
        Some(body) => request.body(body.fill(values)),
        None => request,
    }
}

fn check(plain: &PlainRequest, answer: &Answer) -> Result<(), Wrong> {
    if answer.status.as_u16() != plain.status {
        let (expected, got) = (plain.status, answer.status.as_u16());
        return Err(answer.wrong(Fault::Status { expected, got }));
    }
    match &plain.contains {
        Some(text) if !contains(&answer.body, text.as_bytes()) => {
            Err(answer.wrong(Fault::Content("the body misses what the plan says it has")))
        }
        _ => Ok(()),
    }
}

/// Whether `needle`, which is not empty, is somewhere in `hay`.
fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_string, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::plan::Plan;
    use crate::samples::Samples;
    use crate::scenarios::Scenario;
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
        let plan = Plan::parse("shop.toml", PLAN).expect("valid");
        let url = format!("{}/shop", server.uri());
        let workload = Arc::new(Workload::new(&plan, 1, &url));
        assert_eq!(workload.roster, [Scenario::Plain]);
        let mut visitor = Visitor::new(0, Arc::clone(&workload));
        Scenario::Plain.take_turn(&mut visitor).await;
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

    #[test]
    fn a_body_has_a_text_wherever_it_is() {
        assert!(contains(b"abc", b"c") && contains(b"abc", b"abc"));
        assert!(!contains(b"ab", b"abc") && !contains(b"", b"a"));
    }
}
