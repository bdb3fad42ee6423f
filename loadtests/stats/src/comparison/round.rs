//! One round's value: the log-ratio of each ABBA quad, and their winsorised mean.

/// The share of a round's quads that is pulled in at each end. A quad that met a stall
/// then counts as much as the next one, and none is dropped for what it showed.
const WINSORISED: f64 = 0.2;

/// The log-ratio candidate ÷ baseline of one quad of slots, two of each side. In the
/// order ABBA (or BAAB) a steady drift of the machine cancels.
///
/// `None` unless all four are positive and finite.
pub fn quad(baseline: [f64; 2], candidate: [f64; 2]) -> Option<f64> {
    let log_mean = |slots: [f64; 2]| (slots[0].ln() + slots[1].ln()) / 2.0;
    Some(log_mean(candidate) - log_mean(baseline)).filter(|ratio| ratio.is_finite())
}

/// A round's log-ratio: the winsorised mean of its quads (W. J. Dixon, Simplified
/// estimation from censored normal samples, 1960), a fifth of them at each end.
///
/// `None` without quads.
pub fn round_value(quads: &[f64]) -> Option<f64> {
    let mut quads = quads.to_vec();
    quads.sort_by(f64::total_cmp);
    let last = quads.len().checked_sub(1)?;
    let cut = (quads.len() as f64 * WINSORISED) as usize;
    let (low, high) = (quads[cut], quads[last - cut]);
    let sum: f64 = quads.iter().map(|quad| quad.clamp(low, high)).sum();
    Some(sum / quads.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_steady_drift_cancels_in_a_quad() {
        // A B B A, while everything gets 10 % slower from slot to slot.
        let drift = |slot: i32| 100.0 * 1.1_f64.powi(slot);
        let ratio = quad([drift(0), drift(3)], [1.02 * drift(1), 1.02 * drift(2)]);
        let ratio = ratio.expect("all are positive");
        assert!((ratio - 1.02_f64.ln()).abs() < 1e-12, "{ratio}");
    }

    #[test]
    fn a_quad_without_a_figure_has_no_ratio() {
        assert_eq!(quad([1.0, 0.0], [1.0, 1.0]), None);
        assert_eq!(quad([1.0, 1.0], [-1.0, 1.0]), None);
        assert_eq!(quad([1.0, f64::INFINITY], [1.0, 1.0]), None);
        assert_eq!(round_value(&[]), None);
    }

    #[test]
    fn one_stall_in_a_round_counts_like_its_neighbour() {
        let stalled = round_value(&[0.01, 0.02, 0.0, 0.03, 9.0]);
        assert_eq!(stalled, round_value(&[0.01, 0.02, 0.0, 0.03, 0.03]));
        // Winsorised: 0.01, 0.01, 0.02, 0.03, 0.03.
        assert!((stalled.expect("five quads") - 0.02).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_round_moves_with_its_quads_and_turns_with_their_sign(
            quads in prop::collection::vec(-1.0..1.0_f64, 1..20),
            shift in -1.0..1.0_f64,
        ) {
            let value = round_value(&quads).expect("there are quads");
            let (low, high) = quads.iter().fold((1.0_f64, -1.0_f64), |(low, high), quad| {
                (low.min(*quad), high.max(*quad))
            });
            prop_assert!(low - 1e-12 <= value && value <= high + 1e-12);
            let shifted: Vec<f64> = quads.iter().map(|quad| quad + shift).collect();
            let turned: Vec<f64> = quads.iter().map(|quad| -quad).collect();
            let shifted = round_value(&shifted).expect("there are quads");
            let turned = round_value(&turned).expect("there are quads");
            prop_assert!((shifted - value - shift).abs() < 1e-9);
            prop_assert!((turned + value).abs() < 1e-9);
        }
    }
}
