//! Slowdowns on purpose, of a known kind and size, to see whether who looks for
//! slowdowns finds them. They exist only with the feature `planted-slowdowns`, which a
//! release build refuses; without it everything here compiles to nothing.
//!
//! A node is slowed by its flag `--plant KIND=SIZE` in every request that it serves
//! (but not in `/health` and `/metrics`), before it does anything else; a gateway can
//! also be made to call once more than it needs to by `--plant-calls N`.
//!
//! | what is planted | on which node | which metric should find it |
//! |---|---|---|
//! | `cpu=100us`: CPU time burned | `api-gateway` | `cpu-per-request`, and `throughput` with it |
//! | `allocate=1MiB`: an allocation storm, in small pieces | `api-gateway` | `cpu-per-request`, `throughput` |
//! | `sleep=1ms`: a sleep in the cache path | `cache` | `p50`, and no CPU time |
//! | `lock=200us`: a lock held across an await | `api-gateway` | `throughput`, `p99`; `p50` as the load nears the lock's limit |
//! | `share=1%:20ms`: a share of requests slowed | `api-gateway` | `p99`, and neither `p50` nor CPU time |
//! | `--plant-calls 1`: one more upstream call | `api-gateway` | `cpu-per-request`, `p50` |
//! | `sleep=5ms`: a slower database | `database` | `p95`, `p99`: what misses the caches |
//!
//! Sleeps last a millisecond more than asked for at most, which is the granularity of
//! the runtime's timer.

#[cfg(feature = "planted-slowdowns")]
pub use real::{ExtraCalls, Kind, MoreCalls, Planted, Plants};
#[cfg(not(feature = "planted-slowdowns"))]
pub use void::{ExtraCalls, MoreCalls, Planted, Plants};

/// The module without the feature: nothing, by the same names.
#[cfg(not(feature = "planted-slowdowns"))]
mod void {
    use crate::client::{Client, Upstream};

    /// No settings.
    #[derive(Clone, Debug, Default, clap::Args)]
    pub struct Plants {}

    /// No slowdown.
    #[derive(Clone, Debug)]
    pub struct Planted;

    /// No settings.
    #[derive(Clone, Debug, Default, clap::Args)]
    pub struct ExtraCalls {}

    /// No calls.
    #[derive(Clone, Debug)]
    pub struct MoreCalls;

    impl Plants {
        /// Nothing to do in any request.
        #[inline]
        pub fn planted(&self) -> Planted {
            Planted
        }
    }

    impl Planted {
        /// Does nothing.
        #[inline]
        pub async fn slow_down(&self) {}
    }

    impl ExtraCalls {
        /// Nobody to call.
        #[inline]
        pub fn to(&self, _: &Client, _: &Upstream) -> MoreCalls {
            MoreCalls
        }
    }

    impl MoreCalls {
        /// Calls nobody.
        #[inline]
        pub async fn call(&self) {}
    }
}

#[cfg(feature = "planted-slowdowns")]
mod real;
