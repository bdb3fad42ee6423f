//! Two runs side by side on a terminal. Colours are `console`'s: only on a terminal, and
//! not where `NO_COLOR` is set.

use std::fmt::Write;
use std::path::Path;

use console::style;

use crate::report::figures::{change, in_unit};
use crate::side_by_side::{Comparison, Figure, Route};
use crate::text::one_line;

/// Most routes that are shown; the page has all.
const ROUTES: usize = 4;

/// The summary of a comparison whose page is `page`.
pub fn comparison_summary(comparison: &Comparison, page: &Path) -> String {
    let mut text = String::new();
    let heading = if comparison.is_fair() {
        style("NO VERDICT").bold()
    } else {
        style("NOT COMPARABLE").bold().yellow()
    };
    line(
        &mut text,
        format_args!(
            "{heading}  one run on each side can’t tell a difference from noise; `gate` can."
        ),
    );
    for caution in &comparison.cautions {
        line(
            &mut text,
            format_args!(
                "{} {}",
                style(if caution.forbids() { "doubt" } else { "note " }).yellow(),
                one_line(&caution.to_string())
            ),
        );
    }
    line(&mut text, format_args!(""));
    let head = format!(
        "{:<34}{:>12}{:>12}{:>11}  interval",
        "", "baseline", "candidate", "change"
    );
    line(&mut text, format_args!("{}", style(head).dim()));
    for figure in &comparison.totals {
        row(&mut text, &figure.name, figure);
    }
    for route in busiest(&comparison.routes) {
        for figure in route
            .figures
            .iter()
            .filter(|figure| ["p50", "p99"].contains(&figure.name.as_str()))
        {
            row(
                &mut text,
                &format!("{} {}", route.name, figure.name),
                figure,
            );
        }
    }
    for figure in &comparison.services {
        row(
            &mut text,
            &format!("CPU a request, {}", figure.name),
            figure,
        );
    }
    line(&mut text, format_args!(""));
    let page = page.display().to_string();
    line(&mut text, format_args!("Report: {}", one_line(&page)));
    text
}

/// The routes with the most requests in the candidate.
fn busiest(routes: &[Route]) -> impl Iterator<Item = &Route> {
    let mut routes: Vec<_> = routes.iter().collect();
    routes.sort_by_key(|route| {
        std::cmp::Reverse(route.candidate.as_ref().map_or(0, |curve| curve.requests))
    });
    routes.into_iter().take(ROUTES)
}

fn row(text: &mut String, name: &str, figure: &Figure) {
    let value =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| in_unit(v, figure.unit));
    let interval = figure.interval.map_or_else(String::new, |interval| {
        format!("  {} to {}", change(interval.lower), change(interval.upper))
    });
    let name = one_line(name);
    line(
        text,
        format_args!(
            "{name:<34}{:>12}{:>12}{:>11}{interval}",
            value(figure.baseline),
            value(figure.candidate),
            figure.ratio.map_or_else(|| "–".to_owned(), change),
        ),
    );
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("a string takes every write");
}
