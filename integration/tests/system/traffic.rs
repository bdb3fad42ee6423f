//! Continuous traffic around the events of a story, with every outcome kept.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use integration::Topology;
use integration::wait::wait_for;
use reqwest::header::HeaderMap;
use reqwest::{Error, Method, RequestBuilder};
use services::contract::{Service, seeded_value};
use tokio::time::sleep;

use crate::support::{Lab, PATIENCE};

/// Clients that ask at the same time, each one request after the other.
pub(crate) const CLIENTS: u32 = 6;
/// Keys that [`read`]s are about.
pub(crate) const KEYS: u32 = 10;
/// How long a client rests between two requests.
const REST: Duration = Duration::from_millis(2);

/// Requests to the entry of a laboratory, for as long as something else happens.
pub(crate) struct Traffic<'l> {
    lab: &'l Lab,
    request: fn(&Lab, u32) -> RequestBuilder,
    outcomes: RefCell<Vec<Outcome>>,
}

/// What became of one request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Which request it was, counted from 0.
    pub(crate) number: u32,
    /// Just before it was sent.
    pub(crate) began: Instant,
    /// Just after its answer had come whole, or had failed to.
    pub(crate) ended: Instant,
    /// The whole answer, or why there is none.
    pub(crate) answer: Result<Answer, Error>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl<'l> Traffic<'l> {
    /// Traffic of the requests that `request` makes from their numbers.
    pub(crate) fn of(lab: &'l Lab, request: fn(&Lab, u32) -> RequestBuilder) -> Self {
        Traffic {
            lab,
            request,
            outcomes: RefCell::default(),
        }
    }

    /// Lets the traffic flow while `events` happen. Requests under way at their end
    /// are waited for, so that every request has an outcome.
    pub(crate) async fn around<T>(self, events: impl AsyncFnOnce(&Self) -> T) -> (T, Vec<Outcome>) {
        let over = Cell::new(false);
        let clients = (0..CLIENTS).map(async |client| {
            let mut number = client;
            while !over.get() {
                let outcome = outcome((self.request)(self.lab, number), number).await;
                self.outcomes.borrow_mut().push(outcome);
                number += CLIENTS;
                sleep(REST).await;
            }
        });
        let events = async {
            let told = events(&self).await;
            over.set(true);
            told
        };
        let (told, _) = tokio::join!(events, join_all(clients));
        (told, self.outcomes.into_inner())
    }

    /// Waits until a good number of further requests have begun and ended.
    pub(crate) async fn flows(&self) {
        const REQUESTS: usize = 60;
        let now = Instant::now();
        let look = async || {
            let outcomes = self.outcomes.borrow();
            match outcomes.iter().filter(|o| o.began > now).count() {
                REQUESTS.. => Ok(()),
                fewer => Err(format!("{fewer} of {REQUESTS}")),
            }
        };
        let flowed = wait_for("requests to be answered", PATIENCE, look).await;
        flowed.unwrap_or_else(|overdue| panic!("{overdue}"));
    }
}

impl Outcome {
    /// How long the request took.
    pub(crate) fn took(&self) -> Duration {
        self.ended - self.began
    }

    /// The status of the answer; `None` when there was no whole answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(|answer| answer.status)
    }

    /// A field of the answer's head, empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.answer.as_ref().ok().and_then(|a| a.headers.get(name));
        value.map_or("", |value| value.to_str().expect("text"))
    }
}

/// Sends one request and reads its whole answer.
async fn outcome(request: RequestBuilder, number: u32) -> Outcome {
    let began = Instant::now();
    let answer = async {
        let answer = request.send().await?;
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await?,
        })
    };
    Outcome {
        number,
        began,
        answer: answer.await,
        ended: Instant::now(),
    }
}

/// Three gateways whose health is looked at often, so that stories are short.
pub(crate) fn laboratory() -> Topology {
    Topology::laboratory()
        .with(Service::LoadBalancer, "health-interval", "100ms")
        .with(Service::LoadBalancer, "ejection-time", "300ms")
        .with(Service::ApiGateway, "cache-rest", "100ms")
}

/// Reads one of the seeded items.
pub(crate) fn read(lab: &Lab, number: u32) -> RequestBuilder {
    lab.request(Method::GET, &format!("/data/item-{}", number % KEYS))
}

/// Checks that all are [`read`]s that found what had been seeded.
pub(crate) fn every_read_is_right(outcomes: &[Outcome]) {
    assert!(!outcomes.is_empty(), "nothing was read");
    for outcome in outcomes {
        let answer = outcome.answer.as_ref();
        let answer = answer.unwrap_or_else(|error| panic!("a read was not answered: {error:?}"));
        assert_eq!(answer.status, 200, "{outcome:?}");
        assert_eq!(answer.body, seeded_value(outcome.number % KEYS));
    }
}

/// Waits until a `GET` is answered with this status.
pub(crate) async fn until_status(lab: &Lab, path: &str, status: u16) {
    let look = async || match lab.get(path).await.status().as_u16() {
        seen if seen == status => Ok(()),
        seen => Err(seen),
    };
    wait_for(format!("{path} to be {status}"), PATIENCE, look)
        .await
        .expect("it comes true");
}
