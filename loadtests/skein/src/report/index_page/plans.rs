//! Each plan by itself: how its last run came out, and its headline figures over time.

use maud::{Markup, html};

use super::sparkline::{Point, sparkline};
use crate::report::entry::{RunFigures, RunLine};
use crate::report::figures::{micros, per_second};
use crate::report::layout::badge;
use crate::report::{Entry, Line};

/// So many runs of a plan are drawn, the latest ones.
const DRAWN: usize = 30;

/// Every plan that was run, the one that was run last first.
pub(super) fn plans(entries: &[Entry]) -> Markup {
    let by_plan = by_plan(entries);
    html! {
        @if !by_plan.is_empty() {
            section.bare aria-labelledby="plans" {
                h2 #plans { "Plans over time" }
                div.plans { @for (plan, runs) in &by_plan { (card(plan, runs)) } }
            }
        }
    }
}

/// The runs of each plan, the newest first, as the entries are.
fn by_plan(entries: &[Entry]) -> Vec<(&str, Vec<&RunLine>)> {
    let mut plans: Vec<(&str, Vec<&RunLine>)> = Vec::new();
    for entry in entries {
        let Ok(Line::Run(line)) = &entry.line else {
            continue;
        };
        match plans.iter_mut().find(|(plan, _)| *plan == line.plan) {
            Some((_, runs)) => runs.push(line),
            None => plans.push((&line.plan, vec![line])),
        }
    }
    plans
}

fn card(plan: &str, runs: &[&RunLine]) -> Markup {
    let latest = runs[0];
    let quoted = runs.iter().find_map(|run| run.figures);
    let drawn: Vec<&RunLine> = runs.iter().take(DRAWN).rev().copied().collect();
    html! {
        article.card {
            h3 { (plan) " " (badge(latest.judgement.verdict)) }
            @match quoted {
                Some(figures) => dl {
                    (trend("rate", &drawn, |f| f.per_second, per_second, figures))
                    (trend("p99 of the slowest route", &drawn, |f| f.slowest_p99.map(|p99| p99 as f64), micros, figures))
                },
                None => p.soft.small { "No run of it has figures that may be quoted." },
            }
            p.soft.small {
                @if runs.len() == 1 { "1 run" } @else { (runs.len()) " runs" }
                @if runs.len() > DRAWN { ", the last " (DRAWN) " drawn" }
                @if latest.figures.is_none() && quoted.is_some() { "; figures of the last valid one" }
            }
        }
    }
}

/// A figure of the latest quoted run, and how it came to be there.
fn trend(
    name: &str,
    runs: &[&RunLine],
    figure: impl Fn(&RunFigures) -> Option<f64>,
    say: impl Fn(f64) -> String,
    latest: RunFigures,
) -> Markup {
    let points: Vec<Point> = runs
        .iter()
        .map(|run| Point {
            value: run.figures.as_ref().and_then(&figure),
            verdict: run.judgement.verdict,
        })
        .collect();
    html! {
        dt { (name) }
        dd.figure { (figure(&latest).map_or_else(|| "–".to_owned(), &say)) }
        dd.trend { (sparkline(name, &points, &say)) }
    }
}
