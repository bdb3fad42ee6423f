//! The table's place in a README, between two marks.

use std::fs;
use std::path::Path;

use skein::replace_file;

use crate::gates::StudyError;

const BEGINS: &str = "<!-- gate-study begins -->\n";
const ENDS: &str = "<!-- gate-study ends -->\n";

/// Puts `table` in place of what is between the two marks in `file`.
///
/// # Errors
///
/// The file can't be read or written, or has no such marks.
pub fn replace_table(file: &Path, table: &str) -> Result<(), StudyError> {
    let failed = |source| StudyError::File {
        path: file.to_owned(),
        source,
    };
    let text = fs::read_to_string(file).map_err(failed)?;
    let Some(replaced) = replaced(&text, table) else {
        return Err(StudyError::NoMarks {
            path: file.to_owned(),
        });
    };
    replace_file(file, replaced.as_bytes()).map_err(failed)
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGINS)?;
    let (_, after) = rest.split_once(ENDS)?;
    Some(format!("{before}{BEGINS}\n{table}\n{ENDS}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_one_before_and_of_nothing_else() {
        let text = format!("above\n{BEGINS}old\n{ENDS}below\n");
        let once = replaced(&text, "new\n").expect("there are marks");
        assert_eq!(once, format!("above\n{BEGINS}\nnew\n\n{ENDS}below\n"));
        assert_eq!(replaced(&once, "new\n").as_ref(), Some(&once));
        assert_eq!(replaced("no marks", "new\n"), None);
    }
}
