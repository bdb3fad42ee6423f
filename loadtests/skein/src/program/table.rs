//! Tables of plans that mean something to one program alone, and values found by their type.

use std::sync::Arc;

use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use crate::plan::Mistake;

/// A table of plans that means something to one program alone, such as `[topology]`.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use skein::plan::{Mistake, Spanned, within};
/// use skein::PlanTable;
///
/// #[derive(Serialize)]
/// struct Shelves {
///     number: usize,
/// }
///
/// #[derive(Default, Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Written {
///     number: Option<Spanned<usize>>,
/// }
///
/// impl PlanTable for Shelves {
///     const NAME: &str = "shelves";
///     type Written = Written;
///
///     fn check(written: Written) -> Result<Self, Mistake> {
///         let number = within(written.number, 1..=32, 3, "`number`")?;
///         Ok(Shelves { number })
///     }
/// }
/// ```
pub trait PlanTable: Serialize + Sized + Send + Sync + 'static {
    /// The table's name.
    const NAME: &'static str;

    /// The table as it is written, with nothing in it where a plan doesn't have it.
    type Written: DeserializeOwned + Default;

    /// The table's meaning.
    ///
    /// # Errors
    ///
    /// The first value that makes no sense, with its place.
    fn check(written: Self::Written) -> Result<Self, Mistake>;
}

/// A table of a plan, of whatever type it becomes.
#[derive(Clone, Copy)]
pub(crate) struct TableKind {
    pub(crate) name: &'static str,
    read: Read,
}

type Read = fn(Option<Spanned<DeValue<'_>>>, &mut TypeMap) -> Result<Value, Unreadable>;

/// The reason why a table can't be read.
pub(crate) enum Unreadable {
    /// It has another form.
    Form(toml::de::Error),
    /// It makes no sense.
    Sense(Mistake),
}

impl TableKind {
    pub(crate) fn of<T: PlanTable>() -> Self {
        TableKind {
            name: T::NAME,
            read: |written, tables| {
                let written = match written {
                    Some(written) => T::Written::deserialize(written.into_deserializer())
                        .map_err(Unreadable::Form)?,
                    None => T::Written::default(),
                };
                let table = T::check(written).map_err(Unreadable::Sense)?;
                let kept = serde_json::to_value(&table).unwrap_or_default();
                tables.insert(table);
                Ok(kept)
            },
        }
    }

    /// Reads the table into `tables`, and gives what a record keeps of it.
    pub(crate) fn read(
        self,
        written: Option<Spanned<DeValue<'_>>>,
        tables: &mut TypeMap,
    ) -> Result<Value, Unreadable> {
        (self.read)(written, tables)
    }
}

/// Values of which there is one of each type, and many hold it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypeMap(http::Extensions);

impl TypeMap {
    /// Adds a value, in place of one of the same type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(Arc::new(value));
    }

    /// The value of a type.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.get().map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_type_and_another_takes_its_place() {
        let mut map = TypeMap::default();
        map.insert(7_u8);
        map.insert("seven");
        map.insert(8_u8);
        assert_eq!(map.get::<u8>().as_deref(), Some(&8));
        assert_eq!(map.get::<&str>().as_deref(), Some(&"seven"));
        assert_eq!(map.get::<u16>(), None);
    }
}
