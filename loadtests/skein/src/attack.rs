//! Drives Goose: one Goose user for every simulated user, one Goose scenario for
//! every kind of them. This is the only file that knows Goose's types.
//!
//! Goose runs the users, counts along and writes its own report. What it can't do
//! is done around it:
//!
//! - Its times end at the first byte, so requests are sent and timed by
//!   [`User`] and handed to Goose afterwards.
//! - It knows no arrivals: its users wait for those that [`pacer`] releases.
//! - Its test plan changes stages up to half a second late, each on top of the
//!   other. So Goose keeps all users running, and those who aren't on duty by the
//!   plan's own schedule wait.
//! - Its thresholds judge the run with its warm-up, so
//!   [`threshold`](crate::threshold) judges instead, and Goose is given none.
//! - It waits for users however long they rest, and leaves on a second Ctrl-C. So users are
//!   woken here when the load is over, and signals are [`interruption`](crate::interruption)'s.
//! - It makes a client for HTTPS, which looks for certificates of authorities and fails
//!   without any. Nobody sends anything with it, so it is told to trust everybody.
//! - It fails when it can't write its report, on which nothing rests. That is noted, and the
//!   load goes on.

mod report_folder;
mod turn;

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario as GooseScenario, Transaction, TransactionResult};
use goose::{GooseAttack, GooseError};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::client::REQUEST_TIMEOUT;
use crate::interruption::{Interruption, LAST_ANSWERS};
use crate::keeping::{Losses, Weight};
use crate::pacer;
use crate::scenario::{ScenarioIndex, Seat};
use crate::user::User;
use crate::workload::Workload;
use report_folder::{HTML, JSON, ReportFolder};
use turn::{Turn, unless_broken_off};

/// How often a user who isn't on duty looks at the schedule.
const OFF_DUTY_PAUSE: Duration = Duration::from_millis(20);

/// Users who connect at the same time, before the load: a server's queue of connections that it
/// hasn't accepted yet is mostly this long or longer, and who finds it full tries again after a
/// second.
const AT_ONCE: usize = 128;

/// Why the load could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum AttackError {
    /// Goose refused its configuration, or stopped before the schedule was over.
    #[error("Goose gave up")]
    Goose(#[from] GooseError),
    /// The thread that releases arrivals can't be had.
    #[error("could not start the pacer's thread")]
    Thread(#[source] std::io::Error),
}

/// The load, from its first user to the end of what the last one left unfinished.
#[derive(Debug)]
pub struct Attack {
    workload: Arc<Workload>,
    /// Everybody, by seat.
    seats: Vec<SharedSeat>,
    /// Those whom no Goose user plays yet, by scenario.
    free: Mutex<HashMap<ScenarioIndex, VecDeque<SharedSeat>>>,
    /// What the users' turns hang on: dropped, it breaks them off.
    lines: Mutex<Vec<oneshot::Sender<Infallible>>>,
    dashboard: Option<u16>,
}

/// One simulated user, and what tells that nobody waits for their turn any longer. It is
/// each user's own, since one that they share would have them wait for each other.
#[derive(Debug)]
struct HeldSeat {
    seat: Seat,
    line: oneshot::Receiver<Infallible>,
}

type SharedSeat = Arc<tokio::sync::Mutex<HeldSeat>>;

/// How the load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The schedule was over.
    Finished,
    /// A signal came before.
    Interrupted,
}

/// The time that a dropped Goose is given for its users to notice.
const PARTING: Duration = Duration::from_secs(1);

impl Attack {
    /// An attack with `workload`.
    pub fn new(workload: Arc<Workload>) -> Self {
        let (mut seats, mut lines) = (Vec::new(), Vec::new());
        let mut free: HashMap<ScenarioIndex, VecDeque<SharedSeat>> = HashMap::new();
        for (seat, seating) in workload.seats.iter().enumerate() {
            let seat = Seat::new(User::new(seat, Arc::clone(&workload)));
            let (sender, line) = oneshot::channel();
            lines.push(sender);
            let seat = Arc::new(tokio::sync::Mutex::new(HeldSeat { seat, line }));
            seats.push(Arc::clone(&seat));
            free.entry(seating.scenario).or_default().push_back(seat);
        }
        Attack {
            workload,
            seats,
            free: Mutex::new(free),
            lines: Mutex::new(lines),
            dashboard: None,
        }
    }

    /// With Goose's live dashboard on a port of 127.0.0.1, to look at and not to steer.
    pub fn with_dashboard(mut self, port: Option<u16>) -> Self {
        self.dashboard = port;
        self
    }

    /// Runs the load until its schedule is over or somebody interrupts it. Goose's report
    /// goes to `folder`, or is noted as lost.
    pub async fn run(
        self: &Arc<Self>,
        folder: &Path,
        interruption: &Interruption,
        losses: &mut Losses,
    ) -> Result<End, AttackError> {
        let report = ReportFolder::make(folder);
        let report = losses.note(Weight::Derived, report);
        let arguments = self.arguments(report.as_ref());
        let configuration = GooseConfiguration::parse_args_default(&arguments)?;
        // Goose's own client sends nothing here, so that one for all users is enough: to
        // make each one its own takes a while.
        let unused = GooseClientBuilder::new()
            .without_cookies()
            .accept_invalid_certs(true);
        let mut goose = GooseAttack::initialize_with_config(configuration)?
            .set_client_builder_without_cookies(unused)?;
        for scenario in 0..self.workload.scenarios.len() {
            let seats = self.workload.seats.iter();
            let users = seats.filter(|seat| seat.scenario == scenario);
            match users.count() {
                0 => {}
                users => goose = goose.register_scenario(self.goose_scenario(scenario, users)?),
            }
        }
        tokio::select! {
            () = self.connect_first_users() => {}
            () = interruption.happens() => return Ok(End::Interrupted),
        }
        let pacing = Pacing::start(&self.workload).map_err(AttackError::Thread)?;
        let outcome = tokio::select! {
            outcome = Box::pin(goose.execute()) => Some(outcome),
            never = self.see_to_the_end(interruption) => match never {},
            // Goose had its time.
            () = interruption.cuts_short() => None,
        };
        drop(pacing);
        self.workload.clock.stop();
        match outcome {
            Some(Ok(_)) => {
                let kept = report.map_or(Ok(()), ReportFolder::keep);
                losses.note(Weight::Derived, kept);
            }
            // Its report comes last, and nothing else can fail when the load is over.
            Some(Err(error)) if self.is_schedule_over() || interruption.happened() => {
                losses.note(Weight::Derived, Err::<(), _>(unwritten(error)));
            }
            Some(Err(error)) => return Err(error.into()),
            None => self.part().await,
        }
        Ok(if self.is_schedule_over() {
            End::Finished
        } else {
            End::Interrupted
        })
    }

    /// True when the load was stopped by its schedule, and not before.
    fn is_schedule_over(&self) -> bool {
        let clock = &self.workload.clock;
        clock.finished().is_some() || clock.stopped() >= Some(self.workload.schedule.length())
    }

    /// Has users leave when the schedule is over or somebody interrupts, and breaks their
    /// turns off when an interruption has lasted. Goes on for as long as Goose does.
    async fn see_to_the_end(&self, interruption: &Interruption) -> Infallible {
        let length = self.workload.schedule.length();
        let reason = tokio::select! {
            () = self.workload.clock.reaches(length) => "the plan's schedule is over",
            () = interruption.happens() => {
                // Else the pacer does it, stage by stage.
                self.workload.arrivals.close();
                interruption.by().unwrap_or_default()
            }
        };
        self.workload.clock.stop();
        // Goose ends by itself in whole seconds, unless a dashboard is looked at.
        let is_in_time = self.workload.clock.finished().is_none();
        let ends_itself = length.subsec_nanos() == 0 && self.dashboard.is_none();
        if is_in_time && ends_itself && !interruption.happened() {
            tokio::select! {
                () = tokio::time::sleep(GOOSE_NOTICES) => {}
                () = interruption.happens() => {}
            }
        }
        tokio::select! {
            never = tell_goose(reason) => never,
            () = interruption.lasts(LAST_ANSWERS) => {
                lock(&self.lines).clear();
                tell_goose(reason).await
            }
        }
    }

    /// Breaks all turns off and waits until their users have noticed, so that nothing is
    /// recorded any more.
    async fn part(&self) {
        lock(&self.lines).clear();
        let everybody = async {
            for seat in &self.seats {
                drop(seat.lock().await);
            }
        };
        // Who doesn't notice has nothing under way that could end.
        let _ = tokio::time::timeout(PARTING, everybody).await;
    }

    /// Follows up what users left unfinished, until `deadline`.
    pub async fn follow_up(&self, deadline: Instant) {
        // All at once: one who waits long must not use up the others' time.
        let follow_up = |seat: SharedSeat| async move {
            seat.lock().await.seat.follow_up(deadline).await;
        };
        let each: JoinSet<_> = self.seats.iter().cloned().map(follow_up).collect();
        each.join_all().await;
    }

    /// Connects those who are on duty from the first moment, before the clock starts: of
    /// what the plan asks for then, nothing is late for want of a connection. Who comes
    /// later connects with the first request, whose time it is part of.
    async fn connect_first_users(&self) {
        let schedule = &self.workload.schedule;
        let seats = self.seats.iter().zip(&self.workload.seats);
        let first = seats.filter(|(_, seat)| schedule.load_at(Duration::ZERO, seat).is_some());
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let connect = |seat: SharedSeat| {
            let at_once = Arc::clone(&at_once);
            async move {
                let _one = at_once.acquire().await;
                seat.lock().await.seat.user.connect().await;
            }
        };
        let each: JoinSet<_> = first.map(|(seat, _)| connect(Arc::clone(seat))).collect();
        each.join_all().await;
    }

    /// Goose's command line. Its controllers stay off, for nobody else is to steer the run.
    fn arguments(&self, report: Option<&ReportFolder>) -> Vec<String> {
        let users = self.workload.seats.len();
        // Goose knows whole seconds; where that is too long, it is told when to end. So it is
        // with a dashboard: left to itself, it would stay for as long as somebody looks at it.
        let spare = if self.dashboard.is_some() { 2.0 } else { 0.0 };
        let seconds = self.workload.schedule.length().as_secs_f64().ceil() + spare;
        let mut arguments = vec![
            format!("--host={}", self.workload.target.as_str()),
            // All users within a millisecond, for as long as the schedule, then none.
            format!("--users={users}"),
            format!("--increase-rate={}", users * 1000),
            format!("--run-time={seconds}"),
            format!("--timeout={}", REQUEST_TIMEOUT.as_secs()),
            "--notes=Warm-up stages are part of these figures.".to_owned(),
        ];
        if let Some(report) = report {
            let report = |name| report.file(name);
            arguments.extend([
                format!("--report-file={}", report(HTML)),
                format!("--report-file={}", report(JSON)),
            ]);
            if self.dashboard.is_some() {
                // Else what it saves would go to the working directory.
                arguments.push(format!("--output-dir={}", report("dashboard")));
            }
        }
        if let Some(port) = self.dashboard {
            arguments.extend([
                "--dashboard".to_owned(),
                "--dashboard-host=127.0.0.1".to_owned(),
                format!("--dashboard-port={port}"),
            ]);
        }
        arguments.extend(
            [
                "--quiet",
                "--no-print-metrics",
                "--no-telnet",
                // A turn's time has the user's thinking in it.
                "--no-transaction-metrics",
                "--no-scenario-metrics",
            ]
            .map(str::to_owned),
        );
        arguments
    }

    fn goose_scenario(
        self: &Arc<Self>,
        scenario: ScenarioIndex,
        users: usize,
    ) -> Result<GooseScenario, GooseError> {
        let attack = Arc::clone(self);
        let turn = Transaction::new(Arc::new(move |user| {
            let attack = Arc::clone(&attack);
            Box::pin(async move { attack.take_turn(user, scenario).await })
        }));
        GooseScenario::new(self.workload.scenarios[scenario].name)
            .register_transaction(turn.set_name("turn"))
            .set_weight(users)
    }

    async fn take_turn(&self, user: &mut GooseUser, scenario: ScenarioIndex) -> TransactionResult {
        self.workload.clock.start();
        let Some(seat) = self.seat_of(user, scenario) else {
            tokio::time::sleep(OFF_DUTY_PAUSE).await;
            return Ok(());
        };
        let mut seat = seat.lock().await;
        let HeldSeat { seat, line } = &mut *seat;
        let now = self.workload.load_now(seat.user.seat());
        let Some(load) = now else {
            self.rest_until_needed(seat.user.seat()).await;
            return Ok(());
        };
        let is_open = self.workload.is_open(load);
        if is_open {
            let Some(arrival) = self.workload.arrivals.next(load).await else {
                // Where the load is over, the next turn finds another; else all of it is.
                if self.workload.load_now(seat.user.seat()) == now {
                    tokio::time::sleep(OFF_DUTY_PAUSE).await;
                }
                return Ok(());
            };
            seat.user.begin_turn(arrival);
        }
        let stage = self.workload.stage_now();
        if !self.workload.may_begin_turn(stage) {
            tokio::time::sleep(OFF_DUTY_PAUSE).await;
            return Ok(());
        }
        if unless_broken_off(line, seat.take_turn(scenario)).await == Turn::BrokenOff {
            return Ok(());
        }
        self.workload.end_turn(stage);
        for request in seat.user.take_finished() {
            let error = request.fault.map(|fault| fault.to_string());
            user.record_custom_request_duration(
                request.route.method,
                &harmless(request.route.path),
                request.time,
                error.is_none(),
                request.status,
                error.as_deref(),
            )
            .await?;
        }
        // In open load, arrivals set the pace.
        if !is_open {
            seat.user.think().await;
        }
        Ok(())
    }

    /// Has a user wait until the plan needs it, or the load is over: thousands who only looked
    /// at the schedule again and again would keep the generator busy.
    async fn rest_until_needed(&self, seat: usize) {
        let clock = &self.workload.clock;
        let needed = async {
            match self.workload.back_at(seat) {
                Some(moment) => clock.reaches(moment).await,
                None => clock.is_over().await,
            }
        };
        tokio::select! {
            () = needed => {}
            () = clock.is_over() => {}
        }
        // What is told a little early is looked at again in a moment; once all is over, Goose
        // takes its time to notice.
        let pause = match clock.stopped() {
            None => Duration::from_millis(1),
            Some(_) => OFF_DUTY_PAUSE,
        };
        tokio::time::sleep(pause).await;
    }

    /// The seat that a Goose user plays: the first time, it takes a free one.
    fn seat_of(&self, user: &mut GooseUser, scenario: ScenarioIndex) -> Option<SharedSeat> {
        if let Some(seat) = user.get_session_data::<SharedSeat>() {
            return Some(Arc::clone(seat));
        }
        let seat = lock(&self.free).get_mut(&scenario)?.pop_front()?;
        user.set_session_data(Arc::clone(&seat));
        Some(seat)
    }
}

/// Why Goose could not write its report.
fn unwritten(error: GooseError) -> anyhow::Error {
    let why = match error {
        // Its text says no more than that something was wrong.
        GooseError::InvalidOption { detail, .. } => anyhow::Error::msg(detail),
        other => other.into(),
    };
    why.context("could not write Goose's report")
}

/// The time that Goose takes to notice by itself that its time is over.
const GOOSE_NOTICES: Duration = Duration::from_millis(1500);

/// Tells Goose to stop for as long as it lives, for it forgets that when it begins.
async fn tell_goose(reason: &str) -> Infallible {
    const AGAIN: Duration = Duration::from_millis(50);
    loop {
        goose::trigger_killswitch(reason);
        tokio::time::sleep(AGAIN).await;
    }
}

/// A path as it is named to Goose, whose HTML report shows it as it is, in tables and in
/// scripts: what could be markup there is percent-encoded, as it is when it is sent.
fn harmless(path: &str) -> Cow<'_, str> {
    const MARKUP: &AsciiSet = &CONTROLS.add(b'<').add(b'>').add(b'"').add(b'\'').add(b'`');
    utf8_percent_encode(path, MARKUP).into()
}

/// The pacer's thread, which ends with the load.
struct Pacing {
    stop: Arc<AtomicBool>,
    pacer: Option<JoinHandle<()>>,
}

impl Pacing {
    fn start(workload: &Arc<Workload>) -> std::io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let pacer = Some(pacer::start(Arc::clone(workload), Arc::clone(&stop))?);
        Ok(Pacing { stop, pacer })
    }
}

impl Drop for Pacing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(pacer) = self.pacer.take() {
            // A panic has been printed; what is missing then shows in the figures.
            let _ = pacer.join();
        }
    }
}

/// The lists are whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_named_to_goose_without_markup() {
        assert_eq!(harmless("/data/{key}?a=b&c"), "/data/{key}?a=b&c");
        assert_eq!(
            harmless("/<script>alert('1')</script>"),
            "/%3Cscript%3Ealert(%271%27)%3C/script%3E"
        );
    }

    proptest! {
        #[test]
        fn no_path_is_markup(path in any::<String>()) {
            let named = harmless(&path);
            prop_assert!(!named.contains(['<', '>', '"', '\'', '`', '\n', '\x1b']));
        }
    }
}
