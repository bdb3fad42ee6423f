//! The handle by which events are told, and whom they are told to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::display::Display;
use super::stream::Stream;
use super::{Event, EventLine, table};
use crate::keeping::Losses;

/// The handle by which events are told: to a display on the standard error, to a stream, or to
/// nobody. A clone tells the same readers.
///
/// To tell never waits for a reader and never fails. A display that is held up, as by a
/// terminal that is paused, shows less. A stream loses no event in silence: where it takes no
/// more for a while, it says afterwards how many are missing, and so does the program in the
/// end.
#[derive(Clone, Debug)]
pub struct Events(Arc<Readers>);

#[derive(Debug)]
struct Readers {
    began: Instant,
    display: Option<Display>,
    stream: Option<Stream>,
    /// Held by whoever tells the stream of something, for a moment.
    turn: Mutex<()>,
    /// True when the figures of a self-check are written to the standard output as they come.
    /// They are its result, so that they wait for who reads them.
    has_table: bool,
}

/// The time between two looks at the load that a stream has.
const STREAM_PERIOD: Duration = Duration::from_secs(1);

impl Events {
    /// Events that nobody is told.
    pub fn silent() -> Self {
        Events::to(None, None, false)
    }

    /// Events that are shown on the standard error, as fits it.
    pub fn shown() -> Self {
        Events::of_command(false, None)
    }

    /// The events of a command, to be shown unless it is to be `quiet`, and for a stream.
    pub fn of_command(quiet: bool, stream: Option<Stream>) -> Self {
        let display = if quiet { None } else { Display::start() };
        Events::to(display, stream, false)
    }

    /// The events of a self-check: a table on the standard output, and for a stream.
    pub fn of_self_check(stream: Option<Stream>) -> Self {
        Events::to(None, stream, true)
    }

    fn to(display: Option<Display>, stream: Option<Stream>, has_table: bool) -> Self {
        Events(Arc::new(Readers {
            began: Instant::now(),
            display,
            stream,
            turn: Mutex::default(),
            has_table,
        }))
    }

    /// Tells of an event.
    pub fn emit(&self, event: Event) {
        let readers = &*self.0;
        if readers.has_table {
            table::write(&event);
        }
        match (&readers.display, &readers.stream) {
            (None, None) => {}
            (Some(display), None) => display.take(event),
            (display, Some(stream)) => {
                if let Some(display) = display {
                    display.take(event.clone());
                }
                // For who reads it, time doesn't go back.
                let _turn = readers.turn.lock().unwrap_or_else(PoisonError::into_inner);
                stream.take(self.line(event));
            }
        }
    }

    /// The time between two looks at the load, as often as any reader wants them; `None` when
    /// nobody does.
    pub fn period(&self) -> Option<Duration> {
        let display = self.0.display.as_ref().map(Display::period);
        let stream = self.0.stream.as_ref().map(|_| STREAM_PERIOD);
        display.into_iter().chain(stream).min()
    }

    /// Takes away what a display has that isn't to stay, once all has been shown. What comes
    /// then is for the stream.
    pub fn hush(&self) {
        if let Some(display) = &self.0.display {
            display.end();
        }
    }

    /// Tells that the program ends, as the last event. Gives what is missing in the stream.
    pub fn end(&self, exit_code: u8, error: Option<String>) -> Losses {
        self.hush();
        let ended = self.line(Event::Ended { exit_code, error });
        let stream = self.0.stream.as_ref();
        stream.map_or_else(Losses::default, |stream| stream.end(ended))
    }

    fn line(&self, event: Event) -> EventLine {
        EventLine {
            at_ms: super::millis(self.0.began.elapsed()),
            time: Timestamp::now(),
            event,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn whoever_tells_a_stream_is_in_it_in_the_order_of_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("events.jsonl");
        let events = Events::of_command(true, Some(Stream::create(&path).expect("made")));
        assert_eq!(events.period(), Some(STREAM_PERIOD));
        thread::scope(|scope| {
            for _ in 0..4 {
                let events = events.clone();
                scope.spawn(move || (0..200).for_each(|_| events.emit(Event::Draining)));
            }
        });
        assert!(events.end(0, None).is_empty());
        let text = std::fs::read_to_string(&path).expect("readable");
        let lines: Vec<EventLine> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect();
        assert_eq!(lines.len(), 801);
        assert!(lines.is_sorted_by_key(|line| line.at_ms));
        let ended = Event::Ended {
            exit_code: 0,
            error: None,
        };
        assert_eq!(lines[800].event, ended);
    }

    #[test]
    fn nobody_wants_looks_at_the_load_where_nobody_is_told() {
        let events = Events::silent();
        events.emit(Event::Draining);
        assert_eq!(events.period(), None);
        assert!(events.end(0, None).is_empty());
    }
}
