//! The supply of values: where users of one load get what their placeholders stand for, so
//! that a row that is there once is given once, and a count goes on whoever asks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::{Rng, RngExt};

use crate::plan::{Order, Requests, Slot, Table};

/// Values for the users of one load.
#[derive(Debug)]
pub(crate) struct Supply {
    slots: Vec<Slot>,
    tables: Vec<Table>,
    /// The number of times that each slot's value was drawn, of those that count.
    counted: Vec<AtomicU64>,
    /// The number of rows of each table that were given in their order.
    given: Vec<AtomicU64>,
    /// Values that set-up steps took from answers, by their places.
    captured: Vec<(usize, String)>,
}

/// The values of one user: one for each slot, and whether it is known yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    values: Vec<String>,
    known: Vec<bool>,
    /// The rows that the user has to itself.
    rows: Vec<Option<usize>>,
}

/// The values that a request or a scenario needs: those that are drawn, by their slots, and
/// tables, by their places. Nobody gets a row that it has no use for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    drawn: Vec<usize>,
    tables: Vec<usize>,
}

/// A table of which there is no row left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{from} has {rows} rows for {{{name}.…}}, and each is given once")]
pub(crate) struct UsedUp {
    name: String,
    from: String,
    rows: usize,
}

impl Supply {
    /// The supply of a plan's users.
    pub(crate) fn new(requests: &Requests) -> Self {
        let zeros = |count| {
            std::iter::repeat_with(AtomicU64::default)
                .take(count)
                .collect()
        };
        Supply {
            counted: zeros(requests.slots.len()),
            given: zeros(requests.tables.len()),
            slots: requests.slots.clone(),
            tables: requests.tables.clone(),
            captured: Vec::new(),
        }
    }

    /// Gives every user from now on what set-up steps captured.
    pub(crate) fn add(&mut self, captured: Vec<(usize, String)>) {
        self.captured = captured;
    }

    /// The values of a user before its first turn.
    pub(crate) fn begin(&self) -> Values {
        let mut values = Values {
            values: vec![String::new(); self.slots.len()],
            known: vec![false; self.slots.len()],
            rows: vec![None; self.tables.len()],
        };
        for (place, slot) in self.slots.iter().enumerate() {
            if let Slot::Secret(secret) = slot {
                values.set(place, secret.clone());
            }
        }
        for (place, value) in &self.captured {
            values.set(*place, value.clone());
        }
        values
    }

    /// Gives the user on `seat` what it `needs` for its next turn.
    ///
    /// # Errors
    ///
    /// There is no row left of a table whose rows are given once.
    pub(crate) fn begin_turn(
        &self,
        needs: &Needs,
        values: &mut Values,
        seat: usize,
        rng: &mut impl Rng,
    ) -> Result<(), UsedUp> {
        for place in needs.tables.iter().copied() {
            let table = &self.tables[place];
            let row = self.row(place, values.rows[place], seat, rng)?;
            values.rows[place] = (table.order == Order::PerUser).then_some(row);
            for (slot, of) in self.slots.iter().enumerate() {
                if let Slot::Column { table: of, column } = of
                    && *of == place
                {
                    values.set(slot, table.rows[row][*column].clone());
                }
            }
        }
        self.draw(needs, values, rng);
        Ok(())
    }

    /// Draws what is drawn anew, and leaves rows and captures as they are.
    pub(crate) fn draw(&self, needs: &Needs, values: &mut Values, rng: &mut impl Rng) {
        for place in needs.drawn.iter().copied() {
            if let Slot::Drawn(of) = &self.slots[place] {
                values.set(place, of.draw(&self.counted[place], rng));
            }
        }
    }

    /// The next row of a table, of which the user may have one to itself.
    fn row(
        &self,
        place: usize,
        own: Option<usize>,
        seat: usize,
        rng: &mut impl Rng,
    ) -> Result<usize, UsedUp> {
        let table = &self.tables[place];
        let rows = table.rows.len();
        let next = || self.given[place].fetch_add(1, Ordering::Relaxed) as usize;
        let row = match table.order {
            Order::Random => rng.random_range(0..rows),
            Order::InTurn => next() % rows,
            Order::Once => next(),
            Order::PerUser => own.unwrap_or(seat),
        };
        match row < rows {
            true => Ok(row),
            false => Err(UsedUp {
                name: table.name.clone(),
                from: table.from.clone(),
                rows,
            }),
        }
    }
}

impl Needs {
    /// The needs of values at these places of `slots`.
    pub(crate) fn of(places: impl IntoIterator<Item = usize>, slots: &[Slot]) -> Self {
        let (mut drawn, mut tables) = (BTreeSet::new(), BTreeSet::new());
        for place in places {
            match slots[place] {
                Slot::Drawn(_) => {
                    drawn.insert(place);
                }
                Slot::Column { table, .. } => {
                    tables.insert(table);
                }
                Slot::Captured | Slot::Secret(_) => {}
            }
        }
        Needs {
            drawn: drawn.into_iter().collect(),
            tables: tables.into_iter().collect(),
        }
    }
}

impl Values {
    /// All values, by their place; what isn't known is empty.
    pub(crate) fn all(&self) -> &[String] {
        &self.values
    }

    /// Sets a value.
    pub(crate) fn set(&mut self, place: usize, value: String) {
        self.values[place] = value;
        self.known[place] = true;
    }

    /// True when there is a value, which is not empty.
    pub(crate) fn has(&self, place: usize) -> bool {
        self.known[place] && !self.values[place].is_empty()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;

    /// The only column of three rows, in five turns of two users.
    fn rows(order: Order) -> Vec<Result<String, UsedUp>> {
        let requests = Requests {
            slots: vec![Slot::Column {
                table: 0,
                column: 0,
            }],
            tables: vec![Table {
                name: "users".to_owned(),
                from: "users.csv".to_owned(),
                columns: vec!["name".to_owned()],
                rows: ["a", "b", "c"].map(|row| vec![row.to_owned()]).to_vec(),
                order,
            }],
            ..Requests::default()
        };
        let supply = Supply::new(&requests);
        let needs = Needs::of([0], &requests.slots);
        let mut users = [supply.begin(), supply.begin()];
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let turns = (0..5).map(|turn| {
            let seat = turn % 2;
            let values = &mut users[seat];
            supply.begin_turn(&needs, values, seat, &mut rng)?;
            Ok(values.all()[0].clone())
        });
        turns.collect()
    }

    #[test]
    fn rows_are_given_in_the_order_that_was_asked_for() {
        let given = |order| -> Vec<String> {
            rows(order)
                .into_iter()
                .map(|row| row.expect("a row"))
                .collect()
        };
        assert_eq!(given(Order::InTurn), ["a", "b", "c", "a", "b"]);
        assert_eq!(given(Order::PerUser), ["a", "b", "a", "b", "a"]);
        let random = given(Order::Random);
        assert!(
            random
                .iter()
                .all(|row| ["a", "b", "c"].contains(&row.as_str()))
        );
    }

    #[test]
    fn rows_that_are_given_once_run_out_and_that_is_said() {
        let rows = rows(Order::Once);
        let told = |row: &Result<String, UsedUp>| row.as_ref().ok().cloned();
        let first: Vec<_> = rows.iter().filter_map(told).collect();
        assert_eq!(first, ["a", "b", "c"]);
        let used_up = rows[3].as_ref().expect_err("no row is left").to_string();
        assert!(used_up.contains("users.csv has 3 rows"), "{used_up}");
    }
}
