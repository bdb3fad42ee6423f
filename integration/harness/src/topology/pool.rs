//! Pools: what requests wait for in a node besides CPU time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;

use crate::counters::Counters;

/// A pool of equal places in a node, such as its connections to a database, its threads or its
/// executors of tasks. Whoever finds all of them taken waits.
///
/// The node counts for how long places were taken, as connection pools do that show metrics:
///
/// ```
/// use harness::Topology;
///
/// let topology = Topology::from_toml(
///     r#"
///     [node.shop]
///     run = ["./shop"]
///     counters = "/metrics"
///
///     [node.shop.pool.connections]
///     busy = "hikaricp_connections_usage_seconds_sum"
///     size = "hikaricp_connections_max"
///     "#,
/// )?;
/// assert!(topology.entry().pools.contains_key("connections"));
/// # Ok::<(), harness::topology::FileError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The counter of the time for which places were taken, all of them together, in seconds.
    pub busy: String,
    /// The number of places.
    pub size: PoolSize,
    /// Labels of the counter, and of the gauge if there is one, where a node has several pools.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The number of a pool's places.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "a number of places, or the name of the gauge that shows it"
)]
pub enum PoolSize {
    /// A fixed number.
    Of(NonZeroU32),
    /// The name of the gauge that shows it.
    Shown(String),
}

/// The use of a pool between two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolUse {
    /// The time for which places were taken, all of them together, in seconds.
    pub busy_seconds: f64,
    /// The number of places.
    pub places: f64,
}

impl Pool {
    /// The use of the pool, by what its node counted [`since`](Counters::since) an earlier look;
    /// `None` where it doesn't show these counters, or began to count anew.
    pub fn used(&self, counted: &Counters) -> Option<PoolUse> {
        let fits = |of: &BTreeMap<String, String>| {
            let mut labels = self.labels.iter();
            labels.all(|(label, value)| of.get(label) == Some(value))
        };
        // No series is not the same as none of it.
        let shown = |name: &str| {
            let series = counted.series(name).filter(|(of, _)| fits(of));
            series
                .map(|(_, value)| value)
                .reduce(|sum, value| sum + value)
        };
        if counted.began_anew() {
            return None;
        }
        let places = match &self.size {
            PoolSize::Of(places) => f64::from(places.get()),
            PoolSize::Shown(gauge) => shown(gauge)?,
        };
        Some(PoolUse {
            busy_seconds: shown(&self.busy)?,
            places,
        })
        .filter(|used| used.places > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Format;

    const TWO: PoolSize = PoolSize::Of(NonZeroU32::new(2).expect("not zero"));

    fn page(text: &str) -> Counters {
        Counters::parse(text.as_bytes(), Format::Prometheus).expect("a page")
    }

    fn look(busy: f64, other: f64) -> Counters {
        page(&format!(
            "# TYPE busy_seconds_total counter\n\
             busy_seconds_total{{pool=\"main\"}} {busy}\n\
             busy_seconds_total{{pool=\"other\"}} {other}\n\
             # TYPE places gauge\n\
             places{{pool=\"main\"}} 4\nplaces{{pool=\"other\"}} 9\n"
        ))
    }

    fn pool(size: PoolSize) -> Pool {
        Pool {
            busy: "busy_seconds_total".to_owned(),
            size,
            labels: BTreeMap::from([("pool".to_owned(), "main".to_owned())]),
        }
    }

    #[test]
    fn a_pool_is_used_for_the_time_that_was_counted_between_two_looks() {
        let counted = look(7.5, 90.0).since(&look(6.0, 10.0));
        let used = |places| {
            Some(PoolUse {
                busy_seconds: 1.5,
                places,
            })
        };
        let shown = PoolSize::Shown("places".to_owned());
        assert_eq!(pool(shown).used(&counted), used(4.0));
        assert_eq!(pool(TWO).used(&counted), used(2.0));
    }

    #[test]
    fn what_is_not_shown_or_was_counted_anew_is_no_use_of_nothing() {
        let nothing = page("").since(&page(""));
        assert_eq!(pool(TWO).used(&nothing), None);
        let anew = look(0.5, 0.0).since(&look(6.0, 10.0));
        assert_eq!(pool(TWO).used(&anew), None);
        let counted = look(7.5, 90.0).since(&look(6.0, 10.0));
        let mistyped = Pool {
            labels: BTreeMap::from([("pool".to_owned(), "mian".to_owned())]),
            ..pool(TWO)
        };
        assert_eq!(mistyped.used(&counted), None);
        let without = PoolSize::Shown("no_such_gauge".to_owned());
        assert_eq!(pool(without).used(&look(1.0, 1.0)), None);
    }
}
