//! Each threshold with its limit, its value, and how much room there was between.

use maud::{Markup, html};

use crate::report::figures::{in_unit, parts, percent};
use crate::report::layout::scroll;
use crate::threshold::{Judged, State};

/// The section.
pub(super) fn thresholds(thresholds: &[Judged]) -> Markup {
    html! {
        section #thresholds {
            h2 { "Thresholds" }
            @if thresholds.is_empty() {
                p.soft { "The plan has none, so that nothing was judged but the ledger." }
            } @else {
                (scroll("Thresholds", &html! { table {
                    thead { tr {
                        th scope="col" { "Rule" }
                        th scope="col" .n { "Limit" }
                        th scope="col" .n { "Value" }
                        th scope="col" { "Margin" }
                        th scope="col" { "Outcome" }
                    } }
                    tbody { @for judged in thresholds { (row(judged)) } }
                } }))
            }
        }
    }
}

fn row(judged: &Judged) -> Markup {
    html! {
        tr {
            th scope="row" {
                code { (judged.rule) }
                @if judged.built_in { span.soft.small { " (built in)" } }
            }
            td.n { (in_unit(judged.limit, judged.unit)) }
            td.n { (judged.value.map_or_else(|| "–".to_owned(), |v| in_unit(v, judged.unit))) }
            td.margin { @if let Some(value) = judged.value { (margin(judged, value)) } }
            td { (outcome(judged)) }
        }
    }
}

/// How far the value is from the limit, on the good side or on the bad one.
fn margin(judged: &Judged, value: f64) -> Markup {
    let room = room(judged, value);
    let used = match is_ceiling(&judged.rule) {
        true => value / judged.limit,
        false => judged.limit / value,
    };
    let used = if used.is_finite() {
        used.clamp(0.0, 1.0) * 100.0
    } else {
        0.0
    };
    let text = match room {
        None if value == judged.limit => "at the limit".to_owned(),
        None => format!("{} off", in_unit((value - judged.limit).abs(), judged.unit)),
        // More than the limit once again is easier to grasp as a multiple of it.
        Some(room) if room < -100.0 => format!("{} times the limit", parts(value / judged.limit)),
        Some(room) if room < 0.0 => format!("{} beyond", percent(-room)),
        Some(room) => format!("{} left", percent(room)),
    };
    html! {
        div.gauge.over[room.is_some_and(|room| room < 0.0)] aria-hidden="true" {
            div style=(format!("width:{used:.1}%")) {}
        }
        span.small { (text) }
    }
}

/// The way from the value to the limit in percent of the limit, negative when it was
/// passed; `None` where the limit is nothing to take a share of.
fn room(judged: &Judged, value: f64) -> Option<f64> {
    let away = match is_ceiling(&judged.rule) {
        true => judged.limit - value,
        false => value - judged.limit,
    };
    (judged.limit > 0.0).then(|| away / judged.limit * 100.0)
}

/// Whether values are to stay below the limit. A rule begins with its metric, and no
/// metric has the sign in its name.
fn is_ceiling(rule: &str) -> bool {
    rule.find(['<', '>'])
        .is_none_or(|at| rule[at..].starts_with('<'))
}

fn outcome(judged: &Judged) -> Markup {
    let (class, word) = match (judged.state, judged.value) {
        (State::Passed, _) => ("good", "held"),
        (State::Failed, Some(_)) => ("bad", "failed"),
        (State::Failed, None) => ("bad", "failed: no samples"),
        (State::NotObservable, _) => ("doubt", "not observable"),
        (State::NotJudged, _) => ("doubt", "not judged: stopped before"),
    };
    html! { span.badge.(class) { (word) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threshold::Unit;

    fn judged(rule: &str, limit: f64, value: f64) -> Judged {
        Judged {
            rule: rule.to_owned(),
            state: State::Passed,
            limit,
            value: Some(value),
            unit: Unit::Percent,
            built_in: false,
        }
    }

    #[test]
    fn the_margin_is_the_room_to_the_limit_whichever_side_is_good() {
        for (rule, limit, value, says) in [
            ("p99<50ms", 50.0, 10.0, "80 % left"),
            ("p99<50ms for GET /a>b", 50.0, 60.0, "20 % beyond"),
            ("p99<1ms", 1.0, 56.4, "56.4 times the limit"),
            ("hit-ratio>=80%", 80.0, 90.0, "12.5 % left"),
            ("hit-ratio>=80%", 80.0, 60.0, "25 % beyond"),
            ("error-rate<=0%", 0.0, 0.0, "at the limit"),
            ("error-rate<=0%", 0.0, 3.0, "3 % off"),
        ] {
            let page = row(&judged(rule, limit, value))
                .into_string()
                .replace('\u{202f}', " ");
            assert!(page.contains(says), "{rule} {value}: {page}");
        }
    }
}
