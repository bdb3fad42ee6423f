//! Counters that a node shows at `/metrics`, in the Prometheus text format.

use std::fmt::{self, Debug};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

/// One node's metrics. Clones share the same counters.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    preparations: Arc<Mutex<Vec<Preparation>>>,
}

/// Work that is done before the page is shown.
#[derive(Clone)]
struct Preparation(Arc<dyn Fn() -> Prepared + Send + Sync>);

/// A preparation under way.
pub type Prepared = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Debug for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Preparation(…)")
    }
}

impl Metrics {
    /// A counter without labels. Its name is shown with `_total` added.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.register(name, help, Counter::default())
    }

    /// A counter for each set of labels. Its name is shown with `_total` added.
    pub fn counters<L>(&self, name: &str, help: &str) -> Family<L, Counter>
    where
        L: EncodeLabelSet + Clone + Debug + Eq + Hash + Send + Sync + 'static,
    {
        self.register(name, help, Family::default())
    }

    /// A value that can fall.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.register(name, help, Gauge::default())
    }

    /// Shows a metric of any other kind.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        // The registry ends the sentence itself.
        self.registry()
            .register(name, help.trim_end_matches('.'), metric.clone());
        metric
    }

    /// Shows what `collector` finds each time that the page is asked for.
    pub fn collect(&self, collector: impl Collector) {
        self.registry().register_collector(Box::new(collector));
    }

    /// Has this done each time before the page is shown, for figures that have to be asked
    /// for over a network. It should not take long.
    pub fn before_each_look(&self, prepare: impl Fn() -> Prepared + Send + Sync + 'static) {
        self.preparations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Preparation(Arc::new(prepare)));
    }

    /// Every metric, as text, after all preparations.
    pub async fn look(&self) -> String {
        let preparations = self
            .preparations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for Preparation(prepare) in preparations {
            prepare().await;
        }
        self.encode()
    }

    /// Every metric, as text.
    pub fn encode(&self) -> String {
        let mut page = String::new();
        text::encode(&mut page, &self.registry()).expect("a string takes every write");
        page
    }

    /// The content type that [`Metrics::encode`] writes.
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A family of counters with one label, called `outcome`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// The outcome of what is counted, such as `hit`.
    pub outcome: &'static str,
}
