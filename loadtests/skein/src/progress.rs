//! What is seen while a run goes on: a bar on a terminal, a line now and then
//! elsewhere, nothing when that is asked for.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::tell;
use crate::plan::Stage;
use crate::report::figures::{count, micros};
use crate::samples::Tick;
use crate::workload::Workload;

/// Where a run tells how far it is. Everything goes to the standard error, by way of a
/// thread: a terminal that is paused, or a pipe that nobody empties, holds up that alone.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Nowhere.
    Silent,
    /// On a screen, as often as fits it.
    Shown {
        /// Whom to tell.
        screen: SyncSender<Show>,
        /// Time between two looks at the load.
        period: Duration,
    },
}

/// Something to be shown.
#[derive(Debug)]
pub enum Show {
    /// What is being done.
    Doing(String),
    /// Something that passes; only a line that changes has room for that.
    Passing(String),
    /// Something that stays.
    Staying(String),
    /// The time that the load lasts, in milliseconds.
    Length(u64),
    /// How far the load is.
    Load {
        /// The stage's name.
        stage: String,
        /// Milliseconds since it began.
        elapsed: u64,
        /// What there is to say of it.
        figures: String,
    },
    /// That there is no more; whoever asked is told when it has been shown.
    End(SyncSender<()>),
}

/// Most that waits to be shown; what comes then is left out.
const BACKLOG: usize = 256;
/// The time that the end waits for what isn't shown yet.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    /// What fits the standard error.
    pub fn new(quiet: bool) -> Self {
        if quiet {
            return Progress::Silent;
        }
        let (screen, period) = if Term::stderr().features().is_attended() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            (Screen::Bar(bar), Duration::from_millis(500))
        } else {
            (Screen::Lines, Duration::from_secs(5))
        };
        let (sender, shows) = sync_channel(BACKLOG);
        let thread = thread::Builder::new().name("screen".to_owned());
        match thread.spawn(move || shows.iter().for_each(|show| screen.show(show))) {
            Ok(_) => Progress::Shown {
                screen: sender,
                period,
            },
            Err(_) => Progress::Silent,
        }
    }

    /// Says what is being done, when that has no length.
    pub fn say(&self, what: &str) {
        self.pass_on(|| Show::Doing(what.to_owned()));
    }

    /// Shows something that passes.
    pub fn glimpse(&self, what: &str) {
        self.pass_on(|| Show::Passing(what.to_owned()));
    }

    /// Says something that stays.
    pub fn note(&self, what: &str) {
        self.pass_on(|| Show::Staying(what.to_owned()));
    }

    /// Takes away what isn't to stay, once all has been shown.
    pub fn finish(&self) {
        let (shown, all) = sync_channel(1);
        self.pass_on(|| Show::End(shown));
        // Whoever holds the screen up sees less.
        let _ = all.recv_timeout(PATIENCE);
    }

    fn pass_on(&self, show: impl FnOnce() -> Show) {
        if let Progress::Shown { screen, .. } = self {
            let _ = screen.try_send(show());
        }
    }

    /// Shows the load as it goes, until cancelled.
    pub async fn follow(&self, workload: Arc<Workload>, stages: Vec<Stage>) {
        let Progress::Shown { period, .. } = self else {
            return;
        };
        let length = workload.schedule.length().as_millis() as u64;
        self.pass_on(|| Show::Length(length));
        workload.clock.reaches(Duration::ZERO).await;
        let mut ticks = tokio::time::interval(*period);
        let mut since = Instant::now();
        let mut failed = 0;
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let tick = workload.pulse.take();
            failed += tick.failed;
            let rate = tick.times.len() as f64 / since.elapsed().as_secs_f64();
            since = Instant::now();
            self.pass_on(|| load(&workload, &stages, &tick, rate, failed));
        }
    }
}

fn load(workload: &Workload, stages: &[Stage], tick: &Tick, rate: f64, failed: u64) -> Show {
    let length = workload.schedule.length();
    let elapsed = workload.clock.elapsed().min(length);
    let stage = workload
        .stage_now()
        .map_or("ending", |stage| stages[stage].name.as_str());
    let times = &tick.times;
    let p99 = match times.is_empty() {
        true => "–".to_owned(),
        false => micros(times.value_at_quantile(0.99) as f64),
    };
    Show::Load {
        stage: stage.to_owned(),
        elapsed: elapsed.as_millis() as u64,
        figures: format!(
            "{:>3} s, {:>3} s left · {:>7} req/s · {} failed · p99 {p99}",
            elapsed.as_secs(),
            (length - elapsed).as_secs_f64().ceil(),
            count(rate.round() as u64),
            count(failed),
        ),
    }
}

/// What is written to.
enum Screen {
    /// Lines, for logs.
    Lines,
    /// One line that changes, on a terminal.
    Bar(ProgressBar),
}

impl Screen {
    fn show(&self, show: Show) {
        match self {
            Screen::Lines => line(show),
            Screen::Bar(bar) => on_bar(bar, show),
        }
    }
}

fn line(show: Show) {
    match show {
        Show::Doing(what) | Show::Staying(what) => tell(what),
        Show::Load { stage, figures, .. } => {
            tell(format_args!("{stage}: {}", figures.trim_start()));
        }
        Show::Passing(_) | Show::Length(_) => {}
        Show::End(shown) => {
            // Whoever asked may be gone.
            let _ = shown.send(());
        }
    }
}

fn on_bar(bar: &ProgressBar, show: Show) {
    match show {
        Show::Doing(what) => {
            bar.set_style(ProgressStyle::default_spinner());
            bar.set_message(what);
        }
        Show::Passing(what) => bar.set_message(what),
        Show::Staying(what) => bar.println(what),
        Show::Length(length) => {
            let style = "{msg:<14!} {bar:24.cyan/dim} {prefix}";
            bar.set_style(
                ProgressStyle::with_template(style)
                    .expect("the template is valid")
                    .progress_chars("━╸─"),
            );
            bar.set_length(length);
        }
        Show::Load {
            stage,
            elapsed,
            figures,
        } => {
            bar.set_message(stage);
            bar.set_position(elapsed);
            bar.set_prefix(figures);
        }
        Show::End(shown) => {
            bar.finish_and_clear();
            let _ = shown.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_that_is_held_up_holds_nobody_up() {
        // Nobody takes anything out of it.
        let (screen, _held_up) = sync_channel(1);
        let period = Duration::from_secs(1);
        let progress = Progress::Shown { screen, period };
        let began = Instant::now();
        for _ in 0..100 {
            progress.note("something");
        }
        progress.finish();
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
