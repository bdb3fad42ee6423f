//! Settings read from text: with a unit, and within limits that keep later arithmetic
//! from overflowing.

use std::time::Duration;

/// Longer than any setting has a use for.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A duration such as `5ms`, at most a year.
///
/// # Errors
///
/// When the text is no duration, or too long a one.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration <= LONGEST {
        Ok(duration)
    } else {
        Err("must be at most a year".to_owned())
    }
}

/// A duration such as `5ms` that is not zero, at most a year.
///
/// # Errors
///
/// When the text is no duration, zero, or too long.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be more than 0s".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_limits() {
        assert_eq!(duration("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(positive_duration("1ns"), Ok(Duration::from_nanos(1)));
        for refused in ["5", "", "-1s", "366days", "584942417355 years"] {
            assert!(duration(refused).is_err(), "{refused} was taken");
        }
        assert!(positive_duration("0s").is_err());
    }
}
