//! What all users of a run share: where to send, what to do when, and where to
//! record it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

use crate::client::{AnswerLimits, Client, Target};
use crate::in_flight::InFlight;
use crate::pacer::ArrivalQueue;
use crate::plain::Repertoire;
use crate::plan::{LoadIndex, Plan, Requests, Schedule, Seating};
use crate::program::TypeMap;
use crate::samples::{FailingAnswers, Pulse, Recorder, SampleFile, Samples, StageIndex};
use crate::scenario::ScenarioKind;
use crate::secrets::Secrets;
use crate::story::Stories;
use crate::story::once::Captured;
use crate::supply::Supply;
use crate::timing::Timings;

/// What all users of a run share.
#[derive(Debug)]
pub struct Workload {
    /// Where the system takes requests.
    pub target: Target,
    /// The seed of every random choice.
    pub seed: u64,
    /// What sets this run apart from any other, also from one with the same seed;
    /// visible ASCII characters.
    pub run: String,
    /// The plan that is carried out.
    pub plan: Plan,
    /// Values that users share, by their type.
    pub shared: TypeMap,
    /// Bounds of answers.
    pub answers: AnswerLimits,
    /// The plain requests that users send, in a plan of plain requests.
    pub(crate) repertoire: Option<Repertoire>,
    /// The scenarios that the plan tells, if it does.
    pub(crate) stories: Stories,
    /// The supply of values for users' placeholders.
    pub(crate) supply: Supply,
    /// Checks that have a name, by how often they held and didn't, in judged stages.
    pub(crate) checks: Vec<[AtomicU64; 2]>,
    /// Turns of the stage that ends with a number of them.
    pub(crate) turns_begun: AtomicU64,
    pub(crate) turns_over: AtomicU64,
    /// The scenarios: the program's, or that of plain requests alone.
    pub(crate) scenarios: Vec<ScenarioKind>,
    /// The scenario and the loads of each user, by seat.
    pub seats: Vec<Seating>,
    /// The seed of each user's random numbers, by seat.
    pub(crate) seeds: Box<[u64]>,
    /// When who is at work.
    pub schedule: Schedule,
    /// How much of the schedule is over.
    pub clock: Clock,
    /// Where turns of open load come from.
    pub arrivals: ArrivalQueue,
    /// How many requests are under way.
    pub in_flight: InFlight,
    /// Where samples go.
    pub recorder: Recorder,
    /// What was recorded lately.
    pub pulse: Pulse,
    /// Where the time of sampled requests went.
    pub timings: Timings,
    /// Values that nobody may see.
    pub(crate) secrets: Secrets,
    /// The first answers that failed in each way.
    pub(crate) failing: FailingAnswers,
    /// The file that each sample is written to, if that was asked for.
    pub(crate) sample_file: Option<Arc<SampleFile>>,
    /// Connections that were given up for bytes that belong to no answer.
    pub unasked: AtomicU64,
}

impl Workload {
    /// The workload of `plan` for the system at `url`, which must be a [`Target`]'s.
    pub fn new(plan: &Plan, seed: u64, url: &str) -> Self {
        let target = Target::new(url, &plan.connection);
        let target = target.expect("a target's URL was read as one before");
        Workload::at(target, plan, seed)
    }

    /// The workload of `plan` for the system at `target`.
    pub fn at(target: Target, plan: &Plan, seed: u64) -> Self {
        let schedule = plan.schedule();
        let seats = plan.seating(&schedule);
        let nothing = Requests::default();
        let requests = plan.requests.as_ref().unwrap_or(&nothing);
        Workload {
            seed,
            run: format!("{:016x}", rand::random::<u64>()),
            shared: plan.application.shared(plan),
            answers: plan.answers,
            scenarios: plan.scenarios.clone(),
            seeds: seeds(seed).take(seats.len()).collect(),
            seats,
            repertoire: plan
                .requests
                .as_ref()
                .and_then(|requests| Repertoire::new(requests, &target)),
            stories: Stories::new(requests, &target),
            supply: Supply::new(requests),
            secrets: Secrets::of(requests.secrets()),
            turns_begun: AtomicU64::new(0),
            turns_over: AtomicU64::new(0),
            checks: requests.checks.iter().map(|_| Default::default()).collect(),
            timings: Timings::new(plan.hops()),
            plan: plan.clone(),
            target,
            clock: Clock::default(),
            arrivals: ArrivalQueue::default(),
            in_flight: InFlight::default(),
            recorder: Recorder::new(),
            pulse: Pulse::default(),
            failing: FailingAnswers::default(),
            sample_file: None,
            unasked: AtomicU64::new(0),
            schedule,
        }
    }

    /// The same for users who know what set-up steps captured.
    pub(crate) fn knowing(mut self, captured: Captured) -> Self {
        self.supply.add(captured);
        self
    }

    /// The same with each sample written to a file.
    pub(crate) fn writing_samples_to(mut self, file: Option<Arc<SampleFile>>) -> Self {
        self.sample_file = file;
        self
    }

    /// The random numbers of the user on `seat`: the same whenever the seed is. Each
    /// seat's seed is drawn from the run's, so that runs with neighbouring seeds have
    /// no user in common.
    pub fn rng(&self, seat: usize) -> Xoshiro256PlusPlus {
        let own = self.seeds.get(seat).copied();
        // Whoever takes turns of all scenarios may have more seats than the plan.
        let own = own.or_else(|| seeds(self.seed).nth(seat));
        Xoshiro256PlusPlus::seed_from_u64(own.expect("draws never end"))
    }

    /// Counts whether a check with a name held of the answer to a request of this stage.
    pub(crate) fn count_check(&self, check: usize, stage: StageIndex, held: bool) {
        if self.plan.is_judged(stage) {
            self.checks[check][usize::from(held)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of times that each check with a name failed, and that it held.
    fn checks_so_far(&self) -> BTreeMap<String, [u64; 2]> {
        let names = self
            .plan
            .requests
            .iter()
            .flat_map(|requests| &requests.checks);
        let counts = self.checks.iter();
        let counts = counts.map(|of| [0, 1].map(|held: usize| of[held].load(Ordering::Relaxed)));
        names.cloned().zip(counts).collect()
    }

    /// The text without values that nobody may see.
    pub(crate) fn without_secrets(&self, text: String) -> String {
        self.secrets.hidden_in(text)
    }

    /// A client for the user on `seat`, who may share its connection with others.
    pub fn client(&self, seat: usize) -> Client {
        Client::on(&self.target, seat, self.answers)
    }

    /// Everything that was seen so far. Keeps users waiting for a moment; for when the
    /// load is over.
    pub fn samples(&self) -> Samples {
        let mut samples = self.recorder.snapshot();
        for (load, planned) in self.arrivals.planned() {
            samples.arrivals.entry(load).or_default().planned = planned;
        }
        samples.checks = self.checks_so_far();
        samples
    }

    /// The stage that it is now; `None` after the last.
    pub fn stage_now(&self) -> StageIndex {
        match self.clock.finished() {
            Some(_) => None,
            None => self.schedule.stage_at(self.clock.elapsed()),
        }
    }

    /// True when a user may begin another turn of this stage, of which there may be a number.
    pub(crate) fn may_begin_turn(&self, stage: StageIndex) -> bool {
        let limit = stage.and_then(|stage| self.plan.stages[stage].turns);
        limit.is_none_or(|limit| self.turns_begun.fetch_add(1, Ordering::Relaxed) < limit)
    }

    /// Counts a turn of this stage that is over; with the last of its number, the load is.
    pub(crate) fn end_turn(&self, stage: StageIndex) {
        if let Some(limit) = stage.and_then(|stage| self.plan.stages[stage].turns)
            && self.turns_over.fetch_add(1, Ordering::Relaxed) + 1 == limit
        {
            self.clock.finish();
        }
    }

    /// The turns of a stage with a number of them that weren't over with its time.
    pub(crate) fn turns_left(&self) -> Option<u64> {
        let limit = self.plan.stages.last().and_then(|stage| stage.turns)?;
        let over = self.turns_over.load(Ordering::Relaxed);
        Some(limit.saturating_sub(over)).filter(|left| *left > 0)
    }

    /// The load in which the user on `seat` is at work now, if it is.
    pub fn load_now(&self, seat: usize) -> Option<LoadIndex> {
        match (self.clock.stopped(), self.clock.finished()) {
            (None, None) => {
                let elapsed = self.clock.elapsed();
                self.schedule.load_at(elapsed, &self.seats[seat])
            }
            _ => None,
        }
    }

    /// The moment, since the load began, from which the user on `seat` is at work again, if it
    /// ever is.
    pub fn back_at(&self, seat: usize) -> Option<Duration> {
        let elapsed = self.clock.elapsed();
        self.schedule.back_at(elapsed, &self.seats[seat])
    }

    /// True for a load whose turns begin when they should.
    pub fn is_open(&self, load: LoadIndex) -> bool {
        self.schedule.loads()[load].open.is_some()
    }
}

/// The seeds of users, by seat.
fn seeds(seed: u64) -> impl Iterator<Item = u64> {
    Xoshiro256PlusPlus::seed_from_u64(seed).random_iter()
}

/// Tells how much of the schedule is over. It starts with the first user.
#[derive(Debug, Default)]
pub struct Clock {
    start: OnceLock<Instant>,
    /// For those who wait for the start; the others only look.
    is_started: watch::Sender<bool>,
    broken_off: watch::Sender<bool>,
    /// For those who rest, and after them for those who only look.
    over: watch::Sender<bool>,
    stopped: OnceLock<Duration>,
    /// For those who wait for a time that needn't come any more.
    is_finished: watch::Sender<bool>,
    finished: OnceLock<Duration>,
}

impl Clock {
    /// Starts the clock, unless it goes already.
    pub fn start(&self) {
        if self.start.get().is_none() {
            self.start.get_or_init(Instant::now);
            self.is_started.send_replace(true);
        }
    }

    /// When the clock was started, if it was.
    pub fn started(&self) -> Option<Instant> {
        self.start.get().copied()
    }

    /// How long ago the clock was started; zero before.
    pub fn elapsed(&self) -> Duration {
        self.start.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Wakes everybody who rests: nothing is to begin any more, be it that the schedule
    /// is over or that somebody stops the load before.
    pub fn stop(&self) {
        self.stopped.get_or_init(|| self.elapsed());
        self.over.send_replace(true);
    }

    /// How much of the schedule was over when nothing was to begin any more, if it is so.
    pub fn stopped(&self) -> Option<Duration> {
        self.stopped.get().copied()
    }

    /// Ends the schedule before its time, since all that was asked for is done.
    pub fn finish(&self) {
        self.finished.get_or_init(|| self.elapsed());
        self.is_finished.send_replace(true);
    }

    /// The part of the schedule that was over when all was done, if that was before its end.
    pub fn finished(&self) -> Option<Duration> {
        self.finished.get().copied()
    }

    /// Waits until nothing is to begin any more.
    pub async fn is_over(&self) {
        // The sender lives as long as this borrow, so that waiting can't fail.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Tells whoever waits for a time that it won't come, since the load broke off.
    pub fn break_off(&self) {
        self.broken_off.send_replace(true);
    }

    /// Waits until the load breaks off; for ever, if it doesn't.
    pub async fn broken_off(&self) {
        // The sender lives as long as this borrow, so that waiting can't fail.
        let _ = self.broken_off.subscribe().wait_for(|over| *over).await;
    }

    /// Waits until the clock shows `elapsed`, or the schedule is over before its time.
    pub async fn reaches(&self, elapsed: Duration) {
        let mut is_started = self.is_started.subscribe();
        // The sender lives as long as this borrow, so that waiting can't fail.
        let _ = is_started.wait_for(|started| *started).await;
        let mut is_finished = self.is_finished.subscribe();
        if let Some(start) = self.started() {
            tokio::select! {
                () = tokio::time::sleep_until((start + elapsed).into()) => {}
                _ = is_finished.wait_for(|finished| *finished) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::testing;
    use crate::user::User;

    #[test]
    fn a_seed_gives_each_user_the_same_choices_again_and_no_two_the_same() {
        let plan = testing::plan("smoke");
        let choices = |seed, seat| {
            let mut rng = Workload::new(&plan, seed, "http://localhost").rng(seat);
            [(); 8].map(|()| rng.random::<u32>())
        };
        assert_eq!(choices(1, 0), choices(1, 0));
        assert_ne!(choices(1, 0), choices(1, 1));
        for seat in 0..4 {
            assert_ne!(choices(1, 0), choices(2, seat));
        }
    }

    #[tokio::test]
    async fn who_rests_is_woken_when_the_load_is_over_and_begins_nothing_more() {
        let plan = testing::plan("smoke");
        let workload = Arc::new(Workload::new(&plan, 1, "http://localhost"));
        let user = User::new(0, Arc::clone(&workload));
        workload.clock.start();
        assert!(user.rest(Duration::from_millis(1)).await);
        let long = tokio::spawn(async move { user.rest(Duration::from_secs(600)).await });
        workload.clock.stop();
        assert!(!long.await.expect("no panic"));
        assert_eq!(workload.load_now(0), None);
        assert!(workload.clock.stopped() <= Some(workload.clock.elapsed()));
    }
}
