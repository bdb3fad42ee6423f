//! Tables of data: rows whose values belong together, such as a user's name and password,
//! from a file or from the plan itself.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::super::mistake::Mistake;
use crate::text::of_json;

/// Rows of data, each as wide as the table has columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The name in placeholders, before the dot.
    pub name: String,
    /// The file, or the plan, as messages call it.
    pub from: String,
    /// The names of its columns, from left to right.
    pub columns: Vec<String>,
    /// The rows; at least one.
    pub rows: Vec<Vec<String>>,
    /// The way in which users get their rows.
    pub order: Order,
}

/// The way in which users get rows of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Each turn gets any of them, one as likely as another.
    #[default]
    Random,
    /// Each turn gets the next one, whoever takes it; after the last comes the first.
    InTurn,
    /// Each turn gets the next one, and no row is there twice.
    Once,
    /// Each user has one to itself, for all its turns.
    PerUser,
}

/// `[data.users]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct DataFile {
    file: Option<Spanned<String>>,
    rows: Option<Spanned<Vec<BTreeMap<String, toml::Value>>>>,
    order: Option<Order>,
}

/// A table while it is read: what is in its columns, by their names.
type Row = Vec<(String, String)>;

impl DataFile {
    /// The table `name` that is meant at this place; files are looked for in `folder`.
    pub(super) fn check(
        name: &str,
        written: Spanned<Self>,
        folder: &Path,
    ) -> Result<Table, Mistake> {
        let place = written.span();
        let order = written.get_ref().order.unwrap_or_default();
        let (from, at, rows) = match written.into_inner() {
            DataFile {
                file: Some(file),
                rows: None,
                ..
            } => {
                let rows = read(&folder.join(file.get_ref()))
                    .map_err(|reason| Mistake::at(&file, reason))?;
                (file.get_ref().clone(), file.span(), rows)
            }
            DataFile {
                rows: Some(rows),
                file: None,
                ..
            } => {
                let at = rows.span();
                let rows = rows.into_inner().into_iter();
                let row = |row: BTreeMap<String, toml::Value>| {
                    let cells = row.into_iter();
                    let json = |value| serde_json::to_value(value).unwrap_or_default();
                    cells
                        .map(|(column, value)| (column, of_json(&json(value))))
                        .collect()
                };
                ("the plan".to_owned(), at, rows.map(row).collect())
            }
            _ => {
                return Err(Mistake {
                    at: place,
                    ..Mistake::somewhere(
                        "data is `file = \"users.csv\"`, or a file of JSON lines, or `rows = [{ name = \"ann\" }]`",
                    )
                });
            }
        };
        let mistake = |sentence: String| Mistake {
            at: at.clone(),
            ..Mistake::somewhere(sentence)
        };
        let (columns, rows) = level(rows).map_err(|reason| mistake(format!("{from}: {reason}")))?;
        Ok(Table {
            name: name.to_owned(),
            from,
            columns,
            rows,
            order,
        })
    }
}

/// Rows with one cell for each column of the first.
fn level(rows: Vec<Row>) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let Some(first) = rows.first() else {
        return Err("there are no rows; data has at least one".to_owned());
    };
    let columns: Vec<String> = first.iter().map(|(column, _)| column.clone()).collect();
    let level = rows.into_iter().enumerate().map(|(index, row)| {
        let mut cells: BTreeMap<String, String> = row.into_iter().collect();
        let cells: Option<Vec<_>> = columns.iter().map(|column| cells.remove(column)).collect();
        cells.ok_or_else(|| {
            format!(
                "row {} hasn't all columns of the first one, which are {}",
                index + 1,
                columns.join(", ")
            )
        })
    });
    let rows = level.collect::<Result<Vec<_>, String>>()?;
    Ok((columns, rows))
}

/// Reads a file: JSON lines where its name says so, and else comma-separated values (RFC
/// 4180) whose first line names the columns.
fn read(path: &Path) -> Result<Vec<Row>, String> {
    let unreadable =
        |error: &dyn std::fmt::Display| format!("{} can't be read: {error}", path.display());
    let content = std::fs::read(path).map_err(|error| unreadable(&error))?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("jsonl" | "ndjson") => json_lines(&content).map_err(|error| unreadable(&error)),
        _ => comma_separated(&content).map_err(|error| unreadable(&error)),
    }
}

fn comma_separated(content: &[u8]) -> Result<Vec<Row>, csv::Error> {
    // What spreadsheets put before the first name is no part of it.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut reader = csv::ReaderBuilder::new().from_reader(content);
    let columns = reader.headers()?.clone();
    let rows = reader.records().map(|record| {
        let record = record?;
        let cells = columns.iter().zip(record.iter());
        Ok(cells.map(|(c, v)| (c.to_owned(), v.to_owned())).collect())
    });
    rows.collect()
}

fn json_lines(content: &[u8]) -> Result<Vec<Row>, String> {
    let lines = content.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let rows = lines.map(|(index, line)| {
        let object: serde_json::Map<String, Value> = serde_json::from_slice(line)
            .map_err(|error| format!("line {} is no JSON object: {error}", index + 1))?;
        let cells = object.into_iter();
        Ok(cells
            .map(|(column, value)| (column, of_json(&value)))
            .collect())
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: Vec<Row>) -> (Vec<String>, Vec<Vec<String>>) {
        level(rows).expect("rows of one width")
    }

    #[test]
    fn csv_and_json_lines_say_the_same() {
        let csv = b"\xef\xbb\xbfname,age,note\nann,7,\"a, \"\"b\"\"\nc\"\nbob,8,\n";
        let json = br#"{"name": "ann", "age": 7, "note": "a, \"b\"\nc"}

{"note": "", "name": "bob", "age": 8, "more": [1]}"#;
        let (columns, rows) = table(comma_separated(csv).expect("CSV"));
        assert_eq!(columns, ["name", "age", "note"]);
        assert_eq!(rows, [["ann", "7", "a, \"b\"\nc"], ["bob", "8", ""]]);
        let (columns, mut same) = table(json_lines(json).expect("JSON lines"));
        for row in &mut same {
            let cell = |name: &str| {
                let place = columns.iter().position(|column| column == name);
                row[place.expect("a column")].clone()
            };
            *row = ["name", "age", "note"].map(cell).to_vec();
        }
        assert_eq!(same, rows);
    }

    #[test]
    fn data_that_doesnt_fit_together_says_where() {
        let unequal = comma_separated(b"a,b\n1,2\n3\n").expect_err("a short row");
        assert!(unequal.to_string().contains("line: 3"), "{unequal}");
        let missing = json_lines(b"{\"a\": 1}\n{\"b\": 2}\n").expect("two objects");
        let missing = level(missing).expect_err("another column");
        assert!(missing.contains("row 2") && missing.contains("which are a"));
        let broken = json_lines(b"{\"a\": 1}\nb\n").expect_err("no JSON");
        assert!(broken.contains("line 2"), "{broken}");
        assert!(level(Vec::new()).is_err());
    }
}
