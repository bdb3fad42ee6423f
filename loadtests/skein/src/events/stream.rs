//! The stream of events: a file of JSON lines, for other programs. Each line is written at once
//! and whole, from a thread of its own, so that a slow disk or reader holds up that alone.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Event, EventLine};
use crate::keeping::{Losses, Weight, send_by};
use crate::record::append_whole;

/// A stream, as whoever tells of events sees it.
#[derive(Debug)]
pub struct Stream {
    path: PathBuf,
    lines: SyncSender<Message>,
    /// Events that were told so far.
    told: AtomicU64,
    /// Events that found no room, and that no line has said so of.
    skipped: AtomicU64,
    /// Events that are in the file.
    written: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    /// A line, and the number of events before it that found no room.
    Line(u64, Box<EventLine>),
    /// There is no more; whoever asked is told the first reason why lines are missing.
    End(SyncSender<Option<io::Error>>),
}

/// The most lines that wait to be written; those of minutes of a run.
const BACKLOG: usize = 4096;
/// The time that the end waits for what isn't written yet.
const PATIENCE: Duration = Duration::from_secs(1);

impl Stream {
    /// A stream into the file at `path`, which is made, or emptied if it is there. A named pipe
    /// is waited for until somebody reads it.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::options().create(true).append(true).open(path)?;
        let kind = file.metadata()?.file_type();
        if !kind.is_fifo() && !kind.is_char_device() {
            file.set_len(0)?;
        }
        Stream::start(path, BACKLOG, move |line| append_whole(&mut file, line))
    }

    /// A stream of which at most `backlog` lines wait until `write` takes them.
    fn start(
        path: &Path,
        backlog: usize,
        write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (lines, messages) = sync_channel(backlog);
        let written = Arc::<AtomicU64>::default();
        let writer = Writer {
            write,
            written: Arc::clone(&written),
            missing: 0,
            error: None,
        };
        let thread = thread::Builder::new().name("events".to_owned());
        thread.spawn(move || writer.write_all(&messages))?;
        Ok(Stream {
            path: path.to_owned(),
            lines,
            told: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            written,
        })
    }

    /// Has a line written, or counts it where too many wait already.
    pub(super) fn take(&self, line: EventLine) {
        self.told.fetch_add(1, Ordering::Relaxed);
        let skipped = self.skipped.swap(0, Ordering::Relaxed);
        let message = Message::Line(skipped, Box::new(line));
        if self.lines.try_send(message).is_err() {
            self.skipped.fetch_add(skipped + 1, Ordering::Relaxed);
        }
    }

    /// Has the last line written, and waits a while for all before it. Gives what is missing.
    pub(super) fn end(&self, last: EventLine) -> Losses {
        let deadline = Instant::now() + PATIENCE;
        let told = self.told.fetch_add(1, Ordering::Relaxed) + 1;
        let skipped = self.skipped.swap(0, Ordering::Relaxed);
        let (ended, all) = sync_channel(1);
        let has_room = send_by(
            &self.lines,
            deadline,
            Message::Line(skipped, Box::new(last)),
        ) && send_by(&self.lines, deadline, Message::End(ended));
        let left = deadline.saturating_duration_since(Instant::now());
        let error = match has_room.then(|| all.recv_timeout(left)) {
            Some(Ok(error)) => error,
            _ => None,
        };
        let missing = told.saturating_sub(self.written.load(Ordering::Relaxed));
        let mut losses = Losses::default();
        if missing > 0 {
            let slow = || io::Error::other("whoever reads it is too slow");
            let error = anyhow::Error::new(error.unwrap_or_else(slow));
            let what = format!(
                "{missing} of {told} events could not be written to {}",
                self.path.display()
            );
            losses.note(Weight::Told, Err::<(), _>(error.context(what)));
        }
        losses
    }
}

/// The thread's side of a stream.
struct Writer<W> {
    write: W,
    written: Arc<AtomicU64>,
    /// Events that aren't in the file, and of which it doesn't say so yet.
    missing: u64,
    error: Option<io::Error>,
}

impl<W: FnMut(&[u8]) -> io::Result<()>> Writer<W> {
    fn write_all(mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            match message {
                Message::Line(skipped, line) => self.add(skipped, &line),
                Message::End(ended) => {
                    // Whoever asked may have lost patience.
                    let _ = ended.send(self.error.take());
                }
            }
        }
    }

    /// Writes a line, after one on what is missing before it. What fails is tried again with
    /// the next line, for a disk may have room again.
    fn add(&mut self, skipped: u64, line: &EventLine) {
        self.missing += skipped;
        if self.missing > 0 {
            let count = self.missing;
            let lost = EventLine {
                event: Event::EventsLost { count },
                ..line.clone()
            };
            if !self.has_written(&lost) {
                self.missing += 1;
                return;
            }
            self.missing = 0;
        }
        if self.has_written(line) {
            self.written.fetch_add(1, Ordering::Relaxed);
        } else {
            self.missing += 1;
        }
    }

    fn has_written(&mut self, line: &EventLine) -> bool {
        let json = serde_json::to_vec(line).map_err(io::Error::from);
        let written = json.and_then(|mut json| {
            json.push(b'\n');
            (self.write)(&json)
        });
        written
            .map_err(|error| self.error.get_or_insert(error))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use proptest::prelude::*;

    use super::*;
    use crate::events::any::any_line;

    fn line(at_ms: u64) -> EventLine {
        EventLine {
            at_ms,
            time: "2026-01-02T03:04:05Z".parse().expect("a time"),
            event: Event::Draining,
        }
    }

    /// A stream of which nothing is written while `held` is locked.
    fn held(held: &Arc<Mutex<()>>, file: &Arc<Mutex<Vec<u8>>>) -> Stream {
        let (held, file) = (Arc::clone(held), Arc::clone(file));
        let write = move |line: &[u8]| {
            let _held = held.lock().unwrap_or_else(PoisonError::into_inner);
            file.lock().expect("no panic").extend(line);
            Ok(())
        };
        Stream::start(Path::new("events.jsonl"), 2, write).expect("a thread")
    }

    fn lines(file: &[u8]) -> Vec<EventLine> {
        let text = String::from_utf8(file.to_vec()).expect("text");
        assert!(text.is_empty() || text.ends_with('\n'));
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("events")
    }

    #[test]
    fn what_found_no_room_is_counted_where_it_is_missing_and_said_in_the_end() {
        let (holding, file) = (Arc::<Mutex<()>>::default(), Arc::default());
        let stream = held(&holding, &file);
        let lock = holding.lock().expect("no panic");
        for at_ms in 0..100 {
            stream.take(line(at_ms));
        }
        drop(lock);
        let losses = stream.end(line(100));
        let lines = lines(&file.lock().expect("no panic"));
        assert_eq!(lines.last().map(|line| line.at_ms), Some(100));
        let missing: u64 = lines
            .iter()
            .map(|line| match line.event {
                Event::EventsLost { count } => count,
                _ => 0,
            })
            .sum();
        let there = lines.iter().filter(|l| l.event == Event::Draining).count();
        assert_eq!(there as u64 + missing, 101);
        assert!(missing >= 90, "{missing}");
        let said: Vec<String> = losses.sentences().collect();
        let says = format!(
            "{missing} of 101 events could not be written to events.jsonl: whoever reads it is too slow"
        );
        assert_eq!(said, [says]);
    }

    #[test]
    fn a_reader_that_takes_nothing_any_more_keeps_nobody_waiting() {
        let (holding, file) = (Arc::<Mutex<()>>::default(), Arc::default());
        let stream = held(&holding, &file);
        let _lock = holding.lock().expect("no panic");
        let began = Instant::now();
        for at_ms in 0..100 {
            stream.take(line(at_ms));
        }
        let losses = stream.end(line(100));
        assert!(began.elapsed() < Duration::from_secs(10));
        let said: Vec<String> = losses.sentences().collect();
        assert!(said[0].starts_with("101 of 101 events"), "{said:?}");
    }

    #[test]
    fn a_disk_that_has_room_again_has_the_rest_and_says_what_is_missing() {
        let file = Arc::<Mutex<Vec<u8>>>::default();
        let (kept, mut writes) = (Arc::clone(&file), 0);
        let write = move |line: &[u8]| {
            writes += 1;
            // The second line doesn't fit, nor does what says so of it.
            if (2..=3).contains(&writes) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            kept.lock().expect("no panic").extend(line);
            Ok(())
        };
        let stream = Stream::start(Path::new("e"), BACKLOG, write).expect("a thread");
        for at_ms in 0..4 {
            stream.take(line(at_ms));
        }
        let losses = stream.end(line(4));
        let lines = lines(&file.lock().expect("no panic"));
        let events: Vec<_> = lines.iter().map(|line| (line.at_ms, &line.event)).collect();
        let lost = Event::EventsLost { count: 2 };
        let draining = &Event::Draining;
        assert_eq!(
            events,
            [(0, draining), (3, &lost), (3, draining), (4, draining)]
        );
        let said: Vec<String> = losses.sentences().collect();
        let says = "2 of 5 events could not be written to e: no storage space";
        assert_eq!(said, [says]);
    }

    #[test]
    fn a_file_that_is_there_is_begun_anew_and_a_place_that_isnt_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, "old\n").expect("written");
        let stream = Stream::create(&path).expect("made");
        stream.take(line(0));
        assert!(stream.end(line(1)).is_empty());
        let file = std::fs::read(&path).expect("readable");
        assert_eq!(lines(&file), [line(0), line(1)]);
        assert!(Stream::create(&folder.path().join("none/events.jsonl")).is_err());
        assert!(Stream::create(folder.path()).is_err());
    }

    proptest! {
        #[test]
        fn any_event_is_a_line_and_comes_back(line in any_line()) {
            let json = serde_json::to_string(&line).expect("JSON");
            prop_assert!(!json.contains('\n'));
            let back: EventLine = serde_json::from_str(&json).expect("an event");
            prop_assert_eq!(back, line);
        }
    }
}
