//! The verdict on a study, and its sentences for people.

use stats::capacity::{Capacity, CapacityRatio, Estimate, Finished, Held, Unknown};

use super::record::{
    Limit, PatternRecord, ReliefRecord, ScalingRecord, SystemRecord, VariantRatio,
};
use crate::report::figures::{micros, per_second, percent, significant};
use crate::verdict::Verdict;
use crate::words::{capitalised, counted};

/// The verdict on a finding: whether the rate that was asked for is surely kept, or surely not;
/// where none was asked for, whether there is a capacity.
pub(super) fn verdict(finding: &Finished, asked: Option<f64>) -> Verdict {
    if matches!(&finding.confirmation, Some(long) if long.held == Held::Contradicts) {
        return Verdict::Inconclusive;
    }
    match (&finding.capacity, asked) {
        (Capacity::Found(estimate), Some(asked)) if estimate.low >= asked => Verdict::Pass,
        (Capacity::Found(estimate), Some(asked)) if estimate.high < asked => Verdict::Fail,
        (Capacity::AtLeast(rate), Some(asked)) if *rate >= asked => Verdict::Pass,
        (Capacity::Below(rate), Some(asked)) if *rate <= asked => Verdict::Fail,
        (_, Some(_)) => Verdict::Inconclusive,
        (Capacity::Found(_) | Capacity::AtLeast(_), None) => Verdict::Pass,
        (Capacity::Below(_), None) => Verdict::Fail,
        (Capacity::Unknown(_), None) => Verdict::Inconclusive,
    }
}

/// The sentence on a whole study.
pub(super) fn of_study(
    own: &SystemRecord,
    promise: &str,
    asked: Option<f64>,
    patterns: &[PatternRecord],
    relief: Option<&ReliefRecord>,
) -> String {
    let mut sentences = vec![of_capacity(&own.finding, promise)];
    sentences.extend(asked.map(|asked| {
        let wanted = rate(asked);
        match verdict(&own.finding, Some(asked)) {
            Verdict::Pass => format!("That is surely the {wanted} that were asked for."),
            Verdict::Fail => format!("That is surely less than the {wanted} that were asked for."),
            _ => format!("Whether that is the {wanted} that were asked for can't be told."),
        }
    }));
    sentences.push(of_limit(&own.limit.by));
    sentences.extend(relief.map(|relief| relief.sentence.clone()));
    sentences.extend(patterns.iter().map(|pattern| pattern.sentence.clone()));
    sentences.join(" ")
}

/// The sentence on a capacity.
fn of_capacity(finding: &Finished, promise: &str) -> String {
    let capacity = match &finding.capacity {
        Capacity::Found(estimate) => format!(
            "Capacity at {promise}: {} ({}), from {}.",
            rate(estimate.rate),
            interval(estimate, finding.confidence),
            counted(finding.rounds as u64, "fresh start", "fresh starts")
        ),
        Capacity::AtLeast(at_least) => format!(
            "Capacity at {promise}: at least {}; this generator can't be trusted with more.",
            rate(*at_least)
        ),
        Capacity::Below(below) => format!(
            "{promise} isn't kept even at {}, the lowest rate that was tried.",
            rate(*below)
        ),
        Capacity::Unknown(why) => {
            format!("Capacity at {promise} isn't known: {}.", of_unknown(*why))
        }
    };
    let held = finding.confirmation.as_ref().map(|long| match long.held {
        Held::Kept => "",
        Held::BrokenBySlowStart => {
            " A longer load at the lower end broke it, no worse than a slow start does."
        }
        Held::Contradicts => " A longer load at the lower end broke it: short ones say too much.",
    });
    let edges = finding.bistable.as_ref().map(|edges| {
        format!(
            " Beyond it, it doesn't come back by itself: a fresh system keeps the promise up to {}, \
             one that had too much is still stuck at {}.",
            rate(edges.fresh_keeps),
            rate(edges.stuck_down_to)
        )
    });
    format!(
        "{capacity}{}{}",
        held.unwrap_or_default(),
        edges.unwrap_or_default()
    )
}

fn of_unknown(why: Unknown) -> String {
    match why {
        Unknown::TooFewRounds { played, needed } => format!(
            "there was time for {}, and it takes {needed}; give a longer --budget",
            counted(played as u64, "fresh start", "fresh starts")
        ),
        Unknown::Interrupted => "the study was interrupted".to_owned(),
        Unknown::Crashes => "the system ended by itself again and again".to_owned(),
        Unknown::NoBoundary => {
            "the share of broken requests doesn't follow the rate in the range that was tried"
                .to_owned()
        }
    }
}

fn of_limit(limit: &Limit) -> String {
    match limit {
        Limit::Cpu { tier } => format!("{} limits it, by its CPU time.", capitalised(tier)),
        Limit::Pool { tier, pool } => {
            format!(
                "{} limits it: requests wait for its {pool}.",
                capitalised(tier)
            )
        }
        Limit::SharedCores { most } => {
            format!("The cores that all nodes share limit it; {most} uses the most of them.")
        }
        Limit::Waits { tier } => {
            format!(
                "{} limits it, by something that requests wait for there.",
                capitalised(tier)
            )
        }
        Limit::Generator => "The generator limits it.".to_owned(),
        Limit::Unknown => "What limits it can't be told.".to_owned(),
    }
}

/// The sentence on a tier that was relieved.
pub(super) fn of_relief(tier: &str, ratio: Option<&CapacityRatio>) -> String {
    match ratio {
        None => format!("Whether more of {tier} would help could not be told."),
        Some(ratio) if ratio.low > 1.0 => format!(
            "With more of {tier} the capacity is {}, which confirms it.",
            change(ratio)
        ),
        Some(ratio) if ratio.high < 1.05 => format!(
            "With more of {tier} the capacity is hardly another ({}), so that {tier} isn't all that limits.",
            change(ratio)
        ),
        Some(ratio) => format!(
            "With more of {tier} the capacity is {}, which doesn't confirm it.",
            change(ratio)
        ),
    }
}

/// The sentence on a variant beside the plan's own system.
pub(super) fn of_variant(
    own: &SystemRecord,
    variant: &SystemRecord,
    ratio: Option<&CapacityRatio>,
) -> String {
    let name = capitalised(&variant.name);
    let capacity = match (ratio, &variant.finding.capacity) {
        (Some(ratio), Capacity::Found(estimate)) if is_seen(ratio) => {
            format!("{name}: {}, {}", rate(estimate.rate), change(ratio))
        }
        (Some(ratio), Capacity::Found(estimate)) => format!(
            "{name}: {}, no difference that could be seen ({})",
            rate(estimate.rate),
            change(ratio)
        ),
        (_, Capacity::AtLeast(at_least)) => {
            format!(
                "{name}: at least {}, which is all that the generator can show",
                rate(*at_least)
            )
        }
        (_, Capacity::Below(below)) => format!("{name}: less than {}", rate(*below)),
        (_, Capacity::Found(estimate)) => format!("{name}: {}", rate(estimate.rate)),
        (_, Capacity::Unknown(why)) => format!("{name}: not known: {}", of_unknown(*why)),
    };
    let times = own.common.as_ref().zip(variant.common.as_ref());
    let times = times.map(|(own, variant)| {
        format!(
            "; at the same low rate p99 is {} in place of {}",
            micros(variant.p99_micros),
            micros(own.p99_micros)
        )
    });
    format!("{capacity}{}.", times.unwrap_or_default())
}

/// The sentence on a pattern.
pub(super) fn of_pattern(
    name: &str,
    ratios: &[VariantRatio],
    scaling: Option<&ScalingRecord>,
) -> String {
    let name = capitalised(name);
    let points = scaling
        .map(|scaling| &scaling.points[..])
        .unwrap_or_default();
    if let ([first, .., last], true) = (points, points.len() > 1) {
        return format!(
            "{name}: from {} to {} the capacity grows by a factor of {}.",
            first.replicas,
            counted(u64::from(last.replicas), "replica", "replicas"),
            significant(last.capacity.rate / first.capacity.rate)
        );
    }
    let seen = ratios.iter().filter_map(|variant| {
        let ratio = variant.ratio.as_ref().filter(|ratio| is_seen(ratio))?;
        Some(format!("{} has {}", variant.name, change(ratio)))
    });
    let seen: Vec<String> = seen.collect();
    if ratios.iter().all(|variant| variant.ratio.is_none()) {
        return format!("{name}: what it buys could not be told.");
    }
    match seen.is_empty() {
        true => format!("{name}: no variant has another capacity that could be seen."),
        false => format!("{name}: {}.", seen.join(", ")),
    }
}

/// True when a ratio is surely another than 1.
fn is_seen(ratio: &CapacityRatio) -> bool {
    ratio.low > 1.0 || ratio.high < 1.0
}

/// `12 % more (9 % to 15 %)`, or as a factor where it is large.
fn change(ratio: &CapacityRatio) -> String {
    let CapacityRatio { ratio, low, high } = *ratio;
    if !(0.5..=2.0).contains(&ratio) {
        return format!(
            "{} times as much ({} to {})",
            significant(ratio),
            significant(low),
            significant(high)
        );
    }
    let off = |ratio: f64| (ratio - 1.0) * 100.0;
    let (word, sign) = if ratio >= 1.0 {
        ("more", 1.0)
    } else {
        ("less", -1.0)
    };
    let change = percent(off(ratio) * sign);
    if low < 1.0 && high > 1.0 {
        let (less, more) = (percent(-off(low)), percent(off(high)));
        return format!("{change} {word} ({less} less to {more} more)");
    }
    let mut ends = [off(low) * sign, off(high) * sign];
    ends.sort_by(f64::total_cmp);
    let [least, most] = ends.map(percent);
    format!("{change} {word} ({least} to {most})")
}

fn interval(estimate: &Estimate, confidence: f64) -> String {
    format!(
        "{}: {} to {}",
        percent(confidence * 100.0),
        per_second(estimate.low),
        per_second(estimate.high)
    )
}

/// `812 turns/s`.
fn rate(turns: f64) -> String {
    per_second(turns).replace("/s", "turns/s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::example::example;

    #[test]
    fn a_rate_that_was_asked_for_passes_below_the_interval_and_fails_above_it() {
        let finding = example().systems[0].finding.clone();
        let estimate = *finding.capacity.estimate().expect("an estimate");
        assert_eq!(verdict(&finding, None), Verdict::Pass);
        assert_eq!(verdict(&finding, Some(estimate.low * 0.99)), Verdict::Pass);
        assert_eq!(
            verdict(&finding, Some(estimate.rate)),
            Verdict::Inconclusive
        );
        assert_eq!(verdict(&finding, Some(estimate.high * 1.01)), Verdict::Fail);
    }

    #[test]
    fn what_has_no_estimate_has_the_verdict_that_it_can_have() {
        let mut finding = example().systems[0].finding.clone();
        finding.confirmation = None;
        for (capacity, asked, expected) in [
            (Capacity::AtLeast(900.0), Some(800.0), Verdict::Pass),
            (
                Capacity::AtLeast(900.0),
                Some(1000.0),
                Verdict::Inconclusive,
            ),
            (Capacity::AtLeast(900.0), None, Verdict::Pass),
            (Capacity::Below(10.0), Some(20.0), Verdict::Fail),
            (Capacity::Below(10.0), Some(5.0), Verdict::Inconclusive),
            (Capacity::Below(10.0), None, Verdict::Fail),
            (
                Capacity::Unknown(Unknown::Crashes),
                None,
                Verdict::Inconclusive,
            ),
            (
                Capacity::Unknown(Unknown::NoBoundary),
                Some(5.0),
                Verdict::Inconclusive,
            ),
        ] {
            finding.capacity = capacity;
            assert_eq!(verdict(&finding, asked), expected, "{capacity:?} {asked:?}");
        }
    }

    #[test]
    fn a_variant_differs_only_where_that_is_sure() {
        let record = example();
        let [own, variant] = &record.systems[..] else {
            panic!("two systems")
        };
        let of = |low: f64, ratio: f64, high: f64| {
            let ratio = CapacityRatio { ratio, low, high };
            of_variant(own, variant, Some(&ratio)).replace('\u{202f}', " ")
        };
        for (told, says) in [
            (of(0.57, 0.6, 0.63), " % less ("),
            (of(1.05, 1.1, 1.15), " % more ("),
            (of(0.95, 1.01, 1.06), "no difference that could be seen"),
            (of(0.95, 1.01, 1.06), "1 % more (5 % less to 6 % more)"),
            (of(0.9, 0.97, 1.06), "3 % less (10 % less to 6 % more)"),
            (of(8.0, 9.0, 10.0), "times as much"),
        ] {
            assert!(told.contains(says), "{told}");
        }
        assert!(of_relief("shop", None).contains("could not be told"));
        let more = CapacityRatio {
            ratio: 1.2,
            low: 1.1,
            high: 1.3,
        };
        assert!(of_relief("shop", Some(&more)).contains("confirms"));
    }
}
