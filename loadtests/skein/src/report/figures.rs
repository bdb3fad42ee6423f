//! Numbers as people read them: with a unit, three significant digits, and
//! thousands set apart.

use crate::threshold::Unit;

/// A narrow space that doesn't break, between digits and before units.
const THIN: char = '\u{202f}';

/// A time given in microseconds: `870 µs`, `4.21 ms`, `1.53 s`.
pub fn micros(micros: f64) -> String {
    let (value, unit) = if micros < 999.5 {
        (micros, "µs")
    } else if micros < 999_500.0 {
        (micros / 1e3, "ms")
    } else {
        (micros / 1e6, "s")
    };
    format!("{}{THIN}{unit}", three_digits(value))
}

/// A number of things: `12 345`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// A share: `99.2 %`.
pub fn percent(percent: f64) -> String {
    format!("{}{THIN}%", three_digits(percent))
}

/// A rate: `3 210 /s`.
pub fn per_second(rate: f64) -> String {
    let value = if rate < 999.5 {
        three_digits(rate)
    } else {
        let zeros = 10_f64.powf(rate.log10().floor() - 2.0);
        count(((rate / zeros).round() * zeros).round() as u64)
    };
    format!("{value}{THIN}/s")
}

/// A ratio as the change that it is: `+5.4 %`, `−0.25 %`, `±0 %`.
pub fn change(ratio: f64) -> String {
    let size = percent((ratio - 1.0).abs() * 100.0);
    let sign = match ratio < 1.0 {
        _ if size == percent(0.0) => '±',
        true => '−',
        false => '+',
    };
    format!("{sign}{size}")
}

/// A length of time in seconds: `200 ms`, `12.5 s`, `2 min`, `1.5 h`.
pub fn duration(seconds: f64) -> String {
    let (value, unit) = if seconds < 0.9995 && seconds > 0.0 {
        (seconds * 1e3, "ms")
    } else if seconds < 120.0 {
        (seconds, "s")
    } else if seconds < 7200.0 {
        (seconds / 60.0, "min")
    } else {
        (seconds / 3600.0, "h")
    };
    format!("{}{THIN}{unit}", three_digits(value))
}

/// A figure in a form of this module, or a dash where there is none, which is no zero.
pub fn known(figure: Option<f64>, form: impl Fn(f64) -> String) -> String {
    figure.map_or_else(|| "–".to_owned(), form)
}

/// A number of cores, or of anything else that comes in parts: `0.53`.
pub fn parts(value: f64) -> String {
    three_digits(value)
}

/// An amount of memory: `12.3 MiB`.
pub fn mebibytes(bytes: u64) -> String {
    format!(
        "{}{THIN}MiB",
        three_digits(bytes as f64 / f64::from(1 << 20))
    )
}

/// A quantile from 0 to 1 as people call it: `p50`, `p99.9`.
pub fn quantile(share: f64) -> String {
    match share {
        least if least <= 0.0 => "min".to_owned(),
        share => {
            let text = format!("{:.4}", share * 100.0);
            format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

/// A value in the unit of its threshold.
pub fn in_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Microseconds => micros(value),
        Unit::Percent => percent(value),
        Unit::PerSecond => per_second(value),
        Unit::Count => count(value.max(0.0).round() as u64),
    }
}

/// A number without a unit, to three significant digits; a small one as `<0.001`.
pub fn significant(value: f64) -> String {
    if value > 0.0 && value < 0.001 {
        "<0.001".to_owned()
    } else {
        three_digits(value)
    }
}

/// Three significant digits, without zeros that say nothing. A whole number stays whole.
fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 99.95 => 0,
        medium if medium >= 9.995 => 1,
        small if small >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(THIN, " ")
    }

    #[test]
    fn times_choose_their_unit_and_keep_three_digits() {
        for (value, text) in [
            (0.0, "0 µs"),
            (87.0, "87 µs"),
            (999.6, "1 ms"),
            (4_213.0, "4.21 ms"),
            (42_130.0, "42.1 ms"),
            (421_300.0, "421 ms"),
            (1_530_000.0, "1.53 s"),
        ] {
            assert_eq!(plain(&micros(value)), text);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1 000"),
            (1_234_567, "1 234 567"),
        ] {
            assert_eq!(plain(&count(value)), text);
        }
        assert_eq!(plain(&per_second(3213.4)), "3 210 /s");
        assert_eq!(plain(&per_second(999.6)), "1 000 /s");
        assert_eq!(plain(&percent(99.95)), "100 %");
        assert_eq!(plain(&percent(0.04)), "0.04 %");
    }

    #[test]
    fn a_ratio_is_told_as_a_change() {
        for (ratio, text) in [
            (1.054, "+5.4 %"),
            (0.9975, "−0.25 %"),
            (1.0, "±0 %"),
            (1.000_001, "±0 %"),
            (2.5, "+150 %"),
        ] {
            assert_eq!(plain(&change(ratio)), text);
        }
    }
}
