//! One run, from the start of the system to the record: start → warm up and load →
//! follow up → drain → stop → judge.

mod assemble;
mod evidence;
mod follow;
pub(crate) mod seen;
mod stop_early;
pub(crate) mod system;
#[cfg(test)]
mod tests;

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use harness::error::StartError;
use jiff::Timestamp;

use crate::attack::{Attack, AttackError, End};
use crate::client::{self, ExchangeError, InvalidTarget, Shortage};
use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::events::{Event, Events, millis};
use crate::evidence::looks::Looker;
use crate::evidence::tenths::Tenths;
use crate::evidence::{Ceiling, FileLimit};
use crate::interruption::Interruption;
use crate::keeping::{Losses, Weight};
use crate::metrics::{self, Figures, PushError, Receiver};
use crate::observation::Observation;
use crate::plan::{NoSystem, Plan};
use crate::record::{EventRecord, Record};
use crate::samples::{Fault, SampleFile, write_logs};
use crate::story::once::{self, Captured, OnceFailed};
use crate::timeline::Ticker;
use crate::wall::{Beginning, WallClock};
use crate::workload::Workload;
pub(crate) use assemble::account;
use assemble::record_id;
use seen::Sights;
use system::Subject;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Order {
    /// The plan.
    pub plan: Plan,
    /// The seed of every random choice.
    pub seed: u64,
    /// A system that already runs, to be loaded in place of one that is started.
    pub target: Option<String>,
    /// The port of 127.0.0.1 for Goose's live dashboard, if it is wanted.
    pub dashboard: Option<u16>,
    /// The command that makes the same run again.
    pub command: String,
    /// The place where the load's figures are served, if that is wanted.
    pub(crate) metrics: Option<Arc<TcpListener>>,
    /// The server that the load's figures are sent to, if that is wanted.
    pub(crate) receiver: Option<Receiver>,
    /// The file that each sample is written to, if that is wanted.
    pub(crate) samples: Option<Arc<SampleFile>>,
    /// Where the time of day is read.
    pub wall: WallClock,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// Its record, which isn't kept yet.
    pub record: Record,
    /// What of it could not be kept.
    pub losses: Losses,
}

/// Why there is no record of a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system did not start.
    #[error("the system could not be started")]
    Start(#[from] StartError),
    /// There is neither a system to start nor a server to ask.
    #[error(transparent)]
    NoSystem(#[from] NoSystem),
    /// Nobody answers where a system should be.
    #[error("nobody answers at {url}; start a system there")]
    NobodyThere {
        /// Where.
        url: String,
        /// What happened when it was tried.
        #[source]
        source: ExchangeError,
    },
    /// Nothing can leave this machine for where a system should be.
    #[error("nothing could be sent to {url}: {}", shortage.remedy())]
    NearSide {
        /// Where.
        url: String,
        /// What this machine lacks.
        shortage: Shortage,
        /// What happened when it was tried.
        #[source]
        source: ExchangeError,
    },
    /// Somebody is there, and no TLS connection, or no version of HTTP, was agreed on.
    #[error("could not connect to {url}")]
    NotAgreed {
        /// Where.
        url: String,
        /// The problem, and what to do about it.
        #[source]
        source: ExchangeError,
    },
    /// The URL is no server's, or a file of certificates is none.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
    /// A set-up step failed.
    #[error(transparent)]
    SetUp(#[from] OnceFailed),
    /// The server of metrics takes no figures.
    #[error("figures can't be sent; mend that, or leave out --remote-write")]
    RemoteWrite(#[from] PushError),
    /// The load broke off.
    #[error("the load broke off")]
    Attack(#[from] AttackError),
}

/// How long the run waits, after the load, for what is still under way.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `order` until its plan is over or somebody interrupts it; logs, data and Goose's
/// reports go to `folder`.
pub async fn run(
    order: Order,
    folder: &Path,
    events: &Events,
    interruption: &Interruption,
) -> Result<Finished, RunError> {
    let finished = tokio::select! {
        // A signal is told before what it brings about.
        biased;
        never = follow::tell_of_signals(events, interruption) => match never {},
        finished = Box::pin(from_start_to_record(order, folder, events, interruption)) => finished?,
    };
    let record = &finished.record;
    for doubt in record.warnings.iter().cloned() {
        events.emit(Event::Doubted { doubt });
    }
    events.emit(record.judgement.clone().into());
    Ok(finished)
}

async fn from_start_to_record(
    order: Order,
    folder: &Path,
    events: &Events,
    interruption: &Interruption,
) -> Result<Finished, RunError> {
    let beginning = Beginning::now(order.wall);
    let environment = Environment::look();
    let mut warnings = environment.doubts();
    let mut losses = Losses::default();
    let prepared = tokio::select! {
        prepared = prepare(&order, folder, events, &mut warnings) => Some(prepared?),
        () = interruption.happens() => None,
    };
    let (seen, length) = match prepared {
        Some(ground) => {
            let ending = Ending {
                folder,
                events,
                interruption,
                losses: &mut losses,
                warnings: &mut warnings,
            };
            load(&order, &beginning, ground, ending).await?
        }
        None => {
            warnings.push(Doubt::Interrupted);
            let now = beginning.wall_at(Instant::now());
            (Sights::default(), (now, Duration::ZERO))
        }
    };
    let set = beginning.clock_set_by();
    warnings.extend(set.map(|seconds| Doubt::ClockSet { seconds }));
    let record = assemble::record(order, environment, warnings, length, &seen, folder);
    Ok(Finished { record, losses })
}

/// The system, and what it takes to load it.
struct Ground {
    subject: Subject,
    workload: Arc<Workload>,
    /// Values that set-up steps captured.
    captured: Captured,
    before: Option<Observation>,
    ceiling: Option<Ceiling>,
    files: Option<FileLimit>,
}

async fn prepare(
    order: &Order,
    folder: &Path,
    events: &Events,
    warnings: &mut Vec<Doubt>,
) -> Result<Ground, RunError> {
    events.emit(Event::Preparing);
    if let Some(receiver) = &order.receiver {
        receiver.check().await?;
    }
    let files = known(
        "The limit of open files",
        FileLimit::raise(connections(&order.plan), order.target.is_none()),
        warnings,
    );
    let is_encrypted = match &order.target {
        Some(url) => url.starts_with("https:"),
        None => order.plan.system()?.entry().speaks_https(),
    };
    let ceiling = Ceiling::measure(&order.plan, order.seed, is_encrypted).await;
    let ceiling = known("What the generator can do at most", ceiling, warnings);

    events.emit(match &order.target {
        Some(url) => Event::ServerSought { url: url.clone() },
        None => Event::SystemStarting,
    });
    let subject = Subject::prepare(order, folder).await?;
    let target = subject.target(&order.plan)?;
    let captured = once::set_up(&order.plan, order.seed, &subject.url()).await?;
    let workload = Workload::at(target, &order.plan, order.seed);
    let workload = workload.knowing(captured.clone());
    let workload = Arc::new(workload.writing_samples_to(order.samples.clone()));
    let before = subject.observe(&order.plan, warnings).await;
    Ok(Ground {
        subject,
        workload,
        captured,
        before,
        ceiling,
        files,
    })
}

/// The most connections that users have at the same time.
fn connections(plan: &Plan) -> usize {
    let users = plan.seating(&plan.schedule()).len();
    users.div_ceil(plan.connection.users.max(1))
}

/// Where a run writes, whom it tells, and who may end it.
struct Ending<'a> {
    folder: &'a Path,
    events: &'a Events,
    interruption: &'a Interruption,
    losses: &'a mut Losses,
    warnings: &'a mut Vec<Doubt>,
}

/// Loads the system and stops it. Gives what was seen, and when the load began and how long
/// it lasted.
async fn load(
    order: &Order,
    beginning: &Beginning,
    ground: Ground,
    ending: Ending<'_>,
) -> Result<(Sights, (Timestamp, Duration)), RunError> {
    let Ground {
        subject,
        workload,
        captured,
        before,
        ceiling,
        files,
    } = ground;
    let Ending {
        folder,
        events,
        interruption,
        losses,
        warnings,
    } = ending;
    events.emit(Event::LoadBegan {
        plan: order.plan.name.clone(),
        url: subject.url(),
        seed: order.seed,
        length_ms: millis(workload.schedule.length()),
    });
    if let Some(port) = order.dashboard {
        let url = format!("http://127.0.0.1:{port}");
        events.emit(Event::DashboardServed { url });
    }
    let figures = Figures::of(&workload, &record_id(folder));
    let served = order.metrics.as_ref().map(|listener| {
        tell_of_metrics(listener, events);
        metrics::serve(listener.try_clone(), figures.clone())
    });
    let served = served.map(tokio::spawn);
    let sending = order.receiver.as_ref().map(|receiver| {
        let url = receiver.place();
        events.emit(Event::RemoteWriteBegan { url });
        receiver.start(figures, *beginning)
    });
    let attack = Arc::new(Attack::new(Arc::clone(&workload)).with_dashboard(order.dashboard));
    let told = tokio::spawn({
        let (events, workload) = (events.clone(), Arc::clone(&workload));
        let stages = order.plan.stages.clone();
        async move { follow::follow(&events, &workload, &stages).await }
    });
    let looker = Looker::start(Arc::clone(&workload));
    let looker = known("What the generator is at", looker, warnings);
    let tenths = Arc::new(Tenths::default());
    let ticker = Arc::new(Ticker::new(workload.schedule.length()));
    let collector = tokio::spawn({
        let (tenths, ticker) = (Arc::clone(&tenths), Arc::clone(&ticker));
        let (workload, stages) = (Arc::clone(&workload), order.plan.stages.clone());
        async move { tenths.follow(&workload, &stages, &ticker).await }
    });
    let stopped_early = Arc::new(OnceLock::new());
    let stopper = order.plan.stop_early.then(|| {
        let (plan, seed, workload) = (order.plan.clone(), order.seed, Arc::clone(&workload));
        let (events, stopped) = (events.clone(), Arc::clone(&stopped_early));
        tokio::spawn(async move {
            stop_early::watch(&plan, seed, &workload, &events, &stopped).await;
        })
    });
    let goose = folder.join("goose");
    let began = Instant::now();
    let load = async {
        let end = attack.run(&goose, interruption, losses).await;
        if !matches!(end, Ok(End::Finished)) {
            workload.clock.break_off();
        }
        end
    };
    let (end, measured, stages, cores) = tokio::join!(
        load,
        subject.observe_measured_stages(&order.plan, &workload, before.as_ref()),
        subject.watch_stages(&order.plan, &workload),
        subject.watch_cores(ticker.tick(), &workload, events)
    );
    let began = workload.clock.started().unwrap_or(began);
    let lasted = began.elapsed();
    told.abort();
    collector.abort();
    stopper.inspect(|stopper| stopper.abort());
    // What was over after the collector's last look.
    ticker.add(workload.clock.elapsed(), &workload.recorder.tick());
    let looks = looker.map(Looker::stop).unwrap_or_default();
    let reached = match end? {
        End::Finished => {
            let length = workload.schedule.length();
            workload
                .clock
                .finished()
                .map_or(length, |early| early.min(length))
        }
        End::Interrupted => workload.clock.stopped().unwrap_or_default(),
    };

    events.emit(Event::Draining);
    let deadline = Instant::now() + PATIENCE;
    let under_way = async {
        attack.follow_up(deadline).await;
        subject.drain(&order.plan, deadline, warnings).await;
        warnings.extend(misunderstanding(&workload).await);
    };
    tokio::select! {
        () = under_way => {}
        () = interruption.happens() => {}
    }
    let after = tokio::select! {
        after = subject.observe(&order.plan, warnings) => after,
        () = interruption.cuts_short() => None,
    };
    served.inspect(|served| served.abort());
    if let Some(sending) = sending {
        tokio::select! {
            sent = sending.end() => losses.add(sent),
            () = interruption.cuts_short() => {}
        }
    }
    // From here on, all is measured.
    let url = subject.url();
    let cleaned = tokio::select! {
        cleaned = once::clean_up(&order.plan, &captured, order.seed, &url) => cleaned,
        () = interruption.happens() => Ok(()),
    };
    if let Err(failed) = cleaned {
        let reason = failed.to_string();
        warnings.push(Doubt::NotCleanedUp { reason });
    }
    if interruption.happened() {
        warnings.push(Doubt::Interrupted);
    }
    let stopped_early = stopped_early.get().cloned();
    if let Some(left) = workload.turns_left().filter(|_| stopped_early.is_none()) {
        warnings.push(Doubt::TurnsLeft { left });
    }
    let broken_off = workload.in_flight.broken_off();
    if broken_off > 0 {
        let requests = broken_off;
        warnings.push(Doubt::BrokenOff { requests });
    }
    if order.target.is_none() {
        events.emit(Event::Stopping);
    }
    let seen = Sights {
        samples: workload.samples(),
        broken_off,
        whole: subject.counted_between(before, after),
        measured: subject.measured_between(measured, warnings),
        shared: workload.shared.clone(),
        stages,
        looks,
        tenths,
        timeline: ticker.timeline(&cores.looks, happened(&cores.events)),
        timing: workload.timings.sum_up(|stage| order.plan.is_judged(stage)),
        ceiling,
        files,
        reached,
        stopped_early,
        unasked: workload.unasked.load(Ordering::Relaxed),
    };
    subject.tell_of_exits(&cores.events, &workload, events);
    subject.stop(folder, interruption, warnings).await;
    let logs = write_logs(
        &seen.samples,
        (&order.plan.stages[..], &workload.schedule),
        beginning.wall_at(began).into(),
        folder,
    );
    losses.note(Weight::Original, logs);
    losses.note(Weight::Original, workload.failing.write(folder));
    Ok((seen, (beginning.wall_at(began), lasted)))
}

fn tell_of_metrics(listener: &TcpListener, events: &Events) {
    if let Ok(address) = listener.local_addr() {
        let url = format!("http://{address}/metrics");
        events.emit(Event::MetricsServed { url });
    }
}

/// Events of nodes while the load went on, as the timeline has it.
fn happened(events: &[Event]) -> Vec<EventRecord> {
    events.iter().filter_map(EventRecord::of).collect()
}

/// Why a server hung up on every request without a word, if it is because it speaks TLS.
async fn misunderstanding(workload: &Workload) -> Option<Doubt> {
    let samples = workload.samples();
    let total = samples.total(|_| true);
    let hung_up = samples.faults(|fault| matches!(fault, Fault::Closed | Fault::NoAnswer));
    let only_that = hung_up > 0 && total.failed() == total.count() && total.statuses.is_empty();
    (only_that && client::speaks_tls(&workload.target).await).then(|| Doubt::SpeaksTls {
        url: workload.target.as_str().to_owned(),
    })
}

/// What was found out; where it wasn't, a warning says so.
fn known<T>(what: &str, found: std::io::Result<T>, warnings: &mut Vec<Doubt>) -> Option<T> {
    let unknown = |error: std::io::Error| Doubt::OutOfSight {
        what: what.to_owned(),
        reason: error.to_string(),
    };
    found.map_err(|error| warnings.push(unknown(error))).ok()
}
