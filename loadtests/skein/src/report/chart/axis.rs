//! A scale with the marks that people read it by.

use super::Scale;
use crate::report::figures::duration;

/// A scale and its marks.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Where values are.
    pub scale: Scale,
    /// The marks, in rising order.
    pub ticks: Vec<Tick>,
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where, from 0 to 1.
    pub place: f64,
    /// What stands beside it.
    pub label: String,
}

impl Axis {
    /// With about `about` marks, each labelled by `label`.
    pub fn new(scale: Scale, about: usize, label: impl Fn(f64) -> String) -> Self {
        let ticks = scale.ticks(about).into_iter();
        Axis {
            scale,
            ticks: ticks
                .map(|value| Tick {
                    place: scale.place(value),
                    label: label(value),
                })
                .collect(),
        }
    }

    /// Time from 0 to `seconds`, with marks at steps that clocks know.
    pub fn time(seconds: f64) -> Self {
        const STEPS: [f64; 15] = [
            0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
            7200.0,
        ];
        let scale = Scale::linear(0.0, seconds);
        let fits = STEPS.into_iter().find(|step| seconds / step <= 8.0);
        let step = fits.unwrap_or(seconds / 8.0).max(f64::MIN_POSITIVE);
        let count = (seconds / step + 1e-9).floor().clamp(0.0, 8.0) as u32;
        let ticks = (0..=count).map(|number| {
            let at = f64::from(number) * step;
            Tick {
                place: scale.place(at),
                label: duration(at),
            }
        });
        Axis {
            scale,
            ticks: ticks.collect(),
        }
    }

    /// Where a value is, from 0 to 1.
    pub fn place(&self, value: f64) -> f64 {
        self.scale.place(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_marked_at_steps_that_clocks_know() {
        let labels = |seconds| {
            let ticks = Axis::time(seconds).ticks.into_iter();
            let labels: Vec<_> = ticks.map(|tick| tick.label).collect();
            labels.join(" ").replace('\u{202f}', "")
        };
        assert_eq!(labels(25.0), "0s 5s 10s 15s 20s 25s");
        assert_eq!(labels(1.2), "0s 200ms 400ms 600ms 800ms 1s 1.2s");
        assert_eq!(labels(930.0), "0s 2min 4min 6min 8min 10min 12min 14min");
        assert_eq!(labels(0.0), "0s");
    }
}
