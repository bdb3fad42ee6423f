//! The names that a plan's placeholders may have, with what each stands for, while the plan
//! is checked; and the folder in which its files are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use toml::Spanned;

use super::super::mistake::Mistake;
use super::Field;
use super::data::{DataFile, Table};
use super::names::{Names, is_name};
use super::template::Template;
use super::values::{Slot, ValuesFile};

/// The namespace of the environment's variables.
const ENVIRONMENT: &str = "env";

/// The names of placeholders and what they stand for, while a plan is checked.
pub(in crate::plan) struct Known<'a> {
    /// The names, in the order of `slots`.
    pub(super) names: Vec<String>,
    pub(super) slots: Vec<Slot>,
    pub(super) tables: Vec<Table>,
    folder: &'a Path,
    /// The names of checks that are counted.
    pub(super) checks: RefCell<Vec<String>>,
}

/// The names that a plan's file gives to values and data, with their places.
#[derive(Default)]
pub(in crate::plan) struct Sources {
    /// `[values.…]`
    pub(in crate::plan) values: BTreeMap<Spanned<String>, Spanned<ValuesFile>>,
    /// `[data.…]`
    pub(in crate::plan) data: BTreeMap<Spanned<String>, Spanned<DataFile>>,
}

impl Sources {
    /// The names of values and data, with their places.
    pub(super) fn places(&self) -> Vec<(String, Range<usize>)> {
        let names = self.values.keys().chain(self.data.keys());
        names
            .map(|name| (name.get_ref().clone(), name.span()))
            .collect()
    }
}

impl<'a> Known<'a> {
    /// The names that are known by the tables of a plan and by the environment, as far as the plan's
    /// `source` names it; files are in `folder`.
    pub(super) fn new(sources: Sources, source: &str, folder: &'a Path) -> Result<Self, Mistake> {
        let mut known = Known {
            names: Vec::new(),
            slots: Vec::new(),
            tables: Vec::new(),
            folder,
            checks: RefCell::default(),
        };
        for (name, values) in sources.values {
            check_name(&name)?;
            let values = ValuesFile::check(values)?;
            known.add(name.into_inner(), Slot::Drawn(values));
        }
        for (name, data) in sources.data {
            check_name(&name)?;
            if name.get_ref() == ENVIRONMENT {
                let sentence =
                    "`env` is the environment, as in {env.HOME}; call the data otherwise";
                return Err(Mistake::at(&name, sentence));
            }
            let table = DataFile::check(name.get_ref(), data, folder)?;
            for (column, of_column) in table.columns.iter().enumerate() {
                let table = known.tables.len();
                let name = format!("{}.{of_column}", name.get_ref());
                known.add(name, Slot::Column { table, column });
            }
            known.tables.push(table);
        }
        for variable in variables_in(source) {
            if let Ok(value) = std::env::var(variable) {
                known.add(format!("{ENVIRONMENT}.{variable}"), Slot::Secret(value));
            }
        }
        Ok(known)
    }

    /// Adds a name.
    fn add(&mut self, name: String, slot: Slot) -> usize {
        self.names.push(name);
        self.slots.push(slot);
        self.slots.len() - 1
    }

    /// Adds a name for what is taken from answers, unless it is known as one already.
    pub(super) fn add_capture(&mut self, name: &Spanned<String>) -> Result<usize, Mistake> {
        check_name(name)?;
        match self.place(name.get_ref()) {
            Some(place) if self.slots[place] == Slot::Captured => Ok(place),
            Some(_) => Err(Mistake::at(
                name,
                format!(
                    "{{{}}} has values already; take what an answer has under another name",
                    name.get_ref()
                ),
            )),
            None => Ok(self.add(name.get_ref().clone(), Slot::Captured)),
        }
    }

    /// A text, whose placeholders are known.
    pub(super) fn template(&self, written: &Spanned<String>) -> Result<Template, Mistake> {
        Template::parse(written.get_ref(), self)
            .map_err(|mistake| Mistake::about(written, mistake.written(), mistake.to_string()))
    }

    /// Checks that whatever texts have of captures, users have when they come `at` this part
    /// of the plan.
    pub(super) fn check_captured<'t>(
        &self,
        texts: impl Iterator<Item = &'t Template>,
        at: Range<usize>,
        is_sure: impl Fn(usize) -> bool,
    ) -> Result<(), Mistake> {
        let mut needed = texts.flat_map(Template::values);
        let missing = needed.find(|place| self.slots[*place] == Slot::Captured && !is_sure(*place));
        let Some(place) = missing else {
            return Ok(());
        };
        let name = &self.names[place];
        let sentence = format!(
            "{{{name}}} isn't always known here; have a step before this one capture it each time, or take this step only `if = \"{name}\"`"
        );
        Err(Mistake {
            at,
            ..Mistake::somewhere(sentence)
        })
    }

    /// The content of a file that a plan names.
    pub(super) fn file(&self, name: &Spanned<String>) -> Result<Bytes, Mistake> {
        let path = self.folder.join(name.get_ref());
        std::fs::read(&path).map(Bytes::from).map_err(|error| {
            Mistake::at(name, format!("{} can't be read: {error}", path.display()))
        })
    }

    /// A header field, behind those `before` it.
    pub(super) fn field(
        &self,
        name: &Spanned<String>,
        value: &Spanned<String>,
        before: &[Field],
    ) -> Result<Field, Mistake> {
        let known: HeaderName = name
            .get_ref()
            .parse()
            .map_err(|_| Mistake::at(name, "this is no name of a header field"))?;
        let template = self.template(value)?;
        // Another line would be another field.
        let is_sendable = |text: &str| HeaderValue::from_bytes(text.as_bytes()).is_ok();
        let slots = template.values().map(|place| &self.slots[place]);
        let are_sendable = slots.flat_map(Slot::known).all(|value| is_sendable(value));
        if !is_sendable(value.get_ref()) || !are_sendable {
            let sentence = "a header field's value is one line of text, without control characters, and so are the values in it";
            return Err(Mistake::at(value, sentence));
        }
        Ok(Field {
            is_repeated: before.iter().any(|other| other.name == known),
            name: known,
            written: name.get_ref().clone(),
            value: template,
        })
    }

    /// The place of a check that is counted under this name.
    pub(super) fn check_named(&self, name: &str) -> usize {
        let mut checks = self.checks.borrow_mut();
        match checks.iter().position(|known| known == name) {
            Some(place) => place,
            None => {
                checks.push(name.to_owned());
                checks.len() - 1
            }
        }
    }
}

impl Names for Known<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    fn can_be(&self, name: &str) -> bool {
        match name.split_once('.') {
            None => is_name(name),
            Some((space, name)) => {
                let mut tables = self.tables.iter();
                let is_known = space == ENVIRONMENT || tables.any(|table| table.name == space);
                is_known && is_name(name)
            }
        }
    }

    fn remedy(&self, name: &str) -> String {
        match name.split_once('.') {
            Some((ENVIRONMENT, variable)) => {
                format!("set {variable} in the environment")
            }
            Some((space, _)) => {
                let mut tables = self.tables.iter();
                let table = tables.find(|table| table.name == space);
                let columns = table.map_or_else(String::new, |table| table.columns.join(", "));
                format!("the data has the columns {columns}")
            }
            None => format!(
                "give it values in a plan's file, such as `[values.{name}]` with `from = 1` and `to = 100`, or `capture` it in an earlier step of a scenario"
            ),
        }
    }
}

fn check_name(name: &Spanned<String>) -> Result<(), Mistake> {
    match is_name(name.get_ref()) {
        true => Ok(()),
        false => Err(Mistake::at(
            name,
            "a placeholder's name is made of letters, digits, `-` and `_`, and begins with a letter or `_`",
        )),
    }
}

/// The environment's variables that a plan names, each once.
fn variables_in(source: &str) -> Vec<&str> {
    let mut variables: Vec<&str> = Vec::new();
    for after in source.split("{env.").skip(1) {
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let variable = &after[..end.unwrap_or(after.len())];
        if !variable.is_empty() && !variables.contains(&variable) {
            variables.push(variable);
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_once_wherever_they_are() {
        let source = "a = \"{env.TOKEN}/{env.USER:raw}\" # {env.TOKEN} {env.} {envy.X}";
        assert_eq!(variables_in(source), ["TOKEN", "USER"]);
    }
}
