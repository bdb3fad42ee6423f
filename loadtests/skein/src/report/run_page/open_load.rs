//! Open load on the page of a run: what was asked for beside what was got, and how
//! well the generator kept to its plan.

use maud::{Markup, html};

use super::percentiles::percentiles;
use crate::arrivals::Spacing;
use crate::record::{OpenPart, StageRecord};
use crate::report::figures::{count, known, per_second, percent};
use crate::report::layout::scroll;

/// The section about open load; nothing where all load was closed.
pub(super) fn open_load(stages: &[StageRecord]) -> Markup {
    let open: Vec<_> = stages.iter().flat_map(StageRecord::open_parts).collect();
    html! {
        @if !open.is_empty() {
            section #open-load {
                h2 { "Open load: response time and service time" }
                (scroll("Arrivals of open stages", &arrivals(&open)))
                (scroll("Times of open stages", &times(&open)))
                p.small.soft {
                    "A response time counts from the intended time of a request, as somebody outside feels it; a service "
                    "time from its actual send. What lies between is the send lag: the wait for a free user, and the "
                    "generator’s own. A turn of a user is one arrival; it should begin at its intended time, "
                    "whether or not earlier ones are over. Late ones began more than 1 ms after "
                    "it. Unsent ones found no user free until their stage was over, and are in "
                    "no time above. The generator’s own lag is that of turns that found a user free."
                }
            }
        }
    }
}

fn arrivals(open: &[OpenPart<'_>]) -> Markup {
    let any_stuck = open.iter().any(|part| part.open.near_side > 0);
    let any_own = open.iter().any(|part| part.scenario.is_some());
    html! {
        table {
            thead { tr {
                th scope="col" { "Stage" }
                @if any_own { th scope="col" { "Scenario" } }
                th scope="col" { "Arrivals" }
                th scope="col" .n { "Requested" }
                th scope="col" .n { "Achieved" }
                th scope="col" .n { "Planned" }
                th scope="col" .n { "Sent" }
                th scope="col" .n { "Late" }
                th scope="col" .n { "Unsent" }
                th scope="col" .n { "Waited for a user" }
                @if any_stuck { th scope="col" .n { "Never left here" } }
            } }
            tbody { @for part in open { @let OpenPart { stage, open, .. } = part; tr {
                th scope="row" {
                    (stage.name)
                    @if stage.warm_up { span.soft { " (not judged)" } }
                }
                @if any_own { td { (part.scenario.unwrap_or("all, by the mix")) } }
                td { (spacing(open.spacing)) }
                td.n { (per_second(open.requested_per_second)) }
                td.n { (known(open.achieved_per_second, per_second)) }
                @for number in [open.planned, open.sent] { td.n { (count(number)) } }
                @for number in [open.late, open.unsent, open.queued] {
                    td.n {
                        (count(number))
                        @if let Some(share) = open.share(number).filter(|_| number > 0) {
                            div.small.soft { (percent(share)) }
                        }
                    }
                }
                @if any_stuck { td.n { (count(open.near_side)) } }
            } } }
        }
    }
}

fn times(open: &[OpenPart<'_>]) -> Markup {
    let rows: Vec<_> = open
        .iter()
        .flat_map(|part| {
            let OpenPart { requests, open, .. } = part;
            let responses = requests.times.as_ref();
            let services = requests.service_times.as_ref().or(responses);
            [
                ("response time", responses),
                ("service time", services),
                ("send lag", open.send_lag.as_ref()),
                ("the generator’s own lag", open.own_lag.as_ref()),
            ]
            .map(|(kind, times)| (format!("{}: {kind}", part.name()), times))
        })
        .collect();
    percentiles(&rows)
}

fn spacing(spacing: Spacing) -> &'static str {
    match spacing {
        Spacing::Constant => "constant",
        Spacing::Poisson => "Poisson",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::OpenTotal;
    use crate::record::example::{example, open_load_example};

    #[test]
    fn requested_and_achieved_rate_stand_together_with_what_was_never_sent() {
        let mut record = example();
        assert!(OpenTotal::of(&record.stages).is_none());
        assert_eq!(open_load(&record.stages).into_string(), "");
        record.stages[0].open = Some(open_load_example());
        let total = OpenTotal::of(&record.stages).expect("an open stage");
        assert_eq!(total.requested_per_second, 1000.0);
        assert_eq!(total.achieved_per_second, 987.5);
        let page = open_load(&record.stages).into_string();
        let page = page.replace('\u{202f}', " ");
        for figure in [
            "1 000 /s",
            "988 /s",
            ">50<div class=\"small soft\">1.25 %",
            "Poisson",
            "120 µs",
        ] {
            assert!(page.contains(figure), "{figure} is missing: {page}");
        }
    }
}
