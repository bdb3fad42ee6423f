//! The stream of samples: each request that is over, as a row of a file for other programs.
//! It is written by a thread of its own, so that a slow disk or reader holds up that alone,
//! and what finds no room is counted and said.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Fault, Route, Sample, micros};
use crate::keeping::{Losses, Weight, send_by};
use crate::scenario::ScenarioIndex;

/// A file of samples while it is written.
#[derive(Debug)]
pub struct SampleFile {
    path: PathBuf,
    rows: SyncSender<Message>,
    taken: AtomicU64,
}

/// The plan's names of what samples know by its place.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Stages.
    pub stages: Vec<String>,
    /// Scenarios.
    pub scenarios: Vec<String>,
}

/// A message to the writer.
#[derive(Debug)]
enum Message {
    Row(Row),
    /// There is no more; whoever asked is told what was written.
    End(SyncSender<Written>),
}

/// The form of a file of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Comma-separated values, with a line of names (RFC 4180).
    Csv,
    /// A JSON object a line.
    JsonLines,
}

/// A sample as it waits to be written.
#[derive(Debug)]
struct Row {
    at: Duration,
    stage: Option<usize>,
    scenario: ScenarioIndex,
    route: Route,
    user: usize,
    response: Duration,
    service: Duration,
    first_byte: Option<Duration>,
    status: Option<u16>,
    fault: Option<Fault>,
    served_by: Option<Box<str>>,
    outcome: Option<&'static str>,
}

/// A row of the file.
#[derive(Serialize)]
struct Line<'a> {
    /// The time at which it was over, since the load began.
    at_us: u64,
    /// Empty after the load.
    stage: &'a str,
    scenario: &'a str,
    route: String,
    user: usize,
    response_us: u64,
    service_us: u64,
    first_byte_us: Option<u64>,
    status: Option<u16>,
    fault: Option<String>,
    served_by: Option<&'a str>,
    outcome: Option<&'a str>,
}

/// The end of a file: rows that are in it, and the first reason why others aren't.
#[derive(Debug, Default)]
struct Written {
    rows: u64,
    error: Option<io::Error>,
}

/// The most samples that wait to be written: those of a second or two at full speed.
const BACKLOG: usize = 1 << 16;
/// The time that the end waits for what isn't written yet.
const PATIENCE: Duration = Duration::from_secs(5);

impl SampleFile {
    /// A file at `path`, which is made, or emptied if it is there; of comma-separated values
    /// where its name ends in `.csv`, and else of JSON lines.
    ///
    /// # Errors
    ///
    /// The file can't be written, or there is no thread for it.
    pub fn create(path: &Path, names: Names) -> io::Result<Self> {
        let form = match path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("csv"))
        {
            true => Form::Csv,
            false => Form::JsonLines,
        };
        let file = File::create(path)?;
        let (sender, rows) = sync_channel(BACKLOG);
        let thread = thread::Builder::new().name("samples".to_owned());
        thread.spawn(move || write_all(&rows, Out::new(file, form), &names))?;
        Ok(SampleFile {
            path: path.to_owned(),
            rows: sender,
            taken: AtomicU64::new(0),
        })
    }

    /// Ends the file with what was taken so far, for which it waits a while. Gives what is
    /// missing.
    pub fn end(&self) -> Losses {
        let taken = self.taken.load(Ordering::Relaxed);
        let (ended, written) = sync_channel(1);
        let deadline = Instant::now() + PATIENCE;
        let is_told = send_by(&self.rows, deadline, Message::End(ended));
        let left = deadline.saturating_duration_since(Instant::now());
        let written = is_told.then(|| written.recv_timeout(left).ok()).flatten();
        let written = written.unwrap_or_default();
        let missing = taken.saturating_sub(written.rows);
        let mut losses = Losses::default();
        if missing > 0 || written.error.is_some() {
            let slow = || io::Error::other("they came faster than they could be written");
            let error = anyhow::Error::new(written.error.unwrap_or_else(slow));
            let what = format!(
                "{missing} of {taken} samples could not be written to {}",
                self.path.display()
            );
            losses.note(Weight::Told, Err::<(), _>(error.context(what)));
        }
        losses
    }

    /// Takes a sample of the user on `seat`, which was over so long `at` the beginning of the
    /// load; or counts it where too many wait already.
    pub fn take(&self, at: Duration, seat: usize, sample: &Sample<'_>) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        let row = Row {
            at,
            stage: sample.stage,
            scenario: sample.scenario,
            route: sample.route,
            user: seat,
            response: sample.response,
            service: sample.service,
            first_byte: sample.journey.first_byte,
            status: sample.status,
            fault: sample.fault.map(|(fault, _)| fault),
            served_by: sample.served_by.map(Into::into),
            outcome: sample.outcome,
        };
        // One that finds no room is missing, which the end tells.
        let _ = self.rows.try_send(Message::Row(row));
    }
}

/// Writes rows until there are no more; what waits is written together.
fn write_all(rows: &Receiver<Message>, mut out: Out, names: &Names) {
    let mut written = Written::default();
    let mut next = rows.recv().ok();
    while let Some(message) = next {
        let ended = match message {
            Message::Row(row) => {
                match out.write(&row, names) {
                    Ok(()) => written.rows += 1,
                    Err(error) => written.fails(error),
                }
                None
            }
            Message::End(ended) => Some(ended),
        };
        next = rows.try_recv().ok().filter(|_| ended.is_none());
        if next.is_none() {
            out.flush().unwrap_or_else(|error| written.fails(error));
        }
        if let Some(ended) = ended {
            // Whoever asked may have lost patience.
            let _ = ended.send(written);
            return;
        }
        next = next.or_else(|| rows.recv().ok());
    }
}

impl Written {
    fn fails(&mut self, error: io::Error) {
        self.error.get_or_insert(error);
    }
}

/// A file in one of the forms.
enum Out {
    Csv(Box<csv::Writer<File>>),
    JsonLines(BufWriter<File>),
}

impl Out {
    fn new(file: File, form: Form) -> Self {
        match form {
            Form::Csv => Out::Csv(Box::new(csv::Writer::from_writer(file))),
            Form::JsonLines => Out::JsonLines(BufWriter::new(file)),
        }
    }

    fn write(&mut self, row: &Row, names: &Names) -> io::Result<()> {
        let line = Line {
            at_us: micros(row.at),
            stage: row.stage.map_or("", |stage| &names.stages[stage]),
            scenario: names.scenarios.get(row.scenario).map_or("", String::as_str),
            route: row.route.name(),
            user: row.user,
            response_us: micros(row.response),
            service_us: micros(row.service),
            first_byte_us: row.first_byte.map(micros),
            status: row.status,
            fault: row.fault.map(|fault| fault.to_string()),
            served_by: row.served_by.as_deref(),
            outcome: row.outcome,
        };
        match self {
            Out::Csv(writer) => writer.serialize(line).map_err(io::Error::other),
            Out::JsonLines(writer) => {
                serde_json::to_writer(&mut *writer, &line)?;
                writer.write_all(b"\n")
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Out::Csv(writer) => writer.flush(),
            Out::JsonLines(writer) => writer.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Journey;

    fn names() -> Names {
        Names {
            stages: vec!["steady".to_owned()],
            scenarios: vec!["readers".to_owned()],
        }
    }

    /// The content of a file of this name after a sample that went well and one that didn't.
    fn written(name: &str) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        let file = SampleFile::create(&path, names()).expect("made");
        let journey = Journey {
            first_byte: Some(Duration::from_micros(400)),
            ..Journey::default()
        };
        let nothing = Journey::default();
        let well = Sample {
            stage: Some(0),
            scenario: 0,
            route: Route::new("GET", "/items, all"),
            response: Duration::from_micros(1500),
            service: Duration::from_micros(500),
            arrival: None,
            status: Some(200),
            fault: None,
            served_by: Some("shop-1"),
            outcome: Some("hit"),
            is_cut: false,
            journey: &journey,
        };
        let failed = Sample {
            stage: None,
            status: None,
            fault: Some((Fault::TimedOut, "particulars")),
            served_by: None,
            outcome: None,
            journey: &nothing,
            ..well
        };
        file.take(Duration::from_millis(2), 7, &well);
        file.take(Duration::from_millis(3), 8, &failed);
        assert!(file.end().is_empty());
        std::fs::read_to_string(path).expect("readable")
    }

    #[test]
    fn each_sample_is_a_row_of_values_or_a_line_of_json_by_the_files_name() {
        let csv = written("samples.csv");
        let rows: Vec<_> = csv.lines().collect();
        assert_eq!(
            rows,
            [
                "at_us,stage,scenario,route,user,response_us,service_us,first_byte_us,status,fault,served_by,outcome",
                "2000,steady,readers,\"GET /items, all\",7,1500,500,400,200,,shop-1,hit",
                "3000,,readers,\"GET /items, all\",8,1500,500,,,no whole answer in time,,",
            ]
        );
        let json = written("samples.jsonl");
        let lines = json.lines().map(serde_json::from_str);
        let lines: Vec<serde_json::Value> = lines.collect::<Result<_, _>>().expect("JSON");
        assert_eq!(lines[0]["response_us"], 1500);
        assert_eq!(lines[1]["fault"], "no whole answer in time");
        assert!(lines[1]["status"].is_null());
    }

    #[test]
    fn a_full_disk_loses_samples_and_says_how_many() {
        let full = Path::new("/dev/full");
        let file = SampleFile::create(full, names()).expect("opened");
        let nothing = Journey::default();
        let sample = Sample {
            stage: Some(0),
            scenario: 0,
            route: Route::new("GET", "/"),
            response: Duration::ZERO,
            service: Duration::ZERO,
            arrival: None,
            status: None,
            fault: None,
            served_by: None,
            outcome: None,
            is_cut: false,
            journey: &nothing,
        };
        file.take(Duration::ZERO, 0, &sample);
        let said: Vec<String> = file.end().sentences().collect();
        assert!(
            said[0].contains("samples could not be written to /dev/full"),
            "{said:?}"
        );
    }
}
