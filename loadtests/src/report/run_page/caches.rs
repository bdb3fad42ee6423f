//! What caches did for reads, held against what they should have done.

use maud::{Markup, html};

use crate::prediction::{HitPrediction, PredictedPart};
use crate::record::{CacheRecord, Record};
use crate::report::chart::table;
use crate::report::figures::{count, duration, parts, percent};
use crate::report::layout::scroll;

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
    let all = ("all", [caches.hits, caches.misses, caches.failed]);
    let by_cache = caches.by_cache.iter();
    let by_cache = by_cache.map(|c| (c.name.as_str(), [c.hits, c.misses, c.failed]));
    let rows = by_cache.chain([all]).map(|(name, [hits, misses, failed])| {
        let ratio = ratio(hits as f64, hits + misses + failed);
        vec![
            name.to_owned(),
            count(hits),
            count(misses),
            count(failed),
            ratio,
        ]
    });
    let head = ["Cache", "Hits", "Misses", "Not answered", "Hit ratio"];
    html! {
        (scroll("Cache lookups", &table(&head, rows)))
        p.small.soft {
            @if caches.counted_by_gateways {
                "Lookups as the gateways counted, without warm-up."
            } @else {
                "As the answers told (Cache-Status), without warm-up."
            }
        }
    }
}

fn ratio(hits: f64, lookups: u64) -> String {
    match lookups {
        0 => "–".to_owned(),
        lookups => percent(hits / lookups as f64 * 100.0),
    }
}

fn predicted(record: &Record, caches: &CacheRecord, prediction: &HitPrediction) -> Markup {
    let observed = caches.hit_ratio();
    let behaviour = &record.plan.behaviour;
    let parts_of_it = [
        part("seeded items", &prediction.items),
        part("the listing", &prediction.listings),
        part("what was just written", &prediction.read_backs),
    ];
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
        (scroll("Predicted hits", &table(&["Reads of", "Lookups", "Predicted hits", "Ratio"], parts_of_it)))
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

fn part(name: &str, part: &PredictedPart) -> Vec<String> {
    let ratio = ratio(part.hits, part.lookups);
    vec![
        name.to_owned(),
        count(part.lookups),
        count(part.hits.round() as u64),
        ratio,
    ]
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
