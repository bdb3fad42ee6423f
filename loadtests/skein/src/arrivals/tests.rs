//! What arrivals promise, whatever the rate: their number, their order, their
//! spacing, and that a seed plans them again.

use proptest::prelude::*;

use super::*;

fn curve(from: f64, to: f64, ramp: f64, seconds: f64) -> RateCurve {
    RateCurve {
        from,
        to: Rate::per_second(to).expect("in range"),
        ramp: Duration::from_secs_f64(ramp),
        duration: Duration::from_secs_f64(seconds),
    }
}

prop_compose! {
    fn any_curve()(
        from in 0.0..2000.0,
        to in 0.1..2000.0,
        seconds in 1.0..20.0,
        share in 0.0..=1.0,
    ) -> RateCurve {
        curve(from, to, seconds * share, seconds)
    }
}

fn any_spacing() -> impl Strategy<Value = Spacing> {
    prop_oneof![Just(Spacing::Constant), Just(Spacing::Poisson)]
}

/// The largest distance between the distribution of `gaps` and the exponential one
/// of mean 1, times √n: the Kolmogorov–Smirnov statistic.
fn distance_from_exponential(mut gaps: Vec<f64>) -> f64 {
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distances = gaps.iter().enumerate().map(|(index, gap)| {
        let expected = 1.0 - (-gap).exp();
        let (below, above) = (index as f64 / n, (index + 1) as f64 / n);
        (expected - below).max(above - expected)
    });
    distances.fold(0.0, f64::max) * n.sqrt()
}

/// Gaps of arrivals on the scale of what is expected, where a Poisson process of any
/// rate has exponential gaps of mean 1.
fn scaled_gaps(curve: &RateCurve, spacing: Spacing, seed: u64) -> Vec<f64> {
    let mut last = 0.0;
    let arrivals = curve.arrivals(spacing, seed, 0).map(|moment| {
        let now = curve.expected_by(moment.as_secs_f64());
        now - std::mem::replace(&mut last, now)
    });
    arrivals.collect()
}

/// Exceeded by chance once in a million samples: 2·exp(−2c²) = 10⁻⁶ (Kolmogorov's
/// limit distribution, first term).
const CRITICAL: f64 = 2.69;

proptest! {
    #[test]
    fn even_arrivals_are_as_many_as_the_rate_adds_up_to(curve in any_curve()) {
        let count = curve.arrivals(Spacing::Constant, 1, 0).count() as f64;
        prop_assert!((count - curve.expected()).abs() <= 0.5 + 1e-6, "{count}");
    }

    #[test]
    fn poisson_arrivals_are_as_many_up_to_chance(curve in any_curve(), seed: u64) {
        let count = curve.arrivals(Spacing::Poisson, seed, 0).count() as f64;
        let expected = curve.expected();
        // Seven standard deviations, and some for small numbers, whose tail is longer.
        prop_assert!((count - expected).abs() <= 7.0 * expected.sqrt() + 12.0, "{count}");
    }

    #[test]
    fn arrivals_are_in_order_and_within_their_stage(
        curve in any_curve(), spacing in any_spacing(), seed: u64
    ) {
        let moments: Vec<_> = curve.arrivals(spacing, seed, 0).collect();
        prop_assert!(moments.is_sorted());
        prop_assert!(moments.iter().all(|moment| *moment <= curve.duration));
    }

    #[test]
    fn even_arrivals_follow_the_ramp_at_every_moment(curve in any_curve()) {
        for (index, moment) in curve.arrivals(Spacing::Constant, 1, 0).enumerate() {
            let expected = curve.expected_by(moment.as_secs_f64());
            // A nanosecond's rounding, at two arrivals a millisecond.
            prop_assert!((expected - (index as f64 + 0.5)).abs() < 1e-4, "{index}: {expected}");
        }
    }

    #[test]
    fn a_seed_plans_the_same_arrivals_again(
        curve in any_curve(), spacing in any_spacing(), seed: u64
    ) {
        let plan = || curve.arrivals(spacing, seed, 3);
        prop_assert!(plan().eq(plan()));
    }

    #[test]
    fn poisson_gaps_are_exponential_also_on_a_ramp(
        from in 0.0..2000.0, to in 200.0..2000.0, share in 0.0..=1.0, seed: u64
    ) {
        let gaps = scaled_gaps(&curve(from, to, 10.0 * share, 10.0), Spacing::Poisson, seed);
        let distance = distance_from_exponential(gaps);
        prop_assert!(distance < CRITICAL, "{distance}");
    }
}

#[test]
fn the_test_for_exponential_gaps_tells_even_ones_apart() {
    let gaps = scaled_gaps(&curve(0.0, 1000.0, 0.0, 1.0), Spacing::Constant, 1);
    assert!(distance_from_exponential(gaps) > 5.0 * CRITICAL);
}

#[test]
fn seeds_and_stages_have_arrivals_of_their_own() {
    let curve = curve(0.0, 100.0, 0.0, 1.0);
    let first = |seed, stream| curve.arrivals(Spacing::Poisson, seed, stream).next();
    assert_ne!(first(1, 0), first(2, 0));
    assert_ne!(first(1, 0), first(1, 1));
}

#[test]
fn a_thousand_a_second_come_a_millisecond_apart() {
    let moments: Vec<_> = curve(0.0, 1000.0, 0.0, 10.0)
        .arrivals(Spacing::Constant, 1, 0)
        .collect();
    assert_eq!(moments.len(), 10_000);
    for pair in moments.windows(2) {
        let gap = (pair[1] - pair[0]).as_nanos().abs_diff(1_000_000);
        assert!(gap <= 1, "{gap} ns off");
    }
}

#[test]
fn rates_are_read_with_their_unit_of_time() {
    let rate = |text: &str| text.parse::<Rate>().map(Rate::get);
    assert_eq!(rate("1000/s"), Ok(1000.0));
    assert_eq!(rate("90 / min"), Ok(1.5));
    assert_eq!(rate("3600/h"), Ok(1.0));
    assert_eq!(rate("250"), Ok(250.0));
    assert_eq!(rate("0/s"), Ok(0.0));
    for nonsense in ["-1/s", "1000/ms", "many", "inf", "NaN", "1000001/s", ""] {
        assert!(rate(nonsense).is_err(), "{nonsense}");
    }
}
