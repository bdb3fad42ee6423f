//! Commands that tell of themselves in events: `--events FILE`, and the last event, which has
//! their exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::interruption;
use crate::events::{CommandName, Event, Events, Stream};
use crate::exit_code::{Failure, Outcome};
use crate::interruption::Interruption;
use crate::keeping::Losses;
use crate::library_log;

/// The file that events are told in, for other programs.
#[derive(Debug, Default, Args)]
pub(super) struct EventsFile {
    /// Tell other programs in this file what happens, as it happens, one JSON object a line
    /// (see `loadtests schema events`). The file is begun anew; it may be a named pipe, which
    /// is waited for until somebody reads it.
    #[arg(long = "events", value_name = "FILE", value_parser = file)]
    file: Option<PathBuf>,
}

impl EventsFile {
    /// Does a command's `work`, which gives its exit code, and tells of its beginning and its
    /// end. The file, and what hears of signals, are there before anything is started.
    pub(super) fn tell(
        &self,
        command: CommandName,
        events: impl FnOnce(Option<Stream>) -> Events,
        work: impl FnOnce(&Events, &Interruption) -> Result<u8, Failure>,
    ) -> Outcome {
        let stream = self.create()?;
        let interruption = interruption()?;
        let events = events(stream);
        library_log::listen(&events);
        events.emit(Event::began(command));
        let outcome = work(&events, &interruption);
        let (code, error) = match &outcome {
            Ok(code) => (*code, None),
            Err(failure) => (failure.code, Some(failure.sentence())),
        };
        events.end(code, error).tell();
        outcome.map(ExitCode::from)
    }

    /// The stream into the file, if there is to be one.
    fn create(&self) -> Result<Option<Stream>, Failure> {
        let create = |path: &PathBuf| {
            Stream::create(path).map_err(|error| {
                let place = path.display();
                Failure::usage(anyhow::Error::new(error).context(format!(
                    "could not write events to {place}; choose another file with --events"
                )))
            })
        };
        self.file.as_ref().map(create).transpose()
    }
}

/// Standard output has the summary, which is no JSON.
fn file(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err(
            "the standard output has the summary; name a file, a named pipe, or ./- for a file \
             of that name"
                .to_owned(),
        ),
        path => Ok(PathBuf::from(path)),
    }
}

/// Tells of the files of a report that are in its `folder`, and of those that are not.
pub(super) fn tell_of_files(events: &Events, folder: &Path, record: &str, losses: &Losses) {
    let files = [record, "index.html", "junit.xml", "summary.md"];
    for path in files.map(|name| folder.join(name)) {
        if path.is_file() {
            let path = path.display().to_string();
            events.emit(Event::ReportWritten { path });
        }
    }
    for reason in losses.sentences() {
        events.emit(Event::NotKept { reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::USAGE;

    #[test]
    fn the_standard_output_and_a_place_that_isnt_there_are_refused_in_a_sentence() {
        assert!(file("-").expect_err("it has the summary").contains("./-"));
        let nowhere = EventsFile {
            file: Some(file("/no/such/folder/events.jsonl").expect("a path")),
        };
        let failure = nowhere.create().expect_err("it can't be made");
        assert_eq!(failure.code, USAGE);
        let says = "could not write events to /no/such/folder/events.jsonl; \
                    choose another file with --events: No such file or directory";
        assert!(
            failure.sentence().starts_with(says),
            "{}",
            failure.sentence()
        );
    }
}
