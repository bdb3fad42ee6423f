//! The ledger as a flow: for each claim what came in, where it went, and every
//! difference by its name.

use maud::{Markup, html};

use crate::ledger::{Balance, Difference, Line};
use crate::record::Record;
use crate::report::figures::count;

/// How many colours the parts of a bar have.
const COLOURS: usize = 6;

/// The section.
pub(super) fn ledger(record: &Record) -> Markup {
    let off = record
        .ledger
        .iter()
        .filter(|line| matches!(line.balance, Balance::Off(_)));
    let off = off.count();
    html! {
        section #ledger {
            h2 { "Ledger" }
            p.soft {
                "What was sent equals what each hop saw, over the whole run, warm-up included. "
                @match off {
                    0 => "No line is off.",
                    off => strong { (off) " of " (record.ledger.len()) " lines are off: a difference without a name fails the run." },
                }
            }
            ol.flow { @for line in &record.ledger { (step(line)) } }
        }
    }
}

fn step(line: &Line) -> Markup {
    let is_seen = line.balance != Balance::NotObservable;
    let is_nothing = line.left.count == 0 && line.right.iter().all(|term| term.count == 0);
    html! {
        li {
            div.claim { (line.claim) " " (balance(line.balance)) }
            @if is_seen && !is_nothing { (bars(line)) }
            @if is_seen { (terms(line)) }
            @if let Some(reason) = &line.reason { div.small.soft { (reason) } }
        }
    }
}

fn balance(balance: Balance) -> Markup {
    html! {
        @match balance {
            Balance::Even => span.badge.good { "even" },
            Balance::Off(by) => span.badge.bad { "off by " (by) },
            Balance::NotObservable => span.badge.doubt { "not observable" },
        }
    }
}

/// What is to be accounted for above what accounts for it; what is missing has a
/// pattern of its own.
fn bars(line: &Line) -> Markup {
    let right: u64 = line.right.iter().map(|term| term.count).sum();
    let most = line.left.count.max(right).max(1) as f64;
    let width = |count: u64| format!("width:{:.2}%", count as f64 / most * 100.0);
    let missing = line.left.count.saturating_sub(right);
    html! {
        div.flow-bar aria-hidden="true" { div.whole style=(width(line.left.count)) {} }
        div.flow-bar aria-hidden="true" {
            @for (index, term) in line.right.iter().enumerate() { @if term.count > 0 {
                div.(colour(index)) style=(width(term.count)) {}
            } }
            @if missing > 0 {
                div.missing.bad[matches!(line.balance, Balance::Off(_))] style=(width(missing)) {}
            }
        }
    }
}

fn terms(line: &Line) -> Markup {
    // An account of nothing is only worth a word where there is no other.
    let mut accounts: Vec<_> = line
        .right
        .iter()
        .enumerate()
        .filter(|(_, term)| term.count > 0)
        .collect();
    if accounts.is_empty() {
        accounts.extend(line.right.iter().enumerate().next());
    }
    html! {
        ul.terms-list {
            li { span.key.whole {} (line.left.name) " " strong { (count(line.left.count)) } " =" }
            @for (index, term) in accounts {
                li { span.key.(colour(index)) {} (term.name) " " strong { (count(term.count)) } }
            }
            @for difference in &line.differences {
                li { span.key.missing {} (named(difference)) }
            }
        }
    }
}

fn colour(index: usize) -> String {
    format!("c{}", index % COLOURS + 1)
}

/// A difference that is known exactly, or the bounds of one that isn't.
fn named(difference: &Difference) -> Markup {
    let most = count(difference.at_most.unsigned_abs());
    html! {
        (difference.name) " "
        @if difference.at_least == difference.at_most {
            strong { (most) }
        } @else if difference.at_most == 0 {
            "up to " strong { (count(difference.at_least.unsigned_abs())) } " uncounted"
        } @else if difference.at_least < 0 {
            "± up to " strong { (most) }
        } @else {
            "up to " strong { (most) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Term;
    use crate::record::example::example;

    #[test]
    fn every_difference_is_named_and_what_is_off_shows() {
        let mut record = example();
        record.ledger = vec![Line {
            claim: "What was sent arrived.".to_owned(),
            left: Term {
                name: "sent".to_owned(),
                count: 10,
            },
            right: vec![
                Term {
                    name: "answered".to_owned(),
                    count: 6,
                },
                Term {
                    name: "unused".to_owned(),
                    count: 0,
                },
            ],
            differences: vec![Difference {
                name: "fate unknown".to_owned(),
                at_least: 0,
                at_most: 2,
            }],
            balance: Balance::Off(2),
            reason: None,
        }];
        let page = ledger(&record).into_string();
        for says in [
            "1 of 1 lines are off",
            "off by 2",
            "fate unknown up to",
            "width:60.00%",
            "missing bad",
        ] {
            assert!(page.contains(says), "{says} is missing in {page}");
        }
        record.ledger = vec![Line::out_of_sight("Each was tried.").because("nobody counts that")];
        let unseen = ledger(&record).into_string();
        assert!(unseen.contains("nobody counts that"), "{unseen}");
        assert!(
            !page.contains("unused"),
            "an account of nothing is not worth a word"
        );
    }
}
