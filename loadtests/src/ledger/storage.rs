//! PostgreSQL behind the database and the worker: it did what they say that it did.

use services::contract::Service;
use services::statements::{Owner, Statement};
use skein::Line;

use super::{Books, READ_ROUTES, WRITE_ROUTE};
use crate::kinds::{POSTGRES, Postgres};

const READ: &str = "PostgreSQL saw the reads that the database made.";
const WROTE: &str = "PostgreSQL made the writes that the database counts.";
const KEPT: &str = "PostgreSQL kept each task that the worker accepted.";
const NOTED: &str = "PostgreSQL noted the end of each task that was done.";

/// The lines of PostgreSQL behind the database, where it is there.
pub(super) fn items(books: &Books<'_>) -> Vec<Line> {
    seen(books, Owner::Database, [READ, WROTE], of_items)
}

/// The lines of PostgreSQL behind the worker, where it is there.
pub(super) fn tasks(books: &Books<'_>) -> Vec<Line> {
    seen(books, Owner::Worker, [KEPT, NOTED], of_tasks)
}

/// The lines about the tables of one service, as far as the server counts statements.
fn seen(
    books: &Books<'_>,
    owner: Owner,
    claims: [&str; 2],
    lines: fn(&Postgres<'_>, &Books<'_>) -> [Line; 2],
) -> Vec<Line> {
    let postgres = Postgres(books.nodes);
    if books.nodes.nodes(POSTGRES).next().is_none() {
        Vec::new()
    } else if !postgres.counts_statements() {
        let unseen = |claim| {
            Line::out_of_sight(claim)
                .because("PostgreSQL counts statements only with its extension pg_stat_statements.")
        };
        claims.map(unseen).into()
    } else if postgres.keeps_for(owner) {
        lines(&postgres, books).into()
    } else {
        // The service keeps what it has elsewhere.
        Vec::new()
    }
}

fn of_items(postgres: &Postgres<'_>, books: &Books<'_>) -> [Line; 2] {
    let read = [Statement::GetItem, Statement::ListItems];
    let of_database = |counter| books.sum(Service::Database, counter, &[]);
    let failed_reads = READ_ROUTES.map(|route| books.failed(route)).iter().sum();
    [
        Line::of(READ, "reads seen by PostgreSQL", postgres.statements(&read))
            .is(
                "reads seen by the database",
                of_database("database_reads_total"),
            )
            .but_for_up_to("ended in an error", failed_reads)
            .give_or_take(books.given_up_by, books.given_up),
        Line::of(
            WROTE,
            "writes made by PostgreSQL",
            postgres.statements(&[Statement::PutItem]),
        )
        .is(
            "writes made by the database",
            of_database("database_writes_total"),
        )
        .but_for_up_to("ended in an error", books.failed(WRITE_ROUTE))
        .give_or_take(books.given_up_by, books.given_up),
    ]
}

fn of_tasks(postgres: &Postgres<'_>, books: &Books<'_>) -> [Line; 2] {
    let of_worker = |counter, labels: &[_]| books.sum(Service::Worker, counter, labels);
    let attempts = |outcome| of_worker("task_attempts_total", &[("outcome", outcome)]);
    [
        Line::of(
            KEPT,
            "tasks kept by PostgreSQL",
            postgres.rows(&[Statement::KeepTask]),
        )
        .is(
            "accepted by the worker",
            of_worker("tasks_accepted_total", &[]),
        )
        .but_for_up_to(
            "not confirmed by the broker yet",
            of_worker("tasks_unconfirmed", &[]),
        )
        .but_for_up_to("ended in an error", books.failed("POST /longtask"))
        .give_or_take(books.given_up_by, books.given_up),
        Line::of(
            NOTED,
            "ends noted by PostgreSQL",
            postgres.rows(&[Statement::FinishTask]),
        )
        .is("attempts that did their task", attempts("done"))
        .but_for_up_to("attempts of unknown outcome", attempts("lost")),
    ]
}
