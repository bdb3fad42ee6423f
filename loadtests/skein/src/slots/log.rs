//! The file that rounds are kept in as they come. All of them are in the record as well, so that
//! whoever measures goes on when the file takes no more.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::keeping::{Losses, Weight};
use crate::record::append_whole;

/// The name of the file in the folder of a gate or a study: a round a line.
pub(crate) const ROUNDS_FILE: &str = "rounds.jsonl";

/// The log of rounds.
#[derive(Debug)]
pub(crate) struct RoundLog {
    path: PathBuf,
    state: RefCell<State>,
}

#[derive(Debug)]
enum State {
    Open(File),
    Full(io::Error),
}

impl RoundLog {
    /// The log in a `folder`, to add to.
    ///
    /// # Errors
    ///
    /// It can't be opened.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(ROUNDS_FILE);
        let file = File::options().create(true).append(true).open(&path)?;
        let state = RefCell::new(State::Open(file));
        Ok(RoundLog { path, state })
    }

    /// Adds a round, unless one could not be added before.
    pub(crate) fn keep(&self, round: &impl Serialize) {
        let mut state = self.state.borrow_mut();
        if let State::Open(file) = &mut *state
            && let Err(full) = add(file, round)
        {
            *state = State::Full(full);
        }
    }

    /// The rounds that could not be kept, if there are any.
    pub(crate) fn losses(self) -> Losses {
        let mut losses = Losses::default();
        if let State::Full(full) = self.state.into_inner() {
            let what = format!("could not write {}", self.path.display());
            let lost: Result<(), _> = Err(anyhow::Error::new(full).context(what));
            losses.note(Weight::Derived, lost);
        }
        losses
    }
}

fn add(file: &mut File, round: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(round)?;
    line.push(b'\n');
    append_whole(file, &line)
}
