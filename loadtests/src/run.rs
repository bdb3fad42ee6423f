//! One run, from the start of the system to the record: start → warm up and load →
//! follow up → drain → stop → judge.

mod assemble;
mod evidence;
mod system;

pub(crate) use system::topology;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use integration::error::StartError;
use jiff::Timestamp;

use crate::attack::{Attack, AttackError, End};
use crate::client::ExchangeError;
use crate::environment::Environment;
use crate::evidence::looks::Looker;
use crate::evidence::tenths::Tenths;
use crate::evidence::{Ceiling, FileLimit};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::record::Record;
use crate::samples::{LogError, write_logs};
use crate::timeline::Ticker;
use crate::verdict::Warning;
use crate::workload::Workload;
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
}

/// Why there is no record of a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system did not start.
    #[error("the system could not be started")]
    Start(#[from] StartError),
    /// Nobody answers where a system should be.
    #[error("nobody answers at {url}; start a system there, such as with `loadtests up`")]
    NobodyThere {
        /// Where.
        url: String,
        /// What happened when it was tried.
        #[source]
        source: ExchangeError,
    },
    /// The load broke off.
    #[error("the load broke off")]
    Attack(#[from] AttackError),
    /// The run's histograms could not be kept.
    #[error("the run's histograms could not be kept")]
    Histograms(#[from] LogError),
}

/// How long the run waits, after the load, for what is still under way.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `order`; logs, data and Goose's reports go to `folder`.
pub async fn run(order: Order, folder: &Path, progress: &Progress) -> Result<Record, RunError> {
    let environment = Environment::look();
    let mut warnings = environment.warnings();

    progress.say("finding out what the generator can do");
    let files = known(
        "The limit of open files",
        FileLimit::raise(order.plan.schedule().seats()),
        &mut warnings,
    );
    let ceiling = Ceiling::measure(&order.plan, order.seed).await;
    let ceiling = known("What the generator can do at most", ceiling, &mut warnings);

    progress.say(match order.target {
        Some(_) => "looking for the server",
        None => "starting the system",
    });
    let subject = Subject::prepare(&order, folder).await?;
    let workload = Arc::new(Workload::new(&order.plan, order.seed, &subject.url()));
    let before = subject.observe(&mut warnings).await;

    progress.note(&format!(
        "plan {} on {}, seed {}",
        order.plan.name,
        subject.url(),
        order.seed
    ));
    if let Some(port) = order.dashboard {
        progress.note(&format!("live dashboard: http://127.0.0.1:{port}"));
    }
    let attack = Arc::new(Attack::new(Arc::clone(&workload)).with_dashboard(order.dashboard));
    let display = tokio::spawn({
        let (progress, workload) = (progress.clone(), Arc::clone(&workload));
        let stages = order.plan.stages.clone();
        async move { progress.follow(workload, stages).await }
    });
    let looker = Looker::start(Arc::clone(&workload));
    let looker = known("What the generator is at", looker, &mut warnings);
    let tenths = Arc::new(Tenths::default());
    let ticker = Arc::new(Ticker::new(workload.schedule.length()));
    let collector = tokio::spawn({
        let (tenths, ticker) = (Arc::clone(&tenths), Arc::clone(&ticker));
        let (workload, stages) = (Arc::clone(&workload), order.plan.stages.clone());
        async move { tenths.follow(&workload, &stages, &ticker).await }
    });
    let started = Timestamp::now();
    let goose = folder.join("goose");
    let load = async {
        let end = attack.run(&goose).await;
        if !matches!(end, Ok(End::Finished)) {
            workload.clock.break_off();
        }
        end
    };
    let (end, measured, stages, cores) = tokio::join!(
        load,
        subject.observe_measured_stages(&order.plan, &workload),
        subject.watch_stages(&order.plan, &workload),
        subject.watch_cores(ticker.tick(), &workload)
    );
    display.abort();
    collector.abort();
    // What was over after the collector's last look.
    ticker.add(workload.clock.elapsed(), &workload.recorder.tick());
    let looks = looker.map(Looker::stop).unwrap_or_default();
    let ended = Timestamp::now();
    if end? == End::Interrupted {
        warnings.push(Warning::Interrupted);
    }

    progress.say("waiting for what is under way");
    let tasks = attack.follow_up(PATIENCE).await;
    subject.drain(PATIENCE, &mut warnings).await;
    let after = subject.observe(&mut warnings).await;
    if order.target.is_none() {
        progress.say("stopping the system");
    }
    let seen = assemble::Seen {
        samples: workload.samples(),
        whole: subject.counted_between(before, after),
        measured: subject.measured_between(measured, &mut warnings),
        tasks,
        stages,
        looks,
        tenths,
        timeline: ticker.timeline(&cores.looks, cores.events),
        flaws: workload.flaws.counts(),
        timing: workload
            .timings
            .sum_up(|stage| stage.is_some_and(|stage| !order.plan.stages[stage].warm_up)),
        ceiling,
        files,
        unasked: workload.unasked.load(Ordering::Relaxed),
    };
    subject.stop(folder, &mut warnings).await;
    let began = SystemTime::now() - workload.clock.elapsed();
    let stages = (&order.plan.stages[..], &workload.schedule);
    write_logs(&seen.samples, stages, began, folder)?;
    Ok(assemble::record(
        order,
        environment,
        warnings,
        (started, ended),
        &seen,
        folder,
    ))
}

/// What was found out; where it wasn't, a warning says so.
fn known<T>(what: &str, found: std::io::Result<T>, warnings: &mut Vec<Warning>) -> Option<T> {
    let unknown = |error: std::io::Error| Warning::OutOfSight {
        what: what.to_owned(),
        reason: error.to_string(),
    };
    found.map_err(|error| warnings.push(unknown(error))).ok()
}
