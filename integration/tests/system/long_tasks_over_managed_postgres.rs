//! Long tasks in PostgreSQL as a part that the harness starts.

use integration::Topology;
use integration::real::{Part, Parts};

use crate::part_stories::Piece;
use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(ManagedPostgres);

/// A PostgreSQL server of one laboratory alone.
struct ManagedPostgres;

impl TaskHome for ManagedPostgres {
    async fn fresh() -> Self {
        ManagedPostgres
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology.parts(Piece::program(Part::Postgres).among(Parts::default()))
    }
}
