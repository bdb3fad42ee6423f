//! From a value to a place between 0 and 1, and which values deserve a mark on the way.

/// A range of values, laid out in one of three ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    kind: Kind,
    /// Both ends, as `kind` sees them.
    from: f64,
    to: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Equal differences are equally far apart.
    Linear,
    /// Equal ratios are.
    Log,
    /// Of a share near 1, each further nine is as far from the last: 0.9, 0.99, 0.999.
    Nines,
}

impl Kind {
    fn see(self, value: f64) -> f64 {
        match self {
            Kind::Linear => value,
            Kind::Log => value.max(f64::MIN_POSITIVE).log10(),
            Kind::Nines => -(1.0 - value).max(1e-9).log10(),
        }
    }
}

impl Scale {
    /// From `from` to `to`, which are told apart even when they are the same.
    pub fn linear(from: f64, to: f64) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        Scale {
            kind: Kind::Linear,
            from,
            to,
        }
    }

    /// From zero to the next round number above `most`.
    pub fn from_zero(most: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = step(most, 4);
        Scale::linear(0.0, (most / step * 0.999_999).ceil() * step)
    }

    /// From `least` to `most`, both above zero, and out to the next 1, 2 or 5 times a
    /// power of ten.
    pub fn log(least: f64, most: f64) -> Self {
        let least = least.max(f64::MIN_POSITIVE);
        let from = round_values(least, true);
        let to = round_values(most.max(least), false);
        Scale {
            kind: Kind::Log,
            from: from.log10(),
            to: if to > from { to } else { from * 10.0 }.log10(),
        }
    }

    /// From `from` to `to`, both above zero, and no further.
    pub fn log_from(from: f64, to: f64) -> Self {
        let from = from.max(f64::MIN_POSITIVE).log10();
        let to = to.max(f64::MIN_POSITIVE).log10();
        Scale {
            kind: Kind::Log,
            from,
            to: if to > from { to } else { from + 1.0 },
        }
    }

    /// Of shares, from 0 to `nines` nines.
    pub fn nines(nines: f64) -> Self {
        Scale {
            kind: Kind::Nines,
            from: 0.0,
            to: nines.max(1.0),
        }
    }

    /// Where a value is: 0 at the begin of the range, 1 at its end, and at the nearer
    /// end when it is outside.
    pub fn place(&self, value: f64) -> f64 {
        let place = (self.kind.see(value) - self.from) / (self.to - self.from);
        // What is no number is nowhere, and a drawing needs some place.
        if place.is_nan() {
            0.0
        } else {
            place.clamp(0.0, 1.0)
        }
    }

    /// About `about` values in the range that are worth a mark, in rising order.
    pub fn ticks(&self, about: usize) -> Vec<f64> {
        match self.kind {
            Kind::Linear => multiples(self.from, self.to, step(self.to - self.from, about)),
            Kind::Log => self.log_ticks(about),
            Kind::Nines => nines(self.to),
        }
    }

    fn log_ticks(&self, about: usize) -> Vec<f64> {
        let decades = self.to.floor() as i32 - self.from.ceil() as i32 + 1;
        let within = |value: f64| {
            let place = value.log10();
            place >= self.from - 1e-9 && place <= self.to + 1e-9
        };
        let of = |factors: &[f64], every: i32| -> Vec<f64> {
            let exponents = self.from.floor() as i32..=self.to.ceil() as i32;
            let wanted = exponents.filter(|exponent| exponent.rem_euclid(every) == 0);
            let values = wanted.flat_map(|e| factors.iter().map(move |f| f * 10_f64.powi(e)));
            values.filter(|value| within(*value)).collect()
        };
        let about = about.max(1) as i32;
        if decades * 2 <= about {
            of(&[1.0, 2.0, 5.0], 1)
        } else {
            of(&[1.0], (decades / about).max(1))
        }
    }
}

/// The median, and each further nine up to so many. The shortest, at 0, is too near to the
/// median for a mark of its own.
fn nines(most: f64) -> Vec<f64> {
    let whole = (1..=most.floor() as i32).map(|nines| 1.0 - 10_f64.powi(-nines));
    std::iter::once(0.5).chain(whole).collect()
}

/// A step of 1, 2 or 5 times a power of ten, of which about `about` fill `range`.
fn step(range: f64, about: usize) -> f64 {
    let raw = (range / about.max(1) as f64).max(f64::MIN_POSITIVE);
    round_values(raw, false)
}

/// The nearest of 1, 2 and 5 times a power of ten that is not above `value`, or else
/// not below it.
fn round_values(value: f64, below: bool) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let leading = value / power;
    // The room makes up for what rounding of the power takes or adds.
    let factor = if below {
        let fits = [5.0, 2.0].into_iter().find(|f| *f <= leading + 1e-9);
        fits.unwrap_or(1.0)
    } else {
        let fits = [1.0, 2.0, 5.0].into_iter().find(|f| *f >= leading - 1e-9);
        fits.unwrap_or(10.0)
    };
    factor * power
}

fn multiples(from: f64, to: f64, step: f64) -> Vec<f64> {
    let (first, last) = ((from / step - 1e-9).ceil(), (to / step + 1e-9).floor());
    let steps = (last - first).clamp(0.0, 100.0) as u32;
    (0..=steps).map(|n| (first + f64::from(n)) * step).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            Scale::from_zero(37.0).ticks(4),
            [0.0, 10.0, 20.0, 30.0, 40.0]
        );
        assert_eq!(
            Scale::linear(0.0, 25.0).ticks(5),
            [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
        );
        assert_eq!(
            Scale::log(130.0, 9_000.0).ticks(4),
            [100.0, 1_000.0, 10_000.0]
        );
        assert_eq!(
            Scale::log(130.0, 900.0).ticks(6),
            [100.0, 200.0, 500.0, 1_000.0]
        );
        let shares = Scale::nines(3.0).ticks(5);
        assert_eq!(shares.len(), 4, "{shares:?}");
    }

    #[test]
    fn each_further_nine_is_as_far_from_the_last() {
        let scale = Scale::nines(4.0);
        for (share, place) in [(0.0, 0.0), (0.9, 0.25), (0.99, 0.5), (0.9999, 1.0)] {
            assert!((scale.place(share) - place).abs() < 1e-9, "{share}");
        }
    }

    proptest! {
        #[test]
        fn a_place_is_within_the_drawing_and_keeps_the_order(
            ends in prop::array::uniform2(1e-3f64..1e12),
            values in prop::array::uniform2(-1e13f64..1e13),
        ) {
            let (from, to) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
            for scale in [Scale::linear(from, to), Scale::log(from, to), Scale::from_zero(to)] {
                let (low, high) = (values[0].min(values[1]), values[0].max(values[1]));
                prop_assert!((0.0..=1.0).contains(&scale.place(low)));
                prop_assert!(scale.place(low) <= scale.place(high));
                let ticks = scale.ticks(5);
                prop_assert!((1..=16).contains(&ticks.len()), "{ticks:?}");
                prop_assert!(ticks.is_sorted_by(|a, b| a < b), "{ticks:?}");
            }
        }

        #[test]
        fn a_range_from_zero_has_room_for_its_most(most in 1e-6f64..1e12) {
            let scale = Scale::from_zero(most);
            prop_assert!(scale.place(most) <= 1.0 && scale.place(most) > 0.35);
            prop_assert!(scale.place(most * 0.999) < scale.place(most));
        }
    }
}
