//! One simulated user: it sends a request, reads the whole answer, has it checked, and
//! records how long it took and what was wrong.

mod answer;

use std::ops::RangeBounds;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{Method, Response};
use rand::distr::uniform::{SampleRange, SampleUniform};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt};

use crate::client::{Broken, Client, Content, Journey, Request, Shortage};
use crate::figure::Figure;
use crate::pacer::Arrival;
use crate::plan::Plan;
use crate::samples::{
    FailingAnswer, Fault, Measurement, Route, Sample, SentArrival, StageIndex, micros,
};
use crate::scenario::ScenarioIndex;
use crate::timing;
use crate::workload::Workload;

pub use answer::{Answer, Wrong};

/// One simulated user of the system under load. A [`Scenario`](crate::Scenario) says what
/// it does; all else that it needs, it is given here.
#[derive(Debug)]
pub struct User {
    seat: usize,
    workload: Arc<Workload>,
    rng: Xoshiro256PlusPlus,
    turns: u64,
    /// The scenario that is followed now.
    scenario: ScenarioIndex,
    client: Client,
    /// The number of requests that are over.
    requests: u64,
    finished: Vec<Finished>,
    /// The arrival that the next request is sent for, when a turn of open load begins with
    /// it.
    arrival: Option<Arrival>,
}

/// The stage and the arrival that a request was sent for, and the time that it took.
#[derive(Clone, Copy)]
struct Timed {
    stage: StageIndex,
    service: Duration,
    arrival: Option<SentArrival>,
}

/// A request that is over, for whoever else keeps the score.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// The route that was asked.
    pub(crate) route: Route,
    /// Its response time: from the intended time to the last byte.
    pub(crate) time: Duration,
    /// The answer's status, if there was one.
    pub(crate) status: Option<u16>,
    /// The reason why it failed, if it did.
    pub(crate) fault: Option<Fault>,
}

impl User {
    /// The user on `seat`.
    pub(crate) fn new(seat: usize, workload: Arc<Workload>) -> Self {
        User {
            seat,
            rng: workload.rng(seat),
            turns: 0,
            scenario: 0,
            client: workload.client(seat),
            requests: 0,
            finished: Vec::new(),
            arrival: None,
            workload,
        }
    }

    /// The user's number in the run, from 0.
    pub fn seat(&self) -> usize {
        self.seat
    }

    /// The number of turns that the user has taken.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// The plan that is carried out.
    pub fn plan(&self) -> &Plan {
        &self.workload.plan
    }

    /// The seed of every random choice of the run.
    pub fn seed(&self) -> u64 {
        self.workload.seed
    }

    /// A text that sets this run apart from any other, also from one with the same seed;
    /// visible ASCII characters.
    pub fn run_id(&self) -> &str {
        &self.workload.run
    }

    /// A value that all users of the run share, made by
    /// [`Program::shared`](crate::Program::shared).
    ///
    /// # Panics
    ///
    /// When the program shares no value of this type.
    pub fn shared<T: Send + Sync + 'static>(&self) -> Arc<T> {
        self.workload.shared.get().unwrap_or_else(|| {
            panic!(
                "the program shares no {} among users",
                std::any::type_name::<T>()
            )
        })
    }

    /// The user's random numbers: the same whenever the run's seed is.
    pub fn rng(&mut self) -> &mut impl Rng {
        &mut self.rng
    }

    /// A random number from a range, such as `1..=1000`.
    pub fn draw<T: SampleUniform, R: SampleRange<T> + RangeBounds<T>>(&mut self, range: R) -> T {
        self.rng.random_range(range)
    }

    /// True with this `probability`, 0 to 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability.clamp(0.0, 1.0))
    }

    /// A request by this user for `path`, which begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request::new(&self.workload.target, method, path)
    }

    /// A `GET` request.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    /// A `PUT` request.
    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    /// A `DELETE` request.
    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// Sends a request, waits for the last byte of its answer and has it checked. Gives what
    /// the check made of the answer, or `None` if anything failed.
    pub async fn send<T>(
        &mut self,
        route: Route,
        request: Request,
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
        let journey = self.client.take_journey();
        if self.client.take_unasked() {
            self.workload.unasked.fetch_add(1, Ordering::Relaxed);
        }
        let lag = arrival.map(|arrival| SentArrival {
            load: arrival.load,
            lag: sent.saturating_duration_since(arrival.due),
            queued: arrival.queued,
        });
        let (answer, checked) = match exchange {
            Ok(answer) => {
                let mut answer = Answer::from(answer);
                answer.stage = stage;
                answer.took = service + lag.map_or(Duration::ZERO, |arrival| arrival.lag);
                let checked = check(&answer).map_err(|wrong| wrong.looked_into(&answer));
                (Some(answer), checked)
            }
            Err(Broken { error, head }) => {
                let example = error.with_causes();
                let fault = match error.fault() {
                    Ok(fault) => fault,
                    Err(shortage) => {
                        self.could_not_send((shortage, &example), lag, (stage, &journey))
                            .await;
                        return None;
                    }
                };
                let nothing = Content::default();
                let begun = head.map(|head| Answer::from(Response::from_parts(head, nothing)));
                (begun, Err(Wrong::of(fault, example)))
            }
        };
        let timed = Timed {
            stage,
            service,
            arrival: lag,
        };
        let checked = checked.map_err(|wrong| wrong.without_secrets(&self.workload));
        let journey = &journey;
        self.record(
            route,
            timed,
            journey,
            answer.as_ref(),
            checked.as_ref().err(),
        );
        checked.ok()
    }

    /// Counts for a [`Figure::counted`], in the stage that it is now.
    pub fn count(&self, figure: &Figure, number: u64) {
        let workload = &self.workload;
        let stage = workload.stage_now();
        let recorder = &workload.recorder;
        recorder.measure(self.seat, stage, figure, |samples| {
            samples.add_to_sum(number);
        });
    }

    /// Keeps a measurement for a [`Figure::measured`], in the stage that it is now: a time, or a
    /// number of at least zero in the figure's unit. It is kept to three digits.
    pub fn measure(&self, figure: &Figure, measurement: impl Into<Measurement>) {
        let workload = &self.workload;
        let stage = workload.stage_now();
        let measurement = measurement.into();
        let recorder = &workload.recorder;
        recorder.measure(self.seat, stage, figure, |samples| {
            samples.keep(measurement);
        });
    }

    /// Does nothing for `time`; false when the load was over before.
    pub async fn rest(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.workload.clock.is_over() => false,
        }
    }

    /// Does nothing for half of `mean` to one and a half; false when the load was over before.
    pub(crate) async fn rest_about(&mut self, mean: Duration) -> bool {
        if mean.is_zero() {
            return true;
        }
        let factor = self.rng.random_range(0.5..1.5);
        self.rest(mean.mul_f64(factor)).await
    }

    /// True as long as the load isn't over.
    pub fn is_at_work(&self) -> bool {
        self.workload.stage_now().is_some()
    }

    /// The load that the user is part of.
    pub(crate) fn workload(&self) -> &Arc<Workload> {
        &self.workload
    }

    /// Connects, if the user isn't connected, so that the first request needn't.
    pub(crate) async fn connect(&mut self) {
        self.client.connect(&self.workload.target).await;
    }

    /// Waits for answers for so long, in place of the plan's time limit.
    pub(crate) fn be_patient_for(&mut self, patience: Duration) {
        let answers = self.workload.answers.within(patience);
        self.client = self.workload.client(self.seat).within(answers);
    }

    /// Draws from other random numbers from here on.
    pub(crate) fn draw_from(&mut self, rng: Xoshiro256PlusPlus) {
        self.rng = rng;
    }

    /// Begins a turn of open load: the next request is the one that `arrival` asks for.
    pub(crate) fn begin_turn(&mut self, arrival: Arrival) {
        self.arrival = Some(arrival);
    }

    /// Follows this scenario from here on.
    pub(crate) fn follow(&mut self, scenario: ScenarioIndex) {
        self.scenario = scenario;
    }

    pub(crate) fn count_turn(&mut self) {
        self.turns += 1;
    }

    /// The requests that are over since the last call.
    pub(crate) fn take_finished(&mut self) -> impl DoubleEndedIterator<Item = Finished> {
        self.finished.drain(..)
    }

    /// Waits before the next turn, as the plan says.
    pub(crate) async fn think(&mut self) {
        let mean = self.workload.plan.think_time;
        self.rest_about(mean).await;
    }

    /// Counts a turn for which there is no row of data left, which never left this machine.
    pub(crate) async fn finds_no_data(&mut self, why: &str) {
        let arrival = self.arrival.take();
        let stage = arrival.map(|arrival| arrival.stage);
        let arrival = arrival.map(|arrival| SentArrival {
            load: arrival.load,
            lag: arrival.due.elapsed(),
            queued: arrival.queued,
        });
        let nothing = Journey::default();
        self.could_not_send((Shortage::Data, why), arrival, (stage, &nothing))
            .await;
    }

    /// The number of requests that are over.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    /// Counts a request that never left this machine, and rests for a moment: to try again
    /// at once would only take what others need.
    async fn could_not_send(
        &self,
        why: (Shortage, &str),
        arrival: Option<SentArrival>,
        (stage, journey): (StageIndex, &Journey),
    ) {
        const REST: Duration = Duration::from_millis(10);
        let recorder = &self.workload.recorder;
        recorder.count_near_side(self.seat, why, arrival);
        recorder.record_journey(self.seat, stage, journey);
        tokio::time::sleep(REST).await;
    }

    /// Keeps an answer that failed, or that none came, for the log of them.
    fn keep_failing(
        &self,
        stage: StageIndex,
        route: Route,
        (fault, particulars): (Fault, &str),
        answer: Option<&Answer>,
    ) {
        let workload = &self.workload;
        workload.failing.add(route, fault, || FailingAnswer {
            at_us: micros(workload.clock.elapsed()),
            stage: stage.map_or_else(String::new, |stage| {
                workload.plan.stages[stage].name.clone()
            }),
            user: self.seat,
            route: route.name(),
            fault: fault.to_string(),
            particulars: particulars.to_owned(),
            status: answer.map(|answer| answer.status.as_u16()),
            headers: answer.map_or_else(Vec::new, |answer| answer.shown_headers(workload)),
            body: answer.map_or_else(String::new, |answer| answer.shown_body(workload)),
        });
    }

    fn record(
        &mut self,
        route: Route,
        timed: Timed,
        journey: &Journey,
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
        let signs = &self.workload.plan.application.signs;
        let sample = Sample {
            stage,
            scenario: self.scenario,
            route,
            response,
            service,
            arrival,
            status,
            fault: wrong.map(|wrong| (wrong.fault, wrong.example.as_str())),
            served_by: answer.and_then(|answer| answer.header(&signs.served_by)),
            outcome: answer.and_then(|answer| signs.outcome.and_then(|read| read(answer))),
            is_cut: answer.is_some_and(|answer| answer.is_cut),
            journey,
        };
        self.workload.recorder.record(self.seat, &sample);
        if let Some((fault, particulars)) = sample.fault {
            self.keep_failing(stage, route, (fault, particulars), answer);
        }
        if let Some(file) = &self.workload.sample_file {
            file.take(self.workload.clock.elapsed(), self.seat, &sample);
        }
        self.requests += 1;
        let is_whole = !matches!(
            sample.fault,
            Some((
                Fault::CutOff | Fault::TimedOut | Fault::BodyTooLarge | Fault::Http2(_),
                _
            ))
        );
        // Users don't all look at the same ones of theirs, of which each may have only a few.
        let place = self.requests + self.seat as u64;
        let is_wanted = is_whole && place.is_multiple_of(timing::EVERY);
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
