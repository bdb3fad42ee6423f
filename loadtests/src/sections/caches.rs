//! The caches' part in reads, beside what it should have been.

use skein::figures_for_people::{duration, parts, percent};
use skein::{Cell, Piece, Section};

use super::About;
use crate::prediction::{HitPrediction, PredictedPart};
use crate::record::CacheRecord;

pub(super) fn section(caches: Option<&CacheRecord>, about: &About) -> Section {
    let section = Section::new("caches", "Caches");
    let Some(caches) = caches else {
        return section.absent("Answers did not say what caches did.");
    };
    let section = outcomes(section, caches);
    match &caches.prediction {
        Some(prediction) => predicted(section, caches, prediction, about),
        None => section.note(unpredicted(about)),
    }
}

fn outcomes(section: Section, caches: &CacheRecord) -> Section {
    let all = ("all", [caches.hits, caches.misses, caches.failed]);
    let by_cache = caches.by_cache.iter();
    let by_cache = by_cache.map(|c| (c.name.as_str(), [c.hits, c.misses, c.failed]));
    let rows = by_cache.chain([all]).map(|(name, numbers)| {
        let [hits, misses, failed] = numbers;
        let mut row = vec![Cell::from(name)];
        row.extend(numbers.map(Cell::Count));
        row.push(ratio(hits as f64, hits + misses + failed));
        row
    });
    let head = ["Cache", "Hits", "Misses", "Not answered", "Hit ratio"];
    section
        .table("Cache lookups", head, rows)
        .note(match caches.counted_by_gateways {
            true => "Lookups as the gateways counted, without warm-up.",
            false => "As the answers told (Cache-Status), without warm-up.",
        })
}

fn ratio(hits: f64, lookups: u64) -> Cell {
    match lookups {
        0 => Cell::Unknown,
        lookups => Cell::Percent(hits / lookups as f64 * 100.0),
    }
}

fn predicted(
    section: Section,
    caches: &CacheRecord,
    prediction: &HitPrediction,
    about: &About,
) -> Section {
    let observed = caches.hit_ratio();
    let mut sentence = vec![
        Piece::text("Predicted "),
        Piece::strong(percent(prediction.hit_ratio)),
        Piece::text(", observed "),
        Piece::strong(observed.map_or_else(|| "–".to_owned(), percent)),
    ];
    if let Some(observed) = observed {
        let off = observed - prediction.hit_ratio;
        let way = if off < 0.0 { "fewer" } else { "more" };
        sentence.push(Piece::text(format!(": {} points {way}.", parts(off.abs()))));
    }
    let rows = [
        part("seeded items", &prediction.items),
        part("the listing", &prediction.listings),
        part("what was just written", &prediction.read_backs),
    ];
    section
        .heading("Predicted and observed")
        .pieces(sentence)
        .table(
            "Predicted hits",
            ["Reads of", "Lookups", "Predicted hits", "Ratio"],
            rows,
        )
        .note(assumptions(about))
}

fn part(name: &str, part: &PredictedPart) -> Vec<Cell> {
    vec![
        Cell::from(name),
        Cell::Count(part.lookups),
        Cell::Count(part.hits.round() as u64),
        ratio(part.hits, part.lookups),
    ]
}

/// The assumptions that a prediction rests on.
fn assumptions(about: &About) -> String {
    let items = match about.popularity {
        Some((items, exponent)) => {
            format!("Worked out for {items} items read with weight 1 ÷ rank^{exponent}, ")
        }
        None => "Worked out for ".to_owned(),
    };
    let ttl = about.shape.as_ref().map(|shape| shape.cache_ttl);
    let expiry = match ttl.filter(|ttl| !ttl.is_zero()) {
        Some(ttl) => format!("values that expire after {}", duration(ttl.as_secs_f64())),
        None => "values that never expire".to_owned(),
    };
    format!(
        "{items}a cache drawn at random for each read, {expiry}, and writes that have every cache forget what they \
         change and the listing. It takes reads to be independent and as frequent all the time as on average, the \
         warm-up’s too, and nothing to fail or to be evicted."
    )
}

/// The reason why there is no prediction.
fn unpredicted(about: &About) -> &'static str {
    match &about.shape {
        None => "No prediction: of a system that was there, neither caches nor expiry are known.",
        Some(shape) if shape.caches == 0 => "No prediction: there were no caches.",
        Some(_) => "No prediction in this record.",
    }
}

/// The hit ratio in a few words.
pub(super) fn in_short(caches: &CacheRecord) -> Option<String> {
    let ratio = percent(caches.hit_ratio()?);
    let predicted = caches
        .prediction
        .map(|told| format!(" ({} predicted)", percent(told.hit_ratio)));
    Some(format!(
        "hit ratio {ratio}{}",
        predicted.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sections::testing::words;
    use crate::testing::{about, record};

    #[test]
    fn the_observed_ratio_stands_beside_the_predicted_one_or_beside_why_there_is_none() {
        let mut caches = record().caches.expect("caches");
        let told = words(&section(Some(&caches), &about()));
        for says in ["88 %", "90 %", "2 points more", "1 ÷ rank^1"] {
            assert!(told.contains(says), "{says} is missing in {told}");
        }
        let short = in_short(&caches).expect("lookups");
        assert_eq!(
            short.replace('\u{202f}', " "),
            "hit ratio 90 % (88 % predicted)"
        );
        caches.prediction = None;
        let told = words(&section(Some(&caches), &About::default()));
        assert!(told.contains("No prediction"), "{told}");
    }
}
