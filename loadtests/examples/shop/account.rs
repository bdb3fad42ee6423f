//! The account of a run: what was sent, what each program saw, and what is in the book.

use skein::{Account, Cell, Edge, Figure, Line, Over, Reading, Section, Seen, Unit};

use crate::scenarios::{ORDER, Receipts};

/// Accepted orders that are not in the book.
pub(crate) const ORDERS_LOST: Figure = Figure::new(
    "orders-lost",
    Unit::Count,
    "accepted orders that are not in the book, over the whole run",
)
.labelled("orders lost")
.unless(|plan| {
    let nobody = plan.mix.weight("buyers") == 0;
    nobody.then_some("has nobody who buys")
});

const BOOKED: &str = "Each accepted order is in the book.";

/// The account of a run.
pub(crate) fn account(seen: &Seen<'_>) -> Account {
    let receipts = seen.shared::<Receipts>();
    let accepted = receipts.map_or(0, |receipts| receipts.number());
    let Some(counts) = seen.counts(Over::Run) else {
        return Account::new()
            .line(Line::out_of_sight(BOOKED))
            .figure(&ORDERS_LOST, Reading::OutOfSight);
    };
    let at_the_door = counts.sum("door", "requests_total", &[]);
    let asked = counts.sum("door", "calls_total", &[("to", "catalogue")]);
    let failed = counts.sum("door", "calls_failed_total", &[("to", "catalogue")]);
    let looked_up = counts.sum("catalogue", "requests_total", &[]);
    let booked = counts.sum("orders", "orders_booked_total", &[]);
    let lost = accepted.saturating_sub(booked);
    Account::new()
        .line(
            Line::of("What was sent came in at the door.", "sent", seen.sent())
                .is("answered at the door", at_the_door)
                .but_for("could not connect", seen.not_connected())
                .but_for_up_to("without an answer, fate unknown", seen.unanswered()),
        )
        .line(
            Line::of(
                "The catalogue saw what the door asked of it.",
                "asked",
                asked,
            )
            .is("looked up", looked_up)
            .but_for_up_to("without an answer, fate unknown", failed),
        )
        .line(
            Line::of(BOOKED, "receipts", accepted)
                .is("orders in the book", booked)
                .give_or_take("submissions in doubt", seen.failed(ORDER, Over::Run)),
        )
        .figure(&ORDERS_LOST, Reading::among(lost, accepted))
        .section(book(seen, accepted, booked))
        .in_short(format!("{booked} of {accepted} orders in the book"))
        .edges(edges(seen))
}

/// The section on the shop's book.
fn book(seen: &Seen<'_>, accepted: u64, booked: u64) -> Section {
    let statuses = seen.statuses(ORDER, Over::Run);
    let rows = statuses
        .iter()
        .map(|(status, count)| vec![Cell::from(status.to_string()), Cell::from(*count)]);
    Section::new("book", "The book")
        .sentence(format!(
            "{booked} orders are in it, and users have {accepted} receipts for orders."
        ))
        .table("Answers to orders", ["Status", "Answers"], rows)
        .note("Over the whole run, as the orders program and the users counted.")
}

/// The calls between the programs, for the picture of the system.
fn edges(seen: &Seen<'_>) -> Vec<Edge> {
    let Some(counts) = seen.counts(Over::Judged) else {
        return Vec::new();
    };
    let called = counts.all().iter().filter(|node| node.role != "door");
    let edges = called.map(|node| Edge {
        from: "door".to_owned(),
        to: node.name.to_string(),
        calls: node.count("requests_total", &[]),
        failed: None,
    });
    edges.collect()
}
