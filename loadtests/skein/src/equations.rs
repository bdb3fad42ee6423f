//! Lines of a ledger and figures as data: equations over what nodes count and what the
//! generator counted, with the names and labels that the user's own programs have.

mod expression;
mod file;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use harness::Topology;

use crate::figure::{Figure, Reading};
use crate::ledger::Line;
use crate::program::{Account, Over, Seen};
use crate::threshold::Unit;
use expression::Expression;
use reading::{Books, Sum};

pub(crate) use file::Written;

/// The equations of a plan or of a system.
#[derive(Clone, Debug, Default)]
pub(crate) struct Equations {
    lines: Vec<Claim>,
    formulas: Vec<Formula>,
}

/// `[[ledger]]`: a line, before anything was counted.
#[derive(Clone, Debug)]
struct Claim {
    claim: String,
    of: Term,
    is: Vec<Term>,
    differences: Vec<(Allowance, Term)>,
    /// True when programs show a counter only once they have counted something.
    starts_absent: bool,
}

/// Something that is counted: its name for people, and how it is told.
#[derive(Clone, Debug)]
struct Term {
    name: String,
    expression: Expression,
}

/// The way in which a named difference is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowance {
    ButFor,
    UpTo,
    AndUpTo,
    GiveOrTake,
}

/// `[figure.NAME]`: a number that thresholds may judge.
#[derive(Clone, Debug)]
struct Formula {
    figure: Figure,
    value: Expression,
    per: Option<Expression>,
    starts_absent: bool,
}

impl Equations {
    /// True when there is nothing to be told.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.formulas.is_empty()
    }

    /// The figures, for thresholds to find.
    pub(crate) fn figures(&self) -> impl Iterator<Item = Figure> {
        self.formulas.iter().map(|formula| formula.figure)
    }

    /// The same with those of a system's file.
    ///
    /// # Errors
    ///
    /// The name of a figure, or the claim of a line, that both have.
    pub(crate) fn with(mut self, others: &Equations) -> Result<Self, String> {
        let claims: BTreeSet<&str> = others.lines.iter().map(|line| &*line.claim).collect();
        if let Some(twice) = self.lines.iter().find(|line| claims.contains(&*line.claim)) {
            return Err(format!("the ledger's line {:?}", twice.claim));
        }
        let is_known = |name| others.figures().any(|figure| figure.name == name);
        if let Some(twice) = self.figures().find(|figure| is_known(figure.name)) {
            return Err(format!("the figure {}", twice.name));
        }
        self.lines.extend(others.lines.iter().cloned());
        self.formulas.extend(others.formulas.iter().cloned());
        Ok(self)
    }

    /// The ledger's lines over the whole run, and the figures over its judged stages.
    pub(crate) fn account(&self, seen: &Seen<'_>, topology: Option<&Topology>) -> Account {
        let whole = Books::new(seen, topology, Over::Run);
        let judged = Books::new(seen, topology, Over::Judged);
        let account = Account::new().lines(self.lines.iter().map(|claim| claim.line(&whole)));
        self.formulas.iter().fold(account, |account, formula| {
            account.figure(&formula.figure, formula.reading(&judged))
        })
    }
}

impl Claim {
    /// The line, with what was counted.
    fn line(&self, books: &Books<'_>) -> Line {
        self.settled(books)
            .unwrap_or_else(|why| Line::out_of_sight(&self.claim).because(why))
    }

    /// The line; or the reason why it can't be seen.
    fn settled(&self, books: &Books<'_>) -> Result<Line, String> {
        let sum = |term: &Term| books.sum(&term.expression, self.starts_absent);
        let left = sum(&self.of)?;
        let mut line = Line::of(&self.claim, &self.of.name, left.count());
        let mut right = Sum::default();
        for term in &self.is {
            let sum = sum(term)?;
            line = line.is(&term.name, sum.count());
            right.add(sum);
        }
        for (allowance, term) in &self.differences {
            let count = sum(term)?.count();
            line = match allowance {
                Allowance::ButFor => line.but_for(&term.name, count),
                Allowance::UpTo => line.but_for_up_to(&term.name, count),
                Allowance::AndUpTo => line.and_up_to(&term.name, count),
                Allowance::GiveOrTake => line.give_or_take(&term.name, count),
            };
        }
        // Nobody knows what such a node had counted, but that it was not more than all.
        for node in &right.taken_along {
            line = line.but_for_up_to(taken_along(node), left.count());
        }
        for node in &left.taken_along {
            line = line.and_up_to(taken_along(node), right.count());
        }
        Ok(line)
    }
}

fn taken_along(node: &str) -> String {
    format!("taken along by {node}, which ended or began to count anew")
}

impl Formula {
    fn reading(&self, books: &Books<'_>) -> Reading {
        let sum = |expression| books.sum(expression, self.starts_absent);
        let per = self.per.as_ref().map(sum).transpose();
        let (Ok(value), Ok(per)) = (sum(&self.value), per) else {
            return Reading::OutOfSight;
        };
        let is_whole = |sum: &Sum| sum.taken_along.is_empty();
        if !is_whole(&value) || !per.as_ref().is_none_or(is_whole) {
            return Reading::OutOfSight;
        }
        let scale = match self.figure.unit {
            Unit::Percent => 100.0,
            Unit::Microseconds => 1e6,
            Unit::PerSecond | Unit::Count => 1.0,
        };
        match per {
            Some(per) if per.value == 0.0 => Reading::NoSamples,
            Some(per) => Reading::Value(value.value / per.value * scale),
            None => Reading::Value(value.value * scale),
        }
    }
}
