//! A process of this program that is no node of a system, but somebody known for a
//! measurement to be held against: it can be paused, and ends with us.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{self, Command, Stdio};

use crate::Launcher;
use crate::host::HELPER_WORD;
use crate::process::Process;
use crate::spawner::spawn;

/// A helper that runs.
#[derive(Debug)]
pub struct Helper {
    process: Process,
    first_line: String,
}

impl Helper {
    /// Starts `launcher`'s program as a helper, and waits for its first line.
    ///
    /// # Errors
    ///
    /// The program can't be started, or ends without a line.
    pub fn start(launcher: &Launcher) -> io::Result<Self> {
        let mut command = Command::new(launcher.executable());
        command
            .arg(HELPER_WORD)
            .arg(process::id().to_string())
            // Open for as long as we live: its end tells the helper to end too.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut child = spawn(command, launcher.cores())?;
        let output = child.stdout.take().expect("the output is piped");
        let process = Process::new(child);
        let mut first_line = String::new();
        if BufReader::new(output).read_line(&mut first_line)? == 0 {
            return Err(io::Error::other("the helper ended before its first line"));
        }
        Ok(Helper {
            process,
            first_line: first_line.trim_end().to_owned(),
        })
    }

    /// The first line that it said, such as where it listens.
    pub fn first_line(&self) -> &str {
        &self.first_line
    }

    /// Stops it, and waits until every thread of it stands still.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn pause(&mut self) -> io::Result<()> {
        self.process.pause()
    }

    /// Lets it run on.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn resume(&mut self) -> io::Result<()> {
        self.process.resume()
    }
}
