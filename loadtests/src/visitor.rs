//! One simulated user: it sends a request, reads the whole answer, has it checked,
//! and records how long it took and what was wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use services::contract::{CACHE_STATUS, SERVED_BY};

use crate::client::{Broken, Client, Content, RequestBuilder, Shortage, Spoken};
use crate::pacer::Arrival;
use crate::samples::{CacheOutcome, Fault, NodeNames, Route, Sample, SentArrival, StageIndex};
use crate::text;
use crate::timing;
use crate::tokens;
use crate::workload::Workload;

/// One simulated user.
#[derive(Debug)]
pub struct Visitor {
    /// The user's place in the roster, from 0.
    pub seat: usize,
    /// What the user shares with all others.
    pub workload: Arc<Workload>,
    /// The user's random choices.
    pub rng: Xoshiro256PlusPlus,
    /// How many turns the user has taken.
    pub turns: u64,
    /// The tasks that the user has submitted.
    pub tasks: SubmittedTasks,
    client: Client,
    token: HeaderValue,
    /// How many requests are over.
    requests: u64,
    finished: Vec<Finished>,
    /// What the next request is sent for, when a turn of open load begins with it.
    arrival: Option<Arrival>,
}

/// When a request was sent, and how long it took.
#[derive(Clone, Copy)]
struct Timed {
    stage: StageIndex,
    service: Duration,
    arrival: Option<SentArrival>,
}

/// What became of the tasks that a user submitted.
#[derive(Clone, Debug, Default)]
pub struct SubmittedTasks {
    /// Tasks that the system answered for with 202, each counted once.
    pub accepted: u64,
    /// Those of them that were seen done.
    pub done: u64,
    /// Those of them that the worker was seen to have given up.
    pub dead: u64,
    /// Those of them that the worker did not know any more.
    pub gone: u64,
    /// Those of which none of that was seen yet, each with the moment of its 202.
    pub open: Vec<(String, Instant)>,
    /// How long it took from the 202 until each was first seen done.
    pub lives: Vec<Duration>,
}

/// A request that is over, for whoever else keeps the score.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What was asked.
    pub route: Route,
    /// Its response time: from the intended time to the last byte.
    pub time: Duration,
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub fault: Option<Fault>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body, or the beginning of it where the request asks for no more.
    pub body: Bytes,
    /// True when the text that the request looks for is in the body.
    pub is_found: bool,
    /// True when the body was to be whole, and is only the beginning.
    pub is_cut: bool,
}

/// What a check found wrong with an answer.
#[derive(Clone, Debug)]
pub struct Wrong {
    fault: Fault,
    example: String,
}

impl Visitor {
    /// The user on `seat`.
    pub fn new(seat: usize, workload: Arc<Workload>) -> Self {
        let token = tokens::valid(&format!("user-{seat}"));
        Visitor {
            seat,
            rng: workload.rng(seat),
            turns: 0,
            tasks: SubmittedTasks::default(),
            client: Client::new(workload.answers),
            // Both forms are allowed, so both are used.
            token: if seat.is_multiple_of(2) {
                tokens::bearer(&token)
            } else {
                tokens::raw(&token)
            },
            requests: 0,
            finished: Vec::new(),
            arrival: None,
            workload,
        }
    }

    /// Connects, if the user isn't connected, so that the first request needn't.
    pub async fn connect(&mut self) {
        self.client.connect(&self.workload.target).await;
    }

    /// Waits for answers for so long, in place of the plan's time limit.
    #[cfg(test)]
    pub fn be_patient_for(&mut self, patience: Duration) {
        self.client = Client::new(self.workload.answers.within(patience));
    }

    /// A request by this user, without a token.
    pub fn request(&self, method: http::Method, path: &str) -> RequestBuilder {
        RequestBuilder::new(&self.workload.target, method, path)
    }

    /// A request by this user, with their token.
    pub fn signed_request(&self, method: http::Method, path: &str) -> RequestBuilder {
        self.request(method, path)
            .header(header::AUTHORIZATION, self.token.clone())
    }

    /// Sends a request, waits for the last byte of its answer and has it checked.
    /// Gives what the check made of the answer, or `None` if anything failed.
    pub async fn send<T>(
        &mut self,
        route: Route,
        request: RequestBuilder,
        check: impl FnOnce(&Answer) -> Result<T, Wrong>,
    ) -> Option<T> {
        let arrival = self.arrival.take();
        let stage = match arrival {
            Some(arrival) => Some(arrival.stage),
            None => self.workload.stage_now(),
        };
        let under_way = self.workload.in_flight.enter();
        let sent = Instant::now();
        let target = &self.workload.target;
        let exchange = self.client.exchange(target, request, sent).await;
        let service = sent.elapsed();
        under_way.over();
        if self.client.take_unasked() {
            self.workload.unasked.fetch_add(1, Ordering::Relaxed);
        }
        let lag = arrival.map(|arrival| SentArrival {
            stage: arrival.stage,
            lag: sent.saturating_duration_since(arrival.due),
            queued: arrival.queued,
        });
        let (answer, checked) = match exchange {
            Ok(answer) => {
                let answer = Answer::from(answer);
                let checked = check(&answer).map_err(|wrong| wrong.looked_into(&answer));
                (Some(answer), checked)
            }
            Err(Broken { error, head }) => {
                let example = error.with_causes();
                let fault = match error.fault() {
                    Ok(fault) => fault,
                    Err(shortage) => {
                        self.could_not_send((shortage, &example), lag).await;
                        return None;
                    }
                };
                let nothing = Content::default();
                let begun = head.map(|head| Answer::from(Response::from_parts(head, nothing)));
                (begun, Err(Wrong { fault, example }))
            }
        };
        let timed = Timed {
            stage,
            service,
            arrival: lag,
        };
        self.record(route, timed, answer.as_ref(), checked.as_ref().err());
        checked.ok()
    }

    /// Begins a turn of open load: the next request is the one that `arrival` asks for.
    pub fn begin_turn(&mut self, arrival: Arrival) {
        self.arrival = Some(arrival);
    }

    /// The requests that are over since the last call.
    pub fn take_finished(&mut self) -> impl DoubleEndedIterator<Item = Finished> {
        self.finished.drain(..)
    }

    /// Waits before the next turn, as the plan says.
    pub async fn think(&mut self) {
        let mean = self.workload.behaviour.think_time;
        if !mean.is_zero() {
            let factor = self.rng.random_range(0.5..1.5);
            self.rest(mean.mul_f64(factor)).await;
        }
    }

    /// Does nothing for `time`; false when the load was over before.
    pub async fn rest(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.workload.clock.is_over() => false,
        }
    }

    /// Counts a request that never left this machine, and rests for a moment: to try again
    /// at once would only take what others need.
    async fn could_not_send(&self, why: (Shortage, &str), arrival: Option<SentArrival>) {
        const REST: Duration = Duration::from_millis(10);
        let recorder = &self.workload.recorder;
        recorder.count_near_side(self.seat, why, arrival);
        tokio::time::sleep(REST).await;
    }

    fn record(
        &mut self,
        route: Route,
        timed: Timed,
        answer: Option<&Answer>,
        wrong: Option<&Wrong>,
    ) {
        let status = answer.map(|answer| answer.status.as_u16());
        let Timed {
            stage,
            service,
            arrival,
        } = timed;
        let lag = arrival.map_or(Duration::ZERO, |arrival| arrival.lag);
        let response = service.saturating_add(lag);
        let sample = Sample {
            stage,
            route,
            response,
            service,
            arrival,
            status,
            fault: wrong.map(|wrong| (wrong.fault, wrong.example.as_str())),
            served_by: answer.and_then(|answer| answer.header(&SERVED_BY)),
            cache: answer.and_then(Answer::cache_outcome),
            is_cut: answer.is_some_and(|answer| answer.is_cut),
        };
        self.workload.recorder.record(self.seat, &sample);
        self.requests += 1;
        let is_whole = !matches!(
            sample.fault,
            Some((Fault::CutOff | Fault::TimedOut | Fault::BodyTooLarge, _))
        );
        let is_wanted = is_whole && self.requests.is_multiple_of(timing::EVERY);
        if let Some(answer) = answer.filter(|_| is_wanted) {
            let timings = &self.workload.timings;
            timings.record(stage, route, service, &answer.headers);
        }
        self.finished.push(Finished {
            route,
            time: response,
            status,
            fault: wrong.map(|wrong| wrong.fault),
        });
    }
}

impl Answer {
    /// A header field's value, if it is there once and is text.
    pub fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Wrong unless the status is `expected`.
    pub fn expect_status(&self, expected: StatusCode) -> Result<(), Wrong> {
        if self.status == expected {
            return Ok(());
        }
        let (expected, got) = (expected.as_u16(), self.status.as_u16());
        Err(self.wrong(Fault::Status { expected, got }))
    }

    /// The body as JSON; wrong if it is something else.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Wrong> {
        serde_json::from_slice(&self.body)
            .map_err(|_| self.wrong(Fault::Content("the body is not the JSON that was expected")))
    }

    /// A fault, with the answer's beginning as its example.
    pub fn wrong(&self, fault: Fault) -> Wrong {
        /// Enough to recognise an answer by, in characters.
        const EXCERPT: usize = 200;
        let excerpt = text::excerpt(&self.body, EXCERPT);
        let served_by = self.header(&SERVED_BY).unwrap_or("nobody named");
        let served_by = text::excerpt(served_by.as_bytes(), NodeNames::LONGEST);
        Wrong {
            fault,
            example: format!("{} from {served_by}: {excerpt}", self.status),
        }
    }

    /// A fault, with what explains it in place of the answer's beginning.
    pub fn wrong_because(&self, fault: Fault, reason: &str) -> Wrong {
        Wrong {
            fault,
            example: format!("{}: {reason}", self.status),
        }
    }

    /// What the first cache in `Cache-Status` did: the one nearest to the origin
    /// (RFC 9211 §2). Here there is only one.
    fn cache_outcome(&self) -> Option<CacheOutcome> {
        let status = self.header(&CACHE_STATUS)?;
        let mut parameters = status.split(',').next()?.split(';').skip(1).map(str::trim);
        let has = |wanted: &str| parameters.clone().any(|parameter| parameter == wanted);
        Some(if has("hit") {
            CacheOutcome::Hit
        } else if has("collapsed") || has("collapsed=?1") {
            CacheOutcome::Coalesced
        } else if parameters.any(|parameter| parameter == "fwd=bypass") {
            CacheOutcome::Bypass
        } else {
            CacheOutcome::Miss
        })
    }
}

impl From<Response<Content>> for Answer {
    fn from(response: Response<Content>) -> Self {
        let (head, content) = response.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: content.kept,
            is_found: content.is_found,
            is_cut: content.is_cut,
        }
    }
}

impl Wrong {
    /// The same, unless the answer complains that the server was spoken to in another
    /// language than its own: then that is what is wrong.
    fn looked_into(self, answer: &Answer) -> Self {
        match Spoken::by_complaint(answer.status.as_u16(), &answer.body) {
            Some(spoken) => Wrong {
                fault: Fault::NotHttp(spoken),
                ..self
            },
            None => self,
        }
    }
}
