//! The distribution of broken requests that come in bursts.
//!
//! The number of bursts is Poisson, and their sizes have a gamma distribution: a Tweedie
//! distribution (B. Jørgensen, The Theory of Dispersion Models, 1997, ch. 4; P. K. Dunn and
//! G. K. Smyth, Series evaluation of Tweedie exponential dispersion model densities, 2005).

use std::sync::LazyLock;

use statrs::function::gamma::ln_gamma;

/// The shape of the gamma distribution of sizes. From the variances and the shares of slots
/// without any broken request of simulated queues at their capacity it is 0.4 for M/M/1 and 0.5
/// for M/D/4.
const SHAPE: f64 = 0.5;

/// The distribution at one number of broken requests.
pub(super) struct Bursts {
    /// The logarithm of its density, but for what depends on that number alone.
    pub(super) log: f64,
    /// Its growth with the logarithm of the mean number of bursts.
    pub(super) by_number: f64,
    /// Its growth with the logarithm of their size, when the mean of broken requests stays.
    pub(super) by_size: f64,
}

impl Bursts {
    /// Of a mean of `number` bursts of the mean `size` those that break `broken` requests.
    pub(super) fn of(number: f64, broken: f64, size: f64) -> Self {
        if broken < 0.5 {
            return Bursts {
                log: -number,
                by_number: -number,
                by_size: number,
            };
        }
        let sizes = broken * SHAPE / size;
        let (log, bursts) = series(number.ln() + SHAPE * sizes.ln());
        Bursts {
            log: log - number - sizes,
            by_number: bursts - number,
            by_size: number + sizes - (1.0 + SHAPE) * bursts,
        }
    }
}

/// The logarithm of Σ yⁿ ÷ (n! Γ(n × shape)) over all n from 1, and how it grows with `log_y`,
/// the logarithm of y, which is the mean number of bursts that a number of broken requests had.
fn series(log_y: f64) -> (f64, f64) {
    if log_y < TABLE.0 {
        return (log_y - ln_gamma(SHAPE), 1.0);
    }
    if log_y >= TABLE.1 {
        // The greatest term and the width of those about it.
        let n = ((log_y - SHAPE * SHAPE.ln()) / (1.0 + SHAPE)).exp();
        let term = n * log_y - ln_gamma(n + 1.0) - ln_gamma(SHAPE * n);
        let width = std::f64::consts::TAU * n / (1.0 + SHAPE);
        return (term + 0.5 * width.ln(), n);
    }
    let table = &*SERIES;
    let place = (log_y - TABLE.0) / STEP;
    let index = (place as usize).min(table.len() - 2);
    let part = place - index as f64;
    let ((low, low_slope), (high, high_slope)) = (table[index], table[index + 1]);
    // Hermite's cubic through both values and slopes.
    let bend = 3.0 * (high - low) - STEP * (2.0 * low_slope + high_slope);
    let twist = 2.0 * (low - high) + STEP * (low_slope + high_slope);
    let value = low + part * (STEP * low_slope + part * (bend + part * twist));
    let slope = low_slope + part * (2.0 * bend + part * 3.0 * twist) / STEP;
    (value, slope)
}

/// The logarithms of y that the series is tabulated for.
const TABLE: (f64, f64) = (-12.0, 9.0);
const STEP: f64 = 0.05;

static SERIES: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
    const TERMS: usize = 1500;
    let term = |n: usize| -ln_gamma(n as f64 + 1.0) - ln_gamma(SHAPE * n as f64);
    let terms: Vec<f64> = (1..=TERMS).map(term).collect();
    let points = ((TABLE.1 - TABLE.0) / STEP).round() as usize;
    let at = |point: usize| {
        let log_y = TABLE.0 + STEP * point as f64;
        let logs = || {
            (1..)
                .zip(&terms)
                .map(move |(n, term)| (f64::from(n), f64::from(n) * log_y + term))
        };
        let most = logs().map(|(_, log)| log).fold(f64::NEG_INFINITY, f64::max);
        let (sum, weighted) = logs().fold((0.0, 0.0), |(sum, weighted), (n, log)| {
            let own = (log - most).exp();
            (sum + own, weighted + n * own)
        });
        (most + f64::ln(sum), weighted / sum)
    };
    (0..=points).map(at).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_sums_up_to_one_and_has_its_mean() {
        for (number, size) in [(0.2, 200.0), (1.5, 60.0), (8.0, 40.0), (60.0, 30.0)] {
            let none = Bursts::of(number, 0.0, size).log.exp();
            let (mut sum, mut mean) = (none, 0.0);
            // Between 0.5 and far out, in steps that are small beside a burst.
            let step = 0.5;
            for broken in (1..80_000).map(|place| step * f64::from(place)) {
                let density = Bursts::of(number, broken, size).log.exp() / broken * step;
                sum += density;
                mean += density * broken;
            }
            // What is lost is the density below 0.5, where it is steep.
            assert!((0.9..=1.001).contains(&sum), "{number} × {size}: {sum}");
            let right = number * size;
            assert!(
                (mean / right - 1.0).abs() < 0.005,
                "{number} × {size}: {mean}"
            );
        }
    }

    #[test]
    fn slopes_are_those_of_the_logarithm_at_both_ends_of_the_table_too() {
        for (number, broken, size) in [
            (1e-7, 3.0, 2.0),
            (0.3, 500.0, 150.0),
            (12.0, 90.0, 7.0),
            (900.0, 1000.0, 1.0),
            (5000.0, 9000.0, 1.2),
        ] {
            let at = Bursts::of(number, broken, size);
            let step = 1e-4_f64;
            let more = Bursts::of(number * step.exp(), broken, size);
            let slope = (more.log - at.log) / step;
            let tolerance = 1e-3 * number.max(1.0);
            assert!(
                (slope - at.by_number).abs() < tolerance,
                "{slope} {}",
                at.by_number
            );
            let larger = Bursts::of(number * (-step).exp(), broken, size * step.exp());
            let slope = (larger.log - at.log) / step;
            assert!(
                (slope - at.by_size).abs() < tolerance,
                "{slope} {}",
                at.by_size
            );
        }
    }
}
