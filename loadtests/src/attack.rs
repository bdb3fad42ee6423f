//! Drives Goose: one Goose user for every simulated user, one Goose scenario for
//! every kind of them. This is the only file that knows Goose's types.
//!
//! Goose runs the users, counts along and writes its own report. What it can't do
//! is done around it:
//!
//! - Its times end at the first byte, so requests are sent and timed by
//!   [`Visitor`] and handed to Goose afterwards.
//! - It knows no arrivals: its users wait for those that [`pacer`] releases.
//! - Its test plan changes stages up to half a second late, each on top of the
//!   other. So Goose keeps all users running, and those who aren't on duty by the
//!   plan's own schedule wait.
//! - Its thresholds judge the run with its warm-up, so
//!   [`threshold`](crate::threshold) judges instead, and Goose is given none.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario as GooseScenario, Transaction, TransactionResult};
use goose::{GooseAttack, GooseError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::client::REQUEST_TIMEOUT;
use crate::pacer;
use crate::scenarios::{self, Scenario};
use crate::visitor::{SubmittedTasks, Visitor};
use crate::workload::Workload;

/// How often a user who isn't on duty looks at the schedule.
const OFF_DUTY_PAUSE: Duration = Duration::from_millis(20);

/// Why the load could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum AttackError {
    /// Goose refused its configuration, or could not write its reports.
    #[error("Goose gave up")]
    Goose(#[from] GooseError),
    /// The folder for Goose's reports can't be made.
    #[error("could not make the folder for Goose's reports")]
    Folder(#[source] std::io::Error),
    /// The thread that releases arrivals can't be had.
    #[error("could not start the pacer's thread")]
    Thread(#[source] std::io::Error),
    /// SIGTERM can't be listened for.
    #[error("could not listen for SIGTERM")]
    Signal(#[source] std::io::Error),
}

/// The load, from its first user to the end of what the last one left unfinished.
#[derive(Debug)]
pub struct Attack {
    workload: Arc<Workload>,
    /// Everybody, by seat.
    visitors: Vec<SharedVisitor>,
    /// Those whom no Goose user plays yet, by scenario.
    free: Mutex<HashMap<Scenario, VecDeque<SharedVisitor>>>,
    dashboard: Option<u16>,
}

type SharedVisitor = Arc<tokio::sync::Mutex<Visitor>>;

/// How the load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The schedule was over.
    Finished,
    /// Ctrl-C or SIGTERM came before.
    Interrupted,
}

impl Attack {
    /// An attack with `workload`.
    pub fn new(workload: Arc<Workload>) -> Self {
        let mut visitors = Vec::new();
        let mut free: HashMap<Scenario, VecDeque<SharedVisitor>> = HashMap::new();
        for (seat, scenario) in workload.roster.iter().enumerate() {
            let visitor = Visitor::new(seat, Arc::clone(&workload));
            let visitor = Arc::new(tokio::sync::Mutex::new(visitor));
            visitors.push(Arc::clone(&visitor));
            free.entry(*scenario).or_default().push_back(visitor);
        }
        Attack {
            workload,
            visitors,
            free: Mutex::new(free),
            dashboard: None,
        }
    }

    /// With Goose's live dashboard on a port of 127.0.0.1, to look at and not to steer.
    pub fn with_dashboard(mut self, port: Option<u16>) -> Self {
        self.dashboard = port;
        self
    }

    /// Runs the load; Goose's reports go to `folder`.
    pub async fn run(self: &Arc<Self>, folder: &Path) -> Result<End, AttackError> {
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(AttackError::Folder)?;
        let configuration = GooseConfiguration::parse_args_default(&self.arguments(folder))?;
        // Goose's own client sends nothing here, so that one for all users is enough: to
        // make each one its own takes a while.
        let unused = GooseClientBuilder::new().without_cookies();
        let mut goose = GooseAttack::initialize_with_config(configuration)?
            .set_client_builder_without_cookies(unused)?;
        for scenario in Scenario::ALL {
            let users = self.workload.roster.iter().filter(|s| **s == scenario);
            match users.count() {
                0 => {}
                users => goose = goose.register_scenario(self.goose_scenario(scenario, users)?),
            }
        }
        self.connect_first_users().await;
        let pacing = Pacing::start(&self.workload).map_err(AttackError::Thread)?;
        let watch = tokio::spawn(watch_for_the_end(Arc::clone(&self.workload))?);
        let outcome = Box::pin(goose.execute()).await;
        watch.abort();
        drop(pacing);
        outcome?;
        Ok(if goose::is_killswitch_triggered() {
            End::Interrupted
        } else {
            End::Finished
        })
    }

    /// Follows up what users left unfinished, for at most `patience`, and tells what
    /// became of their tasks.
    pub async fn follow_up(&self, patience: Duration) -> SubmittedTasks {
        let deadline = std::time::Instant::now() + patience;
        // All at once: one who waits long must not use up the others' time.
        let follow_up = |visitor: SharedVisitor| async move {
            let mut visitor = visitor.lock().await;
            scenarios::follow_up(&mut visitor, deadline).await;
            visitor.tasks.clone()
        };
        let each: JoinSet<_> = self.visitors.iter().cloned().map(follow_up).collect();
        let mut tasks = SubmittedTasks::default();
        for of_one in each.join_all().await {
            tasks.accepted += of_one.accepted;
            tasks.done += of_one.done;
            tasks.dead += of_one.dead;
            tasks.gone += of_one.gone;
            tasks.open.extend(of_one.open);
            tasks.lives.extend(of_one.lives);
        }
        tasks
    }

    /// Connects those who are on duty from the first moment, before the clock starts: of
    /// what the plan asks for then, nothing is late for want of a connection. Who comes
    /// later connects with the first request, whose time it is part of.
    async fn connect_first_users(&self) {
        let first = self.workload.schedule.users_at(Duration::ZERO);
        let connect = |visitor: SharedVisitor| async move { visitor.lock().await.connect().await };
        let each: JoinSet<_> = self.visitors[..first]
            .iter()
            .cloned()
            .map(connect)
            .collect();
        each.join_all().await;
    }

    /// Goose's command line. Its controllers stay off, for nobody else is to steer the run.
    fn arguments(&self, folder: &Path) -> Vec<String> {
        let users = self.workload.roster.len();
        // Goose counts in whole seconds; nobody is on duty in what that is more.
        let seconds = self.workload.schedule.length().as_secs_f64().ceil() as u64;
        let report = |name| folder.join(name).display().to_string();
        let mut arguments = vec![
            format!("--host={}", self.workload.target.as_str()),
            // All users within a millisecond, for as long as the schedule, then none.
            format!("--users={users}"),
            format!("--increase-rate={}", users * 1000),
            format!("--run-time={seconds}"),
            format!("--timeout={}", REQUEST_TIMEOUT.as_secs()),
            format!("--report-file={}", report("report.html")),
            format!("--report-file={}", report("report.json")),
            "--notes=Warm-up stages are part of these figures.".to_owned(),
        ];
        if let Some(port) = self.dashboard {
            arguments.extend([
                "--dashboard".to_owned(),
                "--dashboard-host=127.0.0.1".to_owned(),
                format!("--dashboard-port={port}"),
                // Else what the dashboard saves would go to the working directory.
                format!("--output-dir={}", report("dashboard")),
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
        scenario: Scenario,
        users: usize,
    ) -> Result<GooseScenario, GooseError> {
        let attack = Arc::clone(self);
        let turn = Transaction::new(Arc::new(move |user| {
            let attack = Arc::clone(&attack);
            Box::pin(async move { attack.take_turn(user, scenario).await })
        }));
        GooseScenario::new(scenario.name())
            .register_transaction(turn.set_name("turn"))
            .set_weight(users)
    }

    async fn take_turn(&self, user: &mut GooseUser, scenario: Scenario) -> TransactionResult {
        self.workload.clock.start();
        let Some(visitor) = self.visitor_of(user, scenario) else {
            tokio::time::sleep(OFF_DUTY_PAUSE).await;
            return Ok(());
        };
        let mut visitor = visitor.lock().await;
        if !self.workload.is_on_duty(visitor.seat) {
            tokio::time::sleep(OFF_DUTY_PAUSE).await;
            return Ok(());
        }
        let open = self.workload.open_stage_now();
        if let Some(stage) = open {
            let Some(arrival) = self.workload.arrivals.next(stage).await else {
                // Where the stage is over, the next turn finds another; else the load is.
                if self.workload.open_stage_now() == open {
                    tokio::time::sleep(OFF_DUTY_PAUSE).await;
                }
                return Ok(());
            };
            visitor.begin_turn(arrival);
        }
        scenario.take_turn(&mut visitor).await;
        for request in visitor.take_finished() {
            let error = request.fault.map(|fault| fault.to_string());
            user.record_custom_request_duration(
                request.route.method,
                request.route.path,
                request.time,
                error.is_none(),
                request.status,
                error.as_deref(),
            )
            .await?;
        }
        // In open load, arrivals set the pace.
        if open.is_none() {
            visitor.think().await;
        }
        Ok(())
    }

    /// The visitor that a Goose user plays: the first time, it takes a free one.
    fn visitor_of(&self, user: &mut GooseUser, scenario: Scenario) -> Option<SharedVisitor> {
        if let Some(visitor) = user.get_session_data::<SharedVisitor>() {
            return Some(Arc::clone(visitor));
        }
        let visitor = lock(&self.free).get_mut(&scenario)?.pop_front()?;
        user.set_session_data(Arc::clone(&visitor));
        Some(visitor)
    }
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

/// Ends the load on SIGTERM, which a supervisor sends; on Ctrl-C, Goose does by
/// itself. Either way, users who wait for arrivals are sent away.
fn watch_for_the_end(
    workload: Arc<Workload>,
) -> Result<impl Future<Output = ()> + use<>, AttackError> {
    /// How long users may take to notice Ctrl-C.
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let mut terminate = signal(SignalKind::terminate()).map_err(AttackError::Signal)?;
    Ok(async move {
        while !goose::is_killswitch_triggered() {
            if let Ok(Some(())) = tokio::time::timeout(LOOK_EVERY, terminate.recv()).await {
                goose::trigger_killswitch("SIGTERM received");
            }
        }
        workload.arrivals.close();
    })
}

/// The lists are whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
