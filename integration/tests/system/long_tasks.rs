//! Long tasks in the embedded queue: SQLite, and nothing to be installed.

use integration::Topology;

use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(Embedded:
    a_task_is_accepted_at_once_and_done_later,
    repeats_of_one_key_are_one_task_and_one_effect,
    a_key_with_another_body_is_refused,
    no_accepted_task_is_lost_when_the_worker_is_killed,
    a_task_that_keeps_failing_is_given_up,
    a_task_is_shown_to_its_owner_only,
);

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
