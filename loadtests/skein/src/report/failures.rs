//! Ways to fail in few lines that add up, for a terminal and for Markdown: those of judged
//! stages one by one, what is left of them as a number, and those of other stages apart.

use super::figures::count;
use crate::record::{FailureRecord, Record};

/// The ways to fail of a run.
#[derive(Clone, Debug)]
pub(super) struct Failures<'r> {
    /// The most frequent ones, with how many requests failed so.
    pub(super) shown: Vec<(u64, &'r FailureRecord)>,
    /// Requests that failed in ways that aren't shown, and in how many.
    others: (u64, usize),
    /// Requests that failed outside judged stages, and the first way that they did so.
    elsewhere: Option<(u64, &'r FailureRecord)>,
    /// True when stages were told apart at all.
    told_apart: bool,
}

impl<'r> Failures<'r> {
    /// Those of `record`, `most` of them one by one.
    pub(super) fn of(record: &'r Record, most: usize) -> Self {
        let failures = &record.failures;
        let told_apart = failures.iter().all(|failure| failure.judged.is_some());
        let here = |failure: &FailureRecord| match told_apart {
            true => failure.judged.unwrap_or(0),
            false => failure.count,
        };
        let mut shown: Vec<_> = failures.iter().map(|f| (here(f), f)).collect();
        shown.retain(|(number, _)| *number > 0);
        let rest = shown.split_off(most.min(shown.len()));
        let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.fold(0, u64::saturating_add);
        let away = |failure: &FailureRecord| failure.count.saturating_sub(here(failure));
        let first = failures.iter().find(|failure| away(failure) > 0);
        Failures {
            shown,
            others: (sum(&mut rest.iter().map(|(n, _)| *n)), rest.len()),
            elsewhere: first.map(|first| (sum(&mut failures.iter().map(away)), first)),
            told_apart,
        }
    }

    /// What is shown, in a few words.
    pub(super) fn heading(&self) -> &'static str {
        match self.told_apart {
            true => "Failed requests",
            false => "Failed requests, warm-up included",
        }
    }

    /// What isn't shown one by one, in numbers.
    pub(super) fn rest(&self) -> impl Iterator<Item = String> {
        let others = (self.others.1 > 0).then(|| {
            let (number, ways) = self.others;
            let kinds = if ways == 1 { "kind" } else { "kinds" };
            format!(
                "{} more, of {} other {kinds}",
                count(number),
                count(ways as u64)
            )
        });
        let elsewhere = self.elsewhere.map(|(number, first)| {
            let (number, reason) = (count(number), &first.reason);
            match self.shown.is_empty() {
                true => format!("{number} outside the judged stages, such as {reason}"),
                false => format!("{number} outside the judged stages"),
            }
        });
        others.into_iter().chain(elsewhere)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::example::example;

    /// A run whose requests failed so often in judged stages and in others, by way.
    fn failed(ways: &[(u64, u64)]) -> Record {
        let mut record = example();
        let way = |(index, (judged, away)): (usize, &(u64, u64))| FailureRecord {
            route: "GET /a".to_owned(),
            reason: format!("reason {index}"),
            count: judged + away,
            judged: Some(*judged),
            example: String::new(),
        };
        record.failures = ways.iter().enumerate().map(way).collect();
        record.routes[0].requests.failed = ways.iter().map(|(judged, _)| judged).sum();
        record
    }

    #[test]
    fn what_isnt_listed_is_said_as_a_number() {
        let record = failed(&[(22, 0), (30, 50), (28, 0)]);
        let told = Failures::of(&record, 1);
        assert_eq!(told.shown[0].0, 22);
        let rest: Vec<_> = told.rest().collect();
        assert_eq!(
            rest,
            ["58 more, of 2 other kinds", "50 outside the judged stages"]
        );
        let record = failed(&[(0, 50)]);
        let told = Failures::of(&record, 1);
        assert!(told.shown.is_empty());
        let rest: Vec<_> = told.rest().collect();
        assert_eq!(rest, ["50 outside the judged stages, such as reason 0"]);
    }

    #[test]
    fn a_record_that_doesnt_tell_stages_apart_says_so() {
        let mut record = failed(&[(22, 8)]);
        record.failures[0].judged = None;
        let told = Failures::of(&record, 1);
        assert_eq!(told.shown[0].0, 30);
        assert!(told.heading().contains("warm-up included"));
        assert_eq!(told.rest().count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_shown_and_what_is_not_add_up(
            ways in prop::collection::vec((0u64..1_000, 0u64..1_000), 0..9), most in 0usize..5,
        ) {
            let record = failed(&ways);
            let told = Failures::of(&record, most);
            let shown: u64 = told.shown.iter().map(|(number, _)| number).sum();
            prop_assert_eq!(shown + told.others.0, record.routes[0].requests.failed);
            let away: u64 = ways.iter().map(|(_, away)| away).sum();
            prop_assert_eq!(told.elsewhere.map_or(0, |(number, _)| number), away);
        }
    }
}
