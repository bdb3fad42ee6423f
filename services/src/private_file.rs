//! Files with data in them, which are for the user who runs the node and for nobody else.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Error, ffi};

/// Makes sure that the database file at `path` is there, so that SQLite needn't make it,
/// which would let every user of the machine read it. SQLite gives the files beside it the
/// same mode. A file that is there keeps its mode, and what is no path of a file, such as
/// `:memory:`, is left to SQLite.
///
/// # Errors
///
/// When the file is not there and can't be made.
pub(crate) fn make(path: &Path) -> Result<(), Error> {
    let text = path.to_string_lossy();
    if text.is_empty() || text.starts_with(':') || text.starts_with("file:") {
        return Ok(());
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| {
            let kind = ffi::Error::new(ffi::SQLITE_CANTOPEN);
            Error::SqliteFailure(kind, Some(error.to_string()))
        })
}
