//! The display on the standard error: a bar on a terminal, a line now and then elsewhere. It
//! writes from a thread of its own: a terminal that is paused, or a pipe that nobody empties,
//! holds up that alone.

mod wording;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressStyle};

use super::Event;
use crate::output::tell;
use wording::{Shown, shown};

/// A display, as whoever tells of events sees it.
#[derive(Debug)]
pub(super) struct Display {
    screen: SyncSender<Message>,
    period: Duration,
}

#[derive(Debug)]
enum Message {
    Event(Event),
    /// There is no more; whoever asked is told when all has been shown.
    End(SyncSender<()>),
}

/// The most events that wait to be shown; those that come then are left out.
const BACKLOG: usize = 256;
/// The time that the end waits for what isn't shown yet.
const PATIENCE: Duration = Duration::from_secs(1);
/// The time between two looks at the load on a terminal.
const PERIOD_OF_BAR: Duration = Duration::from_millis(500);
/// The time between two looks at the load in a log.
const PERIOD_OF_LINES: Duration = Duration::from_secs(5);

impl Display {
    /// A display that fits the standard error; `None` when there can be none.
    pub(super) fn start() -> Option<Self> {
        let (mut screen, period) = if Term::stderr().features().is_attended() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            (Screen::Bar(bar), PERIOD_OF_BAR)
        } else {
            (Screen::Lines(Lines::default()), PERIOD_OF_LINES)
        };
        let (sender, messages) = sync_channel(BACKLOG);
        let thread = thread::Builder::new().name("screen".to_owned());
        let show = move || messages.iter().for_each(|message| screen.take(message));
        thread.spawn(show).ok()?;
        Some(Display {
            screen: sender,
            period,
        })
    }

    /// The time that should be between two looks at the load.
    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// Shows an event, or leaves it out where too much waits already.
    pub(super) fn take(&self, event: Event) {
        let _ = self.screen.try_send(Message::Event(event));
    }

    /// Takes away what isn't to stay, once all has been shown.
    pub(super) fn end(&self) {
        let (shown, all) = sync_channel(1);
        let _ = self.screen.try_send(Message::End(shown));
        // Whoever holds the screen up sees less.
        let _ = all.recv_timeout(PATIENCE);
    }
}

/// The place that is written to.
enum Screen {
    /// One line that changes, on a terminal.
    Bar(ProgressBar),
    /// Lines, for logs.
    Lines(Lines),
}

impl Screen {
    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => {
                if let Some(shown) = shown(&event) {
                    match self {
                        Screen::Bar(bar) => on_bar(bar, shown),
                        Screen::Lines(lines) => lines.add(shown),
                    }
                }
            }
            Message::End(shown) => {
                if let Screen::Bar(bar) = self {
                    bar.finish_and_clear();
                }
                // Whoever asked may be gone.
                let _ = shown.send(());
            }
        }
    }
}

/// A log, which has a line on the load every five seconds, however often others look.
#[derive(Debug, Default)]
struct Lines {
    last_load_ms: u64,
}

impl Lines {
    fn add(&mut self, shown: Shown) {
        if let Some(line) = self.line(shown) {
            tell(line);
        }
    }

    fn line(&mut self, shown: Shown) -> Option<String> {
        // A look is never quite on time.
        const NEARLY_A_PERIOD: u64 = PERIOD_OF_LINES.as_millis() as u64 * 9 / 10;
        match shown {
            Shown::Doing(what) | Shown::Staying(what) => Some(what),
            Shown::Passing(_) => None,
            Shown::LoadAhead { what, .. } => {
                self.last_load_ms = 0;
                Some(what)
            }
            Shown::Load {
                stage,
                elapsed_ms,
                figures,
            } => {
                let is_due = elapsed_ms.saturating_sub(self.last_load_ms) >= NEARLY_A_PERIOD;
                is_due.then(|| {
                    self.last_load_ms = elapsed_ms;
                    format!("{stage}: {}", figures.trim_start())
                })
            }
        }
    }
}

fn on_bar(bar: &ProgressBar, shown: Shown) {
    match shown {
        Shown::Doing(what) => {
            bar.set_style(ProgressStyle::default_spinner());
            bar.set_message(what);
        }
        Shown::Passing(what) => bar.set_message(what),
        Shown::Staying(what) => bar.println(what),
        Shown::LoadAhead { what, length_ms } => {
            bar.println(what);
            let style = "{msg:<14!} {bar:24.cyan/dim} {prefix}";
            bar.set_style(
                ProgressStyle::with_template(style)
                    .expect("the template is valid")
                    .progress_chars("━╸─"),
            );
            bar.set_length(length_ms);
        }
        Shown::Load {
            stage,
            elapsed_ms,
            figures,
        } => {
            bar.set_message(stage);
            bar.set_position(elapsed_ms);
            bar.set_prefix(figures);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_screen_that_is_held_up_holds_nobody_up() {
        // Nobody takes anything out of it.
        let (screen, _held_up) = sync_channel(1);
        let period = Duration::from_secs(1);
        let display = Display { screen, period };
        let began = Instant::now();
        for _ in 0..100 {
            display.take(Event::Draining);
        }
        display.end();
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_log_has_the_load_every_five_seconds_however_often_others_look() {
        let lines_of = |period: u64| {
            let mut lines = Lines::default();
            let load = |elapsed_ms| Shown::Load {
                stage: "steady".to_owned(),
                elapsed_ms,
                figures: "  7 s".to_owned(),
            };
            let looks = (1..).map(|n| n * period).take_while(|at| *at <= 20_000);
            let lines = looks.filter_map(|at| lines.line(load(at)));
            lines.collect::<Vec<_>>()
        };
        assert_eq!(lines_of(5000), ["steady: 7 s"; 4]);
        assert_eq!(lines_of(1000), ["steady: 7 s"; 4]);
    }
}
