//! Figures that scenarios in Rust count and measure themselves.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::micros_histogram;
use crate::figure::{Figure, Reading};
use crate::threshold::Unit;

/// Counts and measurements by scenarios for one figure.
#[derive(Clone, Debug)]
pub struct MeasuredSamples {
    /// The figure.
    pub figure: Figure,
    /// The sum of what was counted.
    pub sum: u64,
    /// The measurements, in thousandths of their unit, but for times: these are in microseconds.
    values: Histogram<u64>,
}

/// A value that a scenario measures: a time, or a number of at least zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measurement {
    /// A time.
    Time(Duration),
    /// A number, in the figure's unit.
    Number(f64),
}

/// A statistic of a figure that scenarios count or measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The sum of what was counted.
    Sum,
    /// The sum per second.
    Rate,
    /// The mean of measurements.
    Average,
    /// The smallest measurement.
    Minimum,
    /// The largest measurement.
    Maximum,
    /// A percentile of measurements.
    Percentile(f64),
}

impl From<Duration> for Measurement {
    fn from(time: Duration) -> Self {
        Measurement::Time(time)
    }
}

impl From<f64> for Measurement {
    fn from(number: f64) -> Self {
        Measurement::Number(number)
    }
}

impl From<u32> for Measurement {
    fn from(number: u32) -> Self {
        Measurement::Number(f64::from(number))
    }
}

impl Statistic {
    /// The statistic that the end of a rule's metric names, such as `p99` or `avg`.
    pub fn of_trend(name: &str) -> Option<Self> {
        match name {
            "avg" => Some(Statistic::Average),
            "min" => Some(Statistic::Minimum),
            "max" => Some(Statistic::Maximum),
            _ => {
                let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
                (0.0 < percent && percent < 100.0).then_some(Statistic::Percentile(percent))
            }
        }
    }
}

impl MeasuredSamples {
    /// None, for a figure.
    pub fn new(figure: Figure) -> Self {
        MeasuredSamples {
            figure,
            sum: 0,
            values: micros_histogram(),
        }
    }

    /// The number of measurements.
    pub fn count(&self) -> u64 {
        self.values.len()
    }

    /// Counts on.
    pub fn add_to_sum(&mut self, number: u64) {
        self.sum = self.sum.saturating_add(number);
    }

    /// Keeps a measurement.
    pub fn keep(&mut self, measurement: Measurement) {
        let scaled = match measurement {
            Measurement::Time(time) => time.as_secs_f64() * 1e6 * self.scale(Unit::Microseconds),
            Measurement::Number(number) => number * self.scale(self.figure.unit),
        };
        // Too large a number for a histogram is as large as can be; what is none, or below zero,
        // becomes zero.
        const MOST: u64 = 1 << 50;
        let value = (scaled.round() as u64).min(MOST);
        self.values.record(value).expect("the histogram grows");
    }

    /// Adds another's.
    pub fn add(&mut self, other: &MeasuredSamples) {
        self.add_to_sum(other.sum);
        self.values += &other.values;
    }

    /// A statistic of all of it, over `seconds`.
    pub fn reading(&self, statistic: Statistic, seconds: f64) -> Reading {
        let scale = self.scale(self.figure.unit);
        match statistic {
            Statistic::Sum => Reading::Value(self.sum as f64),
            Statistic::Rate if seconds > 0.0 => Reading::Value(self.sum as f64 / seconds),
            Statistic::Rate => Reading::NoSamples,
            _ if self.values.is_empty() => Reading::NoSamples,
            Statistic::Average => Reading::Value(self.values.mean() / scale),
            Statistic::Minimum => Reading::Value(self.values.min() as f64 / scale),
            Statistic::Maximum => Reading::Value(self.values.max() as f64 / scale),
            Statistic::Percentile(percent) => {
                Reading::Value(self.values.value_at_percentile(percent) as f64 / scale)
            }
        }
    }

    /// The steps of the histogram for each one of a unit.
    fn scale(&self, unit: Unit) -> f64 {
        match unit {
            Unit::Microseconds => 1.0,
            Unit::Percent | Unit::PerSecond | Unit::Count => 1e3,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASKET: Figure = Figure::measured("basket", Unit::Count, "things in a basket");
    const WAIT: Figure = Figure::measured("wait", Unit::Microseconds, "waits");

    proptest! {
        #[test]
        fn measurements_are_kept_to_three_digits_whichever_shard_they_came_to(
            values in prop::collection::vec(0.001f64..1e6, 1..50), at in 0usize..50,
        ) {
            let (mut first, mut second) = (MeasuredSamples::new(BASKET), MeasuredSamples::new(BASKET));
            for (index, value) in values.iter().enumerate() {
                let half = if index < at { &mut first } else { &mut second };
                half.keep((*value).into());
            }
            first.add(&second);
            prop_assert_eq!(first.count(), values.len() as u64);
            let read = |statistic| match first.reading(statistic, 1.0) {
                Reading::Value(value) => value,
                other => panic!("{other:?}"),
            };
            let near = |a: f64, b: f64| (a - b).abs() <= b * 1e-3 + 1e-3;
            let largest = values.iter().copied().fold(0.0, f64::max);
            prop_assert!(near(read(Statistic::Maximum), largest));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            prop_assert!(near(read(Statistic::Average), mean));
        }
    }

    #[test]
    fn times_are_microseconds_and_what_is_no_number_is_nothing() {
        let mut waits = MeasuredSamples::new(WAIT);
        assert_eq!(
            waits.reading(Statistic::Percentile(50.0), 1.0),
            Reading::NoSamples
        );
        waits.keep(Duration::from_millis(2).into());
        let Reading::Value(median) = waits.reading(Statistic::Percentile(50.0), 1.0) else {
            panic!("there is one");
        };
        assert!((median - 2000.0).abs() <= 1.0, "{median}");
        waits.keep(f64::NAN.into());
        waits.keep((-3.0).into());
        assert_eq!(waits.reading(Statistic::Minimum, 1.0), Reading::Value(0.0));
        waits.add_to_sum(3);
        assert_eq!(waits.reading(Statistic::Rate, 2.0), Reading::Value(1.5));
    }
}
