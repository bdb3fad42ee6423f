//! What is seen while a run goes on: a bar on a terminal, a line now and then
//! elsewhere, nothing when that is asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressStyle};

use crate::plan::Stage;
use crate::report::figures::{count, micros};
use crate::samples::Tick;
use crate::workload::Workload;

/// Where a run tells how far it is. Everything goes to the standard error.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Nowhere.
    Silent,
    /// Lines, for logs.
    Lines,
    /// One line that changes, on a terminal.
    Bar(ProgressBar),
}

impl Progress {
    /// What fits the standard error.
    pub fn new(quiet: bool) -> Self {
        if quiet {
            return Progress::Silent;
        }
        if !Term::stderr().features().is_attended() {
            return Progress::Lines;
        }
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress::Bar(bar)
    }

    /// Says what is being done, when that has no length.
    pub fn say(&self, what: &str) {
        match self {
            Progress::Silent => {}
            Progress::Lines => eprintln!("{what}"),
            Progress::Bar(bar) => {
                bar.set_style(ProgressStyle::default_spinner());
                bar.set_message(what.to_owned());
            }
        }
    }

    /// Shows something that passes; only a line that changes has room for that.
    pub fn glimpse(&self, what: &str) {
        if let Progress::Bar(bar) = self {
            bar.set_message(what.to_owned());
        }
    }

    /// Says something that stays.
    pub fn note(&self, what: &str) {
        match self {
            Progress::Silent => {}
            Progress::Lines => eprintln!("{what}"),
            Progress::Bar(bar) => bar.println(what),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }

    /// Shows the load as it goes, until cancelled.
    pub async fn follow(&self, workload: Arc<Workload>, stages: Vec<Stage>) {
        let period = match self {
            Progress::Silent => return,
            Progress::Lines => Duration::from_secs(5),
            Progress::Bar(_) => Duration::from_millis(500),
        };
        self.measure_out(&workload);
        workload.clock.reaches(Duration::ZERO).await;
        let mut ticks = tokio::time::interval(period);
        let mut since = Instant::now();
        let mut failed = 0;
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let tick = workload.pulse.take();
            failed += tick.failed;
            let rate = tick.times.len() as f64 / since.elapsed().as_secs_f64();
            since = Instant::now();
            self.show(&workload, &stages, &tick, rate, failed);
        }
    }

    fn measure_out(&self, workload: &Workload) {
        if let Progress::Bar(bar) = self {
            let style = "{msg:<14!} {bar:24.cyan/dim} {prefix}";
            bar.set_style(
                ProgressStyle::with_template(style)
                    .expect("the template is valid")
                    .progress_chars("━╸─"),
            );
            bar.set_length(workload.schedule.length().as_millis() as u64);
        }
    }

    fn show(&self, workload: &Workload, stages: &[Stage], tick: &Tick, rate: f64, failed: u64) {
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
        let figures = format!(
            "{:>3} s, {:>3} s left · {:>7} req/s · {} failed · p99 {p99}",
            elapsed.as_secs(),
            (length - elapsed).as_secs_f64().ceil(),
            count(rate.round() as u64),
            count(failed),
        );
        match self {
            Progress::Silent => {}
            Progress::Lines => eprintln!("{stage}: {}", figures.trim_start()),
            Progress::Bar(bar) => {
                bar.set_message(stage.to_owned());
                bar.set_position(elapsed.as_millis() as u64);
                bar.set_prefix(figures);
            }
        }
    }
}
