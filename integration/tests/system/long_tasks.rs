//! Long tasks in the embedded queue: SQLite, and nothing to be installed.

use integration::Topology;

use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(Embedded);

/// The worker's own file.
struct Embedded;

impl TaskHome for Embedded {
    async fn fresh() -> Self {
        Embedded
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology
    }
}
