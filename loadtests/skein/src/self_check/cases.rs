//! What is checked: each case is a run like any other, on the known server.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::{Helper, Launcher};
use hdrhistogram::Histogram;

use super::known::Known;
use super::metronome::Metronome;
use super::server::{self, Answered, Fate};
use super::{Figure, Row};
use crate::arrivals::Spacing;
use crate::client;
use crate::events::Events;
use crate::interruption::Interruption;
use crate::plan::{InvalidPlan, Plan, PlanOf};
use crate::program::application::Application;
use crate::record::{Record, StageRecord, Times};
use crate::run::{Order, RunError};
use crate::samples::Fault;
use crate::threshold::{Judged, State};
use crate::wall::WallClock;

/// One behaviour of the server, under one kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Every answer takes the same time.
    Constant,
    /// Nine answers are fast and the tenth is slow.
    TwoModes,
    /// Headers come at once, and the body trickles.
    Trickling,
    /// A request that is easily changed on its way, and an answer with many fields.
    AsWritten,
    /// Arrivals of a Poisson process.
    Poisson,
    /// One user, with answers that take too long for the rate.
    Unsent,
    /// Some answers are wrong, and some requests get none.
    Faulty,
    /// The server stands still in the middle of open load, for so long.
    OpenFreeze(Freeze),
    /// The same in closed load.
    ClosedFreeze(Freeze),
    /// Users who think for far longer than the run lasts, which ends all the same.
    Thinkers,
    /// Every answer takes the same time, over TLS.
    Https,
    /// The body trickles, in HTTP/2 over TLS.
    Http2,
}

/// How long the server stands still, and how long the stage around that is, in
/// milliseconds and seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    millis: u64,
    stage_seconds: u64,
}

/// A case could not be run.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The known server can't be started, paused or resumed.
    #[error("the known server can't be had")]
    Server(#[source] io::Error),
    /// The known server doesn't tell what it did.
    #[error("the known server's account can't be read")]
    Account(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The plan of a case is no plan.
    #[error(transparent)]
    Plan(#[from] InvalidPlan),
    /// The run broke off.
    #[error("the run on the known server broke off")]
    Run(#[source] Box<RunError>),
    /// A signal came before the last case was over.
    #[error("the check was interrupted; what was checked until then is above")]
    Interrupted,
    /// There is nothing to compare.
    #[error("the run reported no requests")]
    Nothing,
}

/// Arrivals per second of all open cases.
const RATE: u64 = 1000;
/// A machine that wakes threads later than this, in microseconds, can't tell 0.3 ms.
const BUSY_MICROS: u64 = 300;
/// Of all wakings, the share that may be later. An answer needs about four, and a p99
/// rests on one answer in a hundred.
const LATE_SHARE: f64 = 0.001;
const SEED: u64 = 7;
/// The users of encrypted cases.
const FEW: u64 = 4;

impl Case {
    /// The cases of `loadtests self-check`, done in less than a minute.
    pub const ALL: [Case; 12] = Case::with(Freeze {
        millis: 1000,
        stage_seconds: 10,
    });

    /// The same with a shorter freeze, for tests.
    pub const QUICK: [Case; 12] = Case::with(Freeze {
        millis: 400,
        stage_seconds: 4,
    });

    const fn with(freeze: Freeze) -> [Case; 12] {
        [
            Case::Constant,
            Case::TwoModes,
            Case::Trickling,
            Case::AsWritten,
            Case::Poisson,
            Case::Unsent,
            Case::Faulty,
            Case::OpenFreeze(freeze),
            Case::ClosedFreeze(freeze),
            Case::Thinkers,
            Case::Https,
            Case::Http2,
        ]
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Case::Constant => "5 ms each",
            Case::TwoModes => "2 ms, every tenth 20 ms",
            Case::Trickling => "body trickles for 50 ms",
            Case::AsWritten => "sent as written",
            Case::Poisson => "Poisson arrivals",
            Case::Unsent => "too slow for the rate",
            Case::Faulty => "wrong answers, and none",
            Case::OpenFreeze(_) => "freeze, open load",
            Case::ClosedFreeze(_) => "freeze, closed load",
            Case::Thinkers => "users who only think",
            Case::Https => "5 ms each, HTTPS",
            Case::Http2 => "body trickles, HTTP/2",
        }
    }

    /// The request, as a part of a plan.
    fn request(self) -> String {
        let path = match self {
            Case::AsWritten => return as_written(),
            Case::Constant | Case::Https => server::AFTER_A_WHILE,
            Case::TwoModes => server::TWO_MODES,
            Case::Trickling | Case::Unsent | Case::Http2 => server::TRICKLING,
            Case::Faulty => server::FAULTY,
            Case::Poisson | Case::OpenFreeze(_) | Case::ClosedFreeze(_) | Case::Thinkers => {
                server::AT_ONCE
            }
        };
        format!("[[request]]\npath = \"{path}\"")
    }

    /// The plan, whose warm-up lasts a second.
    fn plan(self) -> Result<Plan, InvalidPlan> {
        let seconds = match self {
            Case::OpenFreeze(freeze) | Case::ClosedFreeze(freeze) => freeze.stage_seconds,
            _ => 2,
        };
        let load = match self {
            // Enough users for every arrival of a freeze would start as many threads.
            Case::OpenFreeze(_) => format!("rate = \"{RATE}/s\"\nusers = 64"),
            Case::ClosedFreeze(_) | Case::Thinkers => "users = 32".to_owned(),
            Case::Poisson => format!("rate = \"{RATE}/s\"\nusers = 64\narrivals = \"poisson\""),
            // A twentieth of the rate comes back in time.
            Case::Unsent => format!("rate = \"{}/s\"\nusers = 1", RATE / 10),
            // One at a time, so that the server's order is that of the requests.
            Case::Faulty => "users = 1".to_owned(),
            // Few, so that handshakes don't wait for each other.
            Case::Https | Case::Http2 => format!("rate = \"{}/s\"\nusers = {FEW}", RATE / 20),
            // A tenth of the rate, for answers that take their time.
            _ => format!("rate = \"{}/s\"\nusers = 32", RATE / 10),
        };
        let request = self.request();
        let think_time = match self {
            Case::Thinkers => "1m",
            _ => "30ms",
        };
        let connection = match self {
            Case::Https => "[connection]\ninsecure = true",
            Case::Http2 => "[connection]\ninsecure = true\nhttp = \"2\"",
            _ => "",
        };
        let source = format!(
            r#"name = "self-check"
thresholds = ["error-rate<=0%"]
{request}
{connection}
[behaviour]
think_time = "{think_time}"
[[stage]]
name = "warm-up"
duration = "1s"
warm_up = true
{load}
[[stage]]
name = "steady"
duration = "{seconds}s"
{load}
"#
        );
        Plan::parse(
            "self-check.toml",
            &source,
            PlanOf::program(&Arc::new(Application::new("self-check".to_owned()))),
        )
    }

    /// Runs the case, with what it writes in `folder`.
    pub(super) async fn run(
        self,
        folder: &Path,
        interruption: &Interruption,
    ) -> Result<Vec<Row>, CheckError> {
        let helper = Helper::start(&Launcher::this_program()).map_err(CheckError::Server)?;
        let (url, over_tls) = helper.first_line().split_once(' ').unwrap_or_default();
        let (url, over_tls) = (url.to_owned(), over_tls.to_owned());
        let folder = folder.join(self.name().replace([' ', ','], "-"));
        std::fs::create_dir_all(&folder).map_err(CheckError::Server)?;
        let plan = self.plan()?;
        let order = Order {
            metrics: None,
            receiver: None,
            plan: plan.clone(),
            seed: SEED,
            target: Some(match self {
                Case::Https | Case::Http2 => over_tls,
                _ => url.clone(),
            }),
            dashboard: None,
            command: "self-check".to_owned(),
            samples: None,
            wall: WallClock::SYSTEM,
        };
        let nobody = Events::silent();
        let run = crate::run::run(order, &folder, &nobody, interruption);
        let run = Box::pin(async {
            let finished = run.await;
            finished.map_err(|error| CheckError::Run(Box::new(error)))
        });
        let metronome = Metronome::start();
        let (finished, _helper, frozen) = match self {
            Case::OpenFreeze(freeze) | Case::ClosedFreeze(freeze) => {
                // A run that breaks off leaves nobody to freeze.
                let (finished, frozen) = tokio::try_join!(run, freeze.inflict(helper, &url))?;
                (finished, frozen.0, frozen.1)
            }
            _ => (run.await?, helper, Duration::ZERO),
        };
        let beats = metronome.stop();
        let record = finished.record;
        let mut figures = self.figures(&plan, &record, &account(&url).await?, frozen)?;
        if matches!(self, Case::Https | Case::Http2) {
            figures.extend(connections(&record, &book(&url, server::HANDSHAKES).await?));
        }
        let doubt = doubt(&beats);
        let judge = |figure: Figure| figure.judge(self.name(), doubt.as_deref());
        Ok(figures.into_iter().map(judge).collect())
    }

    /// What should be reported, and what is.
    fn figures(
        self,
        plan: &Plan,
        record: &Record,
        account: &[Answered],
        frozen: Duration,
    ) -> Result<Vec<Figure>, CheckError> {
        if self == Case::Thinkers {
            return Ok(vec![end(plan, record)]);
        }
        let stage = record.stages.last().ok_or(CheckError::Nothing)?;
        let requests = &stage.requests;
        let response = requests.times.as_ref().ok_or(CheckError::Nothing)?;
        let service = requests.service_times.as_ref().unwrap_or(response);
        let of_stage = &account[account.len().saturating_sub(requests.count as usize)..];
        let known = Known::service_times(of_stage);
        Ok(match self {
            Case::Constant | Case::Trickling => {
                vec![
                    Figure::quantile("service p50", &known, 0.5, service.p50),
                    Figure::quantile("service p99", &known, 0.99, service.p99),
                    Figure::quantile("response p50", &known, 0.5, response.p50),
                ]
            }
            Case::Https | Case::Http2 => {
                let overall = record.overall.as_ref();
                let first_byte = overall.and_then(|overall| overall.first_byte.as_ref());
                let first_byte = first_byte.unwrap_or(response);
                // A body that trickles has a head that doesn't.
                let head = match self {
                    Case::Http2 => Figure::time("first byte p50", 0.0, first_byte.p50),
                    _ => Figure::quantile("first byte p50", &known, 0.5, first_byte.p50),
                };
                vec![
                    head,
                    Figure::quantile("service p50", &known, 0.5, service.p50),
                    Figure::quantile("response p50", &known, 0.5, response.p50),
                    Figure::count("requests that came", account.len() as u64, all_of(record)),
                ]
            }
            Case::TwoModes => vec![
                Figure::quantile("service p50", &known, 0.5, service.p50),
                Figure::quantile("service p95", &known, 0.95, service.p95),
            ],
            Case::AsWritten => vec![
                Figure::count(
                    "requests as written",
                    requests.count,
                    requests.count - requests.failed,
                ),
                Figure::count("requests that came", account.len() as u64, all_of(record)),
            ],
            Case::Poisson => poisson(plan, record),
            Case::Unsent => unsent(record, account),
            Case::Faulty => faulty(record, of_stage),
            Case::OpenFreeze(_) => open_freeze(account, stage, response),
            Case::ClosedFreeze(_) => {
                let frozen = frozen.as_micros() as f64;
                vec![
                    // Each user waits once, and nobody asks meanwhile.
                    Figure::quantile("response p95", &known, 0.5, response.p95),
                    Figure::time("response max", frozen, response.max),
                ]
            }
            Case::Thinkers => Vec::new(),
        })
    }
}

/// A request whose every part is easily changed: [`server::AS_WRITTEN_REQUEST`].
fn as_written() -> String {
    let (path, contains) = (server::AS_WRITTEN, server::IT_IS);
    format!(
        r#"[[request]]
method = "POST"
path = "{path}{{item}}?q={{item}}"
headers = [["X-Twice", "1"], ["x-twice", "{{item}}"], ["Content-Type", "application/json"]]
body = '{{"a": "{{item}}", "b": {{item:raw}}, "c": "{{{{item}}}}", "d": {{}}}}'
contains = "{contains}"
[values.item]
list = ['a "b"']"#
    )
}

/// Every request that is in a record, of the warm-up too.
fn all_of(record: &Record) -> u64 {
    record.stages.iter().map(|stage| stage.requests.count).sum()
}

/// Why a figure that is off may be the machine's doing and not the instrument's.
fn doubt(beats: &Histogram<u64>) -> Option<String> {
    let late = beats.len() - beats.count_between(0, BUSY_MICROS);
    let share = late as f64 / beats.len().max(1) as f64;
    (share > LATE_SHARE).then(|| {
        format!(
            "the machine is too busy: {:.1} % of a metronome's beats came over 0.3 ms late",
            share * 100.0
        )
    })
}

/// The seed plans the same arrivals again, and all of them were sent.
fn poisson(plan: &Plan, record: &Record) -> Vec<Figure> {
    let schedule = plan.schedule();
    let stages = record.stages.iter().enumerate();
    let figures = stages.filter_map(|(index, stage)| {
        let load = schedule.loads()[index].open?;
        let again = load.curve.arrivals(Spacing::Poisson, SEED, index as u64);
        let sent = stage.open.as_ref()?.sent;
        let name = match stage.warm_up {
            true => "arrivals sent, warm-up",
            false => "arrivals sent",
        };
        Some(Figure::count(name, again.count() as u64, sent))
    });
    figures.collect()
}

/// A run is over within a second of its schedule.
fn end(plan: &Plan, record: &Record) -> Figure {
    const A_SECOND: f64 = 1e6;
    let planned = plan.schedule().length().as_micros() as f64;
    let lasted = record.duration().as_micros() as u64;
    Figure {
        range: (planned, planned + A_SECOND),
        ..Figure::time("load is over after", planned, lasted)
    }
}

/// What came up and was not sent, in all open stages, and of it the part in judged ones
/// that the built-in rule finds too much.
fn unsent(record: &Record, account: &[Answered]) -> Vec<Figure> {
    let open = || record.stages.iter().filter_map(|stage| stage.open.as_ref());
    let planned: u64 = open().map(|open| open.planned).sum();
    let unsent = open().map(|open| open.unsent).sum();
    let is_unsent_rule = |judged: &&Judged| judged.rule.starts_with("unsent");
    let failed = |judged: &&Judged| judged.state == State::Failed;
    let rules = record.thresholds.iter().filter(is_unsent_rule);
    vec![
        Figure::count(
            "turns never sent",
            planned.saturating_sub(account.len() as u64),
            unsent,
        ),
        Figure::count("rules that say so", 1, rules.filter(failed).count() as u64),
    ]
}

/// Failures of the judged stage by their kind, from those of the last requests that the
/// server saw.
fn faulty(record: &Record, of_stage: &[Answered]) -> Vec<Figure> {
    let known = |fate| of_stage.iter().filter(|a| a.fate == fate).count() as u64;
    let failed_so = |fault: Fault| -> u64 {
        let reason = fault.to_string();
        let ways = record.failures.iter().filter(|way| way.reason == reason);
        ways.filter_map(|way| way.judged).sum()
    };
    let (expected, got) = (200, 500);
    let failed = record
        .routes
        .iter()
        .map(|route| route.requests.failed)
        .sum();
    vec![
        Figure::count("failed", known(Fate::Wrong) + known(Fate::HungUp), failed),
        Figure::count(
            "with status 500",
            known(Fate::Wrong),
            failed_so(Fault::Status { expected, got }),
        ),
        Figure::count(
            "connection closed",
            known(Fate::HungUp),
            failed_so(Fault::Closed),
        ),
    ]
}

/// The handshakes of users, from those that the server has seen: all but the first, which is that
/// of the look whether somebody is there.
fn connections(record: &Record, handshakes: &[Answered]) -> Vec<Figure> {
    let handshakes = handshakes.get(1..).unwrap_or_default();
    let connections = record.connections.as_ref();
    let times = connections.and_then(|connections| connections.handshake.as_ref());
    let full = connections.map_or(0, |connections| connections.full_handshakes);
    let known = Known::service_times(handshakes);
    vec![
        Figure::count("handshakes", known.len() as u64, full),
        Figure::quantile(
            "handshake p50",
            &known,
            0.5,
            times.map_or(0, |times| times.p50),
        ),
    ]
}

fn open_freeze(account: &[Answered], stage: &StageRecord, response: &Times) -> Vec<Figure> {
    let planned = stage.open.as_ref().map_or(0, |open| open.planned);
    let warm_up = account.len().saturating_sub(planned as usize);
    let known = Known::response_times(account, 1_000_000_000 / RATE, warm_up);
    vec![
        Figure::count("requests", known.len() as u64, stage.requests.count),
        Figure::quantile("response p90", &known, 0.9, response.p90),
        Figure::quantile("response p95", &known, 0.95, response.p95),
        Figure::quantile("response p99", &known, 0.99, response.p99),
        Figure::quantile("response max", &known, 1.0, response.max),
    ]
}

impl Freeze {
    /// Stops the server in the middle of the stage, and tells for how long it stood.
    async fn inflict(
        self,
        mut helper: Helper,
        url: &str,
    ) -> Result<(Helper, Duration), CheckError> {
        // Looking into the account isn't entered there.
        while account(url).await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let warm_up = Duration::from_secs(1);
        let half = Duration::from_secs(self.stage_seconds) / 2;
        tokio::time::sleep(warm_up + half - Duration::from_millis(self.millis) / 2).await;
        let frozen = tokio::task::spawn_blocking(move || {
            let begin = Instant::now();
            helper.pause()?;
            std::thread::sleep(Duration::from_millis(self.millis));
            helper.resume()?;
            Ok((helper, begin.elapsed()))
        });
        let frozen = frozen.await.expect("a pause doesn't panic");
        frozen.map_err(CheckError::Server)
    }
}

/// What the server has answered so far.
async fn account(url: &str) -> Result<Vec<Answered>, CheckError> {
    book(url, server::ACCOUNT).await
}

/// The entries of one of the server's books so far.
async fn book(url: &str, path: &str) -> Result<Vec<Answered>, CheckError> {
    let answer = client::get(&format!("{url}{path}")).await;
    let answer = answer.map_err(|error| CheckError::Account(error.into()))?;
    serde_json::from_slice(answer.body()).map_err(|error| CheckError::Account(error.into()))
}
