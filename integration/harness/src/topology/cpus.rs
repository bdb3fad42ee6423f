//! The share of a machine's CPUs that a node is given.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A share of the CPUs: a quarter of one, or two of them; to the thousandth of one.
///
/// ```
/// use harness::topology::Cpus;
/// let quarter: Cpus = "0.25".parse()?;
/// assert_eq!(quarter.to_string(), "0.25 of a CPU");
/// assert_eq!(Cpus::of(2.0)?.to_string(), "2 CPUs");
/// assert!(Cpus::of(0.0).is_err());
/// # Ok::<(), harness::topology::InvalidCpus>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cpus {
    thousandths: u32,
}

/// A number that is no share of CPUs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no share of CPUs: it is a number from 0.01 to 1024, such as 0.25 for a quarter of one"
)]
pub struct InvalidCpus(String);

impl Cpus {
    /// The time after which a quota is granted anew. It is short, since whoever has used its
    /// quota up stands still for the rest, and with the kernel's usual 100 ms that alone
    /// would be the p99 of a quick server.
    const PERIOD: Duration = Duration::from_millis(10);

    /// The smallest quota that the kernel takes.
    const LEAST_QUOTA: Duration = Duration::from_millis(1);

    /// This many CPUs.
    ///
    /// # Errors
    ///
    /// When it is less than a hundredth of one, or more than any machine has.
    pub fn of(cpus: f64) -> Result<Self, InvalidCpus> {
        let allowed = (0.01..=1024.0).contains(&cpus);
        let thousandths = (cpus * 1000.0).round() as u32;
        allowed
            .then_some(Cpus { thousandths })
            .ok_or_else(|| InvalidCpus(cpus.to_string()))
    }

    /// The same as a number.
    pub fn get(self) -> f64 {
        f64::from(self.thousandths) / 1000.0
    }

    /// The time after which the quota is granted anew, in microseconds.
    pub(crate) fn period_micros(self) -> u64 {
        let least = Self::LEAST_QUOTA.as_micros() as f64 / self.get();
        (Self::PERIOD.as_micros() as u64).max(least.ceil() as u64)
    }

    /// The CPU time that may be used in each period, in microseconds.
    pub(crate) fn quota_micros(self) -> u64 {
        (self.period_micros() as f64 * self.get()).round() as u64
    }
}

impl TryFrom<f64> for Cpus {
    type Error = InvalidCpus;

    fn try_from(cpus: f64) -> Result<Self, InvalidCpus> {
        Cpus::of(cpus)
    }
}

impl From<Cpus> for f64 {
    fn from(cpus: Cpus) -> f64 {
        cpus.get()
    }
}

impl FromStr for Cpus {
    type Err = InvalidCpus;

    fn from_str(text: &str) -> Result<Self, InvalidCpus> {
        let number = text.parse().map_err(|_| InvalidCpus(format!("{text:?}")))?;
        Cpus::of(number)
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.thousandths {
            1000 => f.write_str("1 CPU"),
            ..1000 => write!(f, "{} of a CPU", self.get()),
            _ => write!(f, "{} CPUs", self.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_are_no_share_are_refused_by_their_own_words() {
        for (text, says) in [
            ("0", "0 is"),
            ("-1", "-1 is"),
            ("x", "\"x\" is"),
            ("NaN", "NaN is"),
        ] {
            let refused = text.parse::<Cpus>().expect_err(text).to_string();
            assert!(refused.starts_with(says), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn a_quota_is_its_share_of_the_period_and_never_too_small_for_the_kernel(cpus in 0.01..64.0) {
            let cpus = Cpus::of(cpus).expect("a share");
            let share = cpus.quota_micros() as f64 / cpus.period_micros() as f64;
            prop_assert!(cpus.quota_micros() >= 1000);
            prop_assert!((10_000..=100_000).contains(&cpus.period_micros()));
            prop_assert!((share / cpus.get() - 1.0).abs() < 0.001);
        }
    }
}
