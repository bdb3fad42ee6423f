//! What the run knows about itself: the evidence that its doubts, or their absence,
//! rest on.

use maud::{Markup, html};

use crate::evidence::StageEvidence;
use crate::record::Record;
use crate::report::figures::{count, micros, parts, per_second, percent};
use crate::report::layout::scroll;

pub(super) fn trust(record: &Record) -> Markup {
    let evidence = &record.evidence;
    let limits = &evidence.limits;
    html! {
        @if !evidence.stages.is_empty() {
            section #trust {
                h2 { "The generator’s own health" }
                (scroll("The generator’s own health", &html! { table {
                    thead { tr {
                        th scope="col" { "Stage" }
                        th scope="col" .n { "Its cores" }
                        th scope="col" .n { "Wait for one" }
                        th scope="col" .n { "Answers unread" }
                        th scope="col" .n { "Cores busy" }
                        th scope="col" .n { "With others" }
                        th scope="col" .n { "Stolen" }
                        th scope="col" .n { "In flight" }
                        th scope="col" .n { "Rate × time" }
                        th scope="col" .n { "Send lag p99" }
                    } }
                    tbody { @for stage in &evidence.stages { (row(stage)) } }
                } }))
                p.small.soft {
                    @if let Some(ceiling) = &evidence.ceiling {
                        "At its limit, asking somebody who answers at once, the generator uses "
                        (parts(ceiling.cores)) " cores for " (per_second(ceiling.per_second))
                        ", and leaves " (parts(ceiling.responders)) " to who answers. "
                    }
                    @if let Some(files) = &evidence.files {
                        "It may open " (count(files.limit)) " files, and its users may need " (count(files.needed)) ". "
                    }
                    "The run is invalid when the generator uses more than " (percent(limits.generator_load))
                    " of both, when answers lie unread for more than " (percent(limits.unread))
                    " of the mean service time, when cores are more than " (percent(limits.busy)) " busy while it waits for one for more than "
                    (percent(limits.waiting)) " of the mean service time, when more than " (percent(limits.stolen))
                    " of the time is stolen, when what is in flight is off rate × service time by more than "
                    (percent(limits.disagreement)) ", or when turns that found a user free begin more than "
                    (micros(limits.send_lag.as_micros() as f64)) " late."
                }
            }
        }
    }
}

fn row(stage: &StageEvidence) -> Markup {
    let shown = |figure: Option<String>| figure.unwrap_or_else(|| "–".to_owned());
    let generator = stage.generator;
    let machine = stage.machine;
    let lag = stage.lag_p99_micros();
    html! {
        tr {
            th scope="row" { (stage.stage) }
            td.n { (shown(generator.map(|g| parts(g.cores)))) }
            td.n { (shown(stage.waited_micros_per_request().map(micros))) }
            td.n { (shown(stage.unread.map(|unread| micros(unread.mean_micros)))) }
            td.n { (shown(machine.map(|m| percent(m.busy)))) }
            td.n { (shown(machine.map(|m| percent(m.others)))) }
            td.n { (shown(machine.map(|m| percent(m.stolen)))) }
            td.n { (shown(stage.in_flight.map(|f| parts(f.mean)))) }
            td.n { (shown(stage.expected_in_flight().map(parts))) }
            td.n { (shown(lag.map(|lag| micros(lag as f64)))) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    #[test]
    fn what_is_not_known_is_shown_as_such() {
        let mut record = example();
        let page = trust(&record).into_string();
        assert!(page.contains("steady") && page.contains("–"), "{page}");
        record.evidence.stages.clear();
        assert!(
            trust(&record).into_string().is_empty(),
            "an old record has no evidence"
        );
    }
}
