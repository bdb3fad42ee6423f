//! What caches did for reads, held against what they should have done.

use maud::{Markup, html};

use crate::prediction::{HitPrediction, PredictedPart};
use crate::record::{CacheRecord, Record};
use crate::report::figures::{count, duration, parts, percent};

/// The section.
pub(super) fn caches(record: &Record) -> Markup {
    html! {
        section #caches {
            h2 { "Caches" }
            @match &record.caches {
                None => p.soft { "Answers did not say what caches did." },
                Some(caches) => {
                    (outcomes(caches))
                    @match &caches.prediction {
                        Some(prediction) => (predicted(record, caches, prediction)),
                        None => p.small.soft { (unpredicted(record)) },
                    }
                }
            }
        }
    }
}

fn outcomes(caches: &CacheRecord) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Cache lookups" {
            table {
                thead { tr {
                    th scope="col" { "Cache" }
                    th scope="col" .n { "Hits" }
                    th scope="col" .n { "Misses" }
                    th scope="col" .n { "Not answered" }
                    th scope="col" .n { "Hit ratio" }
                } }
                tbody {
                    @for cache in &caches.by_cache {
                        (row(&cache.name, [cache.hits, cache.misses, cache.failed]))
                    }
                    (row("all", [caches.hits, caches.misses, caches.failed]))
                }
            }
        }
        p.small.soft {
            @if caches.counted_by_gateways {
                "Lookups as the gateways counted, without warm-up."
            } @else {
                "As the answers told (Cache-Status), without warm-up."
            }
        }
    }
}

fn row(name: &str, [hits, misses, failed]: [u64; 3]) -> Markup {
    let lookups = hits + misses + failed;
    let ratio = (lookups > 0).then(|| percent(hits as f64 / lookups as f64 * 100.0));
    html! {
        tr {
            th scope="row" { (name) }
            td.n { (count(hits)) }
            td.n { (count(misses)) }
            td.n { (count(failed)) }
            td.n { (ratio.unwrap_or_else(|| "–".to_owned())) }
        }
    }
}

fn predicted(record: &Record, caches: &CacheRecord, prediction: &HitPrediction) -> Markup {
    let observed = caches.hit_ratio();
    let behaviour = &record.plan.behaviour;
    let expiry = record.plan.shape.as_ref().map(|shape| shape.cache_ttl);
    html! {
        h3 { "Predicted and observed" }
        p {
            "Predicted " strong { (percent(prediction.hit_ratio)) }
            ", observed " strong { (observed.map_or_else(|| "–".to_owned(), percent)) }
            @if let Some(observed) = observed {
                @let off = observed - prediction.hit_ratio;
                ": " (parts(off.abs())) (if off < 0.0 { " points fewer." } else { " points more." })
            }
        }
        table.small {
            thead { tr {
                th scope="col" { "Reads of" }
                th scope="col" .n { "Lookups" }
                th scope="col" .n { "Predicted hits" }
                th scope="col" .n { "Ratio" }
            } }
            tbody {
                (part("seeded items", &prediction.items))
                (part("the listing", &prediction.listings))
                (part("what was just written", &prediction.read_backs))
            }
        }
        p.small.soft {
            "Worked out for " (behaviour.items) " items read with weight 1 ÷ rank^" (behaviour.zipf_exponent)
            ", a cache drawn at random for each read, "
            @match expiry {
                Some(ttl) if !ttl.is_zero() => { "values that expire after " (duration(ttl.as_secs_f64())) },
                _ => "values that never expire",
            }
            ", and writes that have every cache forget what they change and the listing. It takes reads to be independent "
            "and as frequent all the time as on average, the warm-up’s too, and nothing to fail or to be evicted."
        }
    }
}

fn part(name: &str, part: &PredictedPart) -> Markup {
    let ratio = (part.lookups > 0).then(|| percent(part.hits / part.lookups as f64 * 100.0));
    html! {
        tr {
            th scope="row" { (name) }
            td.n { (count(part.lookups)) }
            td.n { (count(part.hits.round() as u64)) }
            td.n { (ratio.unwrap_or_else(|| "–".to_owned())) }
        }
    }
}

/// Why there is no prediction.
fn unpredicted(record: &Record) -> &'static str {
    match &record.plan.shape {
        None => "No prediction: of a system that was there, neither caches nor expiry are known.",
        Some(shape) if shape.caches == 0 => "No prediction: there were no caches.",
        Some(_) => "No prediction in this record.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    #[test]
    fn the_observed_ratio_stands_beside_the_predicted_one_or_beside_why_there_is_none() {
        let mut record = example();
        let page = caches(&record).into_string().replace('\u{202f}', " ");
        for says in ["88 %", "90 %", "2 points more", "1 ÷ rank^1"] {
            assert!(page.contains(says), "{says} is missing in {page}");
        }
        record.caches.as_mut().expect("caches").prediction = None;
        record.plan.shape = None;
        assert!(caches(&record).into_string().contains("No prediction"));
    }
}
