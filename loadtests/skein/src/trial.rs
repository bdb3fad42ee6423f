//! A scenario on trial: users of it against a server, turn by turn, without a load around
//! them. For tests of one's own scenarios.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::plan::Plan;
use crate::samples::{Fault, Samples};
use crate::scenario::Seat;
use crate::user::User;
use crate::workload::Workload;

/// One user of a plan, who takes turns when told to.
///
/// ```no_run
/// # async fn example(plan: &skein::Plan) {
/// use skein::trial::Trial;
///
/// let mut trial = Trial::new(plan, "http://127.0.0.1:8080");
/// trial.turn("shoppers").await;
/// assert!(trial.faults().is_empty(), "{:?}", trial.faults());
/// # }
/// ```
#[derive(Debug)]
pub struct Trial {
    workload: Arc<Workload>,
    seat: Seat,
}

impl Trial {
    /// A user of the server at `url`.
    ///
    /// # Panics
    ///
    /// When the URL is none of a server.
    pub fn new(plan: &Plan, url: &str) -> Self {
        let workload = Arc::new(Workload::new(plan, 1, url));
        let seat = Seat::new(User::new(0, Arc::clone(&workload)));
        Trial { workload, seat }
    }

    /// The same, who waits for answers no longer than this.
    pub fn patient_for(mut self, patience: Duration) -> Self {
        self.seat.user.be_patient_for(patience);
        self
    }

    /// Takes one turn of the scenario that is called so.
    ///
    /// # Panics
    ///
    /// When the plan's program has no such scenario.
    pub async fn turn(&mut self, scenario: &str) {
        let mut kinds = self.workload.scenarios.iter();
        let place = kinds.position(|kind| kind.name == scenario);
        let place = place.unwrap_or_else(|| panic!("no scenario is called {scenario}"));
        self.seat.take_turn(place).await;
    }

    /// Follows up what the turns left unfinished, for at most this long.
    pub async fn follow_up(&mut self, within: Duration) {
        self.seat.follow_up(Instant::now() + within).await;
    }

    /// A value that all users of the run share.
    pub fn shared<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.workload.shared.get()
    }

    /// The number of requests that were over since the last call, by the user's own count.
    pub fn finished(&mut self) -> u64 {
        self.seat.user.take_finished().count() as u64
    }

    /// The number of requests so far, by the recorder's count.
    pub fn requests(&self) -> u64 {
        self.samples().total(|_| true).count()
    }

    /// The kinds of faults so far, each once.
    pub fn faults(&self) -> Vec<Fault> {
        let samples = self.samples();
        samples.faults.keys().map(|(_, _, fault)| *fault).collect()
    }

    /// Answers so far by their status.
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        self.samples().total(|_| true).statuses
    }

    /// Answers so far by the outcome that they told.
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        self.samples().total(|_| true).outcomes
    }

    /// Answers so far by the node that named itself.
    pub fn served_by(&self) -> BTreeMap<String, u64> {
        self.samples().total(|_| true).served_by()
    }

    /// The longest response time so far.
    pub fn longest(&self) -> Duration {
        let total = self.samples().total(|_| true);
        Duration::from_micros(total.latency().response().max())
    }

    fn samples(&self) -> Samples {
        self.workload.recorder.snapshot()
    }
}
