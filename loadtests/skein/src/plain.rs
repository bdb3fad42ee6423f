//! Users of somebody else's server who send the plan's plain requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;

use crate::client::Target;
use crate::plan::{Requests, Template};
use crate::ready::Ready;
use crate::samples::Route;
use crate::scenario::Scenario;
use crate::supply::{Needs, Values};
use crate::user::User;
use crate::workload::Workload;

/// A plan's plain requests, made ready for one server.
#[derive(Debug)]
pub(crate) struct Repertoire {
    requests: Vec<(Ready, Needs)>,
    all: Arc<Choice>,
    of_route: BTreeMap<Route, Arc<Choice>>,
}

/// Requests of which one is drawn, by their weights.
#[derive(Debug)]
struct Choice {
    places: Vec<usize>,
    by: WeightedIndex<u32>,
}

impl Repertoire {
    /// The plain requests for the server at `target`; `None` where there are none.
    pub(crate) fn new(requests: &Requests, target: &Target) -> Option<Self> {
        let of_weight = |place: &usize| requests.requests[*place].weight;
        let choice = |places: Vec<usize>| {
            let by = WeightedIndex::new(places.iter().map(of_weight)).ok()?;
            Some(Arc::new(Choice { places, by }))
        };
        let mut of_route: BTreeMap<Route, Vec<usize>> = BTreeMap::new();
        for (place, request) in requests.requests.iter().enumerate() {
            of_route.entry(request.route).or_default().push(place);
        }
        let of_route = of_route.into_iter();
        let ready = requests.requests.iter().map(|request| {
            let places = request.templates().flat_map(Template::values);
            let needs = Needs::of(places, &requests.slots);
            (Ready::new(request.clone(), target, false), needs)
        });
        Some(Repertoire {
            all: choice((0..requests.requests.len()).collect())?,
            of_route: of_route
                .filter_map(|(route, places)| Some((route, choice(places)?)))
                .collect(),
            requests: ready.collect(),
        })
    }
}

/// Users who send a plan's plain requests.
pub(crate) struct Plain {
    values: Values,
    choice: Arc<Choice>,
}

impl Plain {
    /// One who sends those of a route alone.
    pub(crate) fn of_route(user: &User, route: Route) -> Self {
        let workload = user.workload();
        Plain {
            values: workload.supply.begin(),
            choice: Arc::clone(&repertoire(workload).of_route[&route]),
        }
    }
}

fn repertoire(workload: &Workload) -> &Repertoire {
    let repertoire = workload.repertoire.as_ref();
    repertoire.expect("only a plan of plain requests has plain users")
}

impl Scenario for Plain {
    const NAME: &str = "plain requests";
    /// They are the plan's.
    const ROUTES: &[Route] = &[];

    fn of(user: &mut User) -> Self {
        let workload = user.workload();
        Plain {
            values: workload.supply.begin(),
            choice: Arc::clone(&repertoire(workload).all),
        }
    }

    async fn turn(&mut self, user: &mut User) {
        let workload = Arc::clone(user.workload());
        let place = self.choice.places[self.choice.by.sample(user.rng())];
        let (ready, needs) = &repertoire(&workload).requests[place];
        let (supply, seat) = (&workload.supply, user.seat());
        if let Err(used_up) = supply.begin_turn(needs, &mut self.values, seat, user.rng()) {
            return user.finds_no_data(&used_up.to_string()).await;
        }
        let values = self.values.all();
        let request = ready.request(&workload.target, values);
        user.send(ready.plain.route, request, |answer| {
            let counted = |name, held| workload.count_check(name, answer.stage, held);
            ready.check(answer, values, counted, |_| Ok(()))
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_string, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::samples::{Fault, Samples};
    use crate::scenario::Seat;
    use crate::testing;

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
        assert_eq!(workload.seats.len(), 1);
        let mut seat = Seat::new(User::new(0, Arc::clone(&workload)));
        seat.take_turn(0).await;
        workload.recorder.snapshot()
    }

    #[tokio::test]
    async fn a_request_is_filled_in_and_its_answer_checked() {
        let samples = turn(201, "many thanks!").await;
        assert!(samples.faults.is_empty(), "{:?}", samples.faults);
        let names: Vec<_> = samples.routes.keys().map(|(.., r)| r.name()).collect();
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
