//! The promises of the queue, with a clock that the tests move.

use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::store::{Begin, Count, Letter, Outbox};
use super::*;
use crate::contract::TaskState;

const RULES: Rules = Rules {
    lease: Duration::from_secs(10),
    max_attempts: 3,
    retry_delay: Duration::from_millis(100),
    handed_out: HandedOut::ByTheStore,
};

const START: Moment = Moment(1_000_000);

struct Lab {
    queue: Queue,
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = open(&folder);
        Lab { queue, folder }
    }

    /// Another worker on the same file.
    fn colleague(&self) -> Queue {
        open(&self.folder)
    }

    async fn accept(&self, submission: Submission, now: Moment) -> Acceptance {
        self.queue
            .accept(submission, Room::ForNewTasks, now)
            .await
            .expect("accepts")
    }

    async fn accept_new(&self, name: &str, now: Moment) -> Task {
        match self.accept(submission(name, None), now).await {
            Acceptance::New(task) => task,
            other => panic!("{other:?}"),
        }
    }

    async fn claim(&self, now: Moment) -> Claim {
        match self.queue.claim(now).await.expect("claims") {
            Next::Run(claim) => claim,
            other => panic!("{other:?}"),
        }
    }

    async fn idle_until(&self, now: Moment) -> Option<Moment> {
        match self.queue.claim(now).await.expect("claims") {
            Next::Wait(until) => until,
            other => panic!("{other:?}"),
        }
    }

    async fn finish(&self, claim: &Claim) -> Hold {
        let finished = self.queue.finish(claim, "finished".to_owned()).await;
        finished.expect("finishes")
    }

    async fn fail(&self, claim: &Claim, now: Moment) -> Hold {
        let failed = self.queue.fail(claim, "broken".to_owned(), now).await;
        failed.expect("fails")
    }

    async fn task(&self, id: &str) -> Task {
        let found = self.queue.find(id.to_owned(), None).await;
        found.expect("reads").expect("is there")
    }

    fn effects(&self) -> u64 {
        self.queue.census.take().expect("counts").effects
    }
}

/// A queue whose tasks a broker hands out.
fn behind_a_broker() -> Lab {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = Rules {
        handed_out: HandedOut::ByABroker,
        ..RULES
    };
    let queue = Queue::open(&folder.path().join("tasks.sqlite"), rules).expect("opens");
    Lab { queue, folder }
}

fn open(folder: &TempDir) -> Queue {
    Queue::open(&folder.path().join("tasks.sqlite"), RULES).expect("opens")
}

fn submission(task: &str, idempotency_key: Option<&str>) -> Submission {
    Submission {
        owner: "ann".to_owned(),
        idempotency_key: idempotency_key.map(str::to_owned),
        task: task.to_owned(),
        body: format!(r#"{{"task":"{task}"}}"#).into(),
    }
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[tokio::test]
async fn tasks_are_claimed_in_the_order_they_came() {
    let lab = Lab::new();
    let mut accepted = Vec::new();
    for name in ["a", "b", "c"] {
        // In the same millisecond, too.
        accepted.push(lab.accept_new(name, START).await.id);
    }
    for id in accepted {
        let claim = lab.claim(START).await;
        assert_eq!((claim.id, claim.attempt), (id, 1));
    }
    assert_eq!(lab.idle_until(START).await, Some(START + RULES.lease));
}

#[tokio::test]
async fn a_finished_task_has_its_effect_and_is_never_claimed_again() {
    let lab = Lab::new();
    let id = lab.accept_new("a", START).await.id;
    let claim = lab.claim(START).await;
    assert_eq!(lab.task(&id).await.state, TaskState::Running);
    assert_eq!(lab.finish(&claim).await, Hold::Held);
    let task = lab.task(&id).await;
    assert_eq!(
        (task.state, task.result.as_deref()),
        (TaskState::Done, Some("finished"))
    );
    assert_eq!(lab.effects(), 1);
    assert_eq!(lab.idle_until(START + RULES.lease * 9).await, None);
}

#[tokio::test]
async fn a_task_is_claimed_again_when_its_lease_ends_and_not_before() {
    let lab = Lab::new();
    lab.accept_new("a", START).await;
    lab.claim(START).await;
    let end = START + RULES.lease;
    assert_eq!(lab.idle_until(Moment(end.0 - 1)).await, Some(end));
    assert_eq!(lab.claim(end).await.attempt, 2);
}

#[tokio::test]
async fn a_renewed_lease_lasts_from_its_renewal() {
    let lab = Lab::new();
    lab.accept_new("a", START).await;
    let claim = lab.claim(START).await;
    let renewal = START + RULES.lease / 2;
    let renewed = lab.queue.renew(&claim, renewal).await.expect("renews");
    assert_eq!(renewed, Hold::Held);
    let until = lab.idle_until(START + RULES.lease).await;
    assert_eq!(until, Some(renewal + RULES.lease));
}

#[tokio::test]
async fn who_lost_the_lease_changes_nothing() {
    let lab = Lab::new();
    let id = lab.accept_new("a", START).await.id;
    let late = lab.claim(START).await;
    let end = START + RULES.lease;
    let current = lab.claim(end).await;

    assert_eq!(lab.finish(&late).await, Hold::Lost);
    assert_eq!(lab.fail(&late, end).await, Hold::Lost);
    assert_eq!(
        lab.queue.release(&late, end).await.expect("asks"),
        Hold::Lost
    );
    assert_eq!(lab.queue.renew(&late, end).await.expect("asks"), Hold::Lost);
    let task = lab.task(&id).await;
    assert_eq!((task.state, task.attempts), (TaskState::Running, 2));
    assert_eq!(lab.effects(), 0);

    assert_eq!(lab.finish(&current).await, Hold::Held);
    assert_eq!(lab.finish(&current).await, Hold::Lost);
    assert_eq!(lab.effects(), 1);
}

#[tokio::test]
async fn a_failed_task_waits_longer_each_time_and_then_is_dead() {
    let lab = Lab::new();
    let id = lab.accept_new("a", START).await.id;
    let mut now = START;
    for (attempt, delay) in [(1, 100), (2, 200)] {
        let claim = lab.claim(now).await;
        assert_eq!(claim.attempt, attempt);
        lab.fail(&claim, now).await;
        assert_eq!(lab.task(&id).await.state, TaskState::Queued);
        let due = now + milliseconds(delay);
        assert_eq!(lab.idle_until(now).await, Some(due));
        now = due;
    }
    lab.fail(&lab.claim(now).await, now).await;
    let task = lab.task(&id).await;
    assert_eq!(
        (task.state, task.attempts),
        (TaskState::Dead, RULES.max_attempts)
    );
    assert_eq!(task.result.as_deref(), Some("broken"));
    assert_eq!(lab.idle_until(now + RULES.lease).await, None);
    assert_eq!(lab.effects(), 0);
}

#[tokio::test]
async fn a_task_that_crashes_every_worker_is_given_up() {
    let lab = Lab::new();
    let id = lab.accept_new("a", START).await.id;
    let mut now = START;
    for attempt in 1..=RULES.max_attempts {
        assert_eq!(lab.claim(now).await.attempt, attempt);
        now = now + RULES.lease;
    }
    assert_eq!(lab.idle_until(now).await, None);
    let task = lab.task(&id).await;
    assert_eq!(
        (task.state, task.result.as_deref()),
        (TaskState::Dead, Some(ABANDONED))
    );
}

#[tokio::test]
async fn a_released_task_is_due_at_once_and_has_lost_no_attempt() {
    let lab = Lab::new();
    lab.accept_new("a", START).await;
    let claim = lab.claim(START).await;
    lab.queue.release(&claim, START).await.expect("releases");
    assert_eq!(lab.claim(START).await.attempt, 1);
}

#[tokio::test]
async fn a_repeat_is_the_same_task_and_another_body_is_refused() {
    let lab = Lab::new();
    let first = lab.accept(submission("a", Some("k")), START).await;
    let Acceptance::New(task) = first else {
        panic!("{first:?}")
    };
    let repeated = lab.accept(submission("a", Some("k")), START).await;
    assert_eq!(repeated, Acceptance::Repeated(task.clone()));
    let other = lab.accept(submission("b", Some("k")), START).await;
    assert_eq!(other, Acceptance::KeyReused);

    let of_bob = Submission {
        owner: "bob".to_owned(),
        ..submission("a", Some("k"))
    };
    assert!(matches!(
        lab.accept(of_bob, START).await,
        Acceptance::New(_)
    ));
    let without_key = lab.accept(submission("a", None), START).await;
    assert!(matches!(without_key, Acceptance::New(_)));

    // Also after the task is done.
    lab.finish(&lab.claim(START).await).await;
    let repeated = lab.accept(submission("a", Some("k")), START).await;
    assert_eq!(repeated, Acceptance::Repeated(lab.task(&task.id).await));
}

#[tokio::test]
async fn a_task_is_shown_to_its_owner_only() {
    let lab = Lab::new();
    let id = lab.accept_new("a", START).await.id;
    for (owner, shown) in [(Some("ann"), true), (Some("bob"), false), (None, true)] {
        let found = lab.queue.find(id.clone(), owner.map(str::to_owned)).await;
        assert_eq!(found.expect("reads").is_some(), shown, "to {owner:?}");
    }
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart() {
    let lab = Lab::new();
    let id = lab.accept_new("a", START).await.id;
    lab.queue.clone().close().await.expect("closes");
    let reopened = Lab {
        queue: lab.colleague(),
        folder: lab.folder,
    };
    assert_eq!(reopened.claim(START).await.id, id);
}

#[tokio::test]
async fn two_workers_on_one_file_never_share_a_task() {
    let lab = Lab::new();
    for index in 0..40 {
        lab.accept_new(&format!("task {index}"), START).await;
    }
    let drain = async |queue: Queue| {
        let mut ids = Vec::new();
        while let Next::Run(claim) = queue.claim(START).await.expect("claims") {
            ids.push(claim.id);
        }
        ids
    };
    let (mut ids, theirs) = tokio::join!(drain(lab.queue.clone()), drain(lab.colleague()));
    ids.extend(theirs);
    assert_eq!(ids.len(), 40);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 40);
}

#[tokio::test]
async fn a_task_is_in_the_outbox_until_the_broker_has_confirmed_it() {
    let lab = behind_a_broker();
    let sent = submission("a", Some("k"));
    let Acceptance::New(task) = lab.accept(sent.clone(), START).await else {
        panic!("a new task")
    };
    let count = lab.queue.census.take().expect("counts");
    assert_eq!((count.tasks[0], count.unconfirmed), (0, 1));
    let repeated = lab.accept(sent.clone(), START).await;
    assert_eq!(repeated, Acceptance::Unconfirmed(task.clone()));

    let early = Moment(START.0 - 1);
    let look = async |before| {
        let later = START + RULES.lease;
        lab.queue
            .unconfirmed(before, 10, later)
            .await
            .expect("reads")
    };
    assert_eq!(look(early).await, []);
    let letter = Letter {
        id: task.id.clone(),
        body: sent.body.clone(),
    };
    assert_eq!(look(START).await, [letter]);
    // Somebody is at it since then.
    assert_eq!(look(START).await, []);

    assert!(lab.queue.confirm(&task.id).await.expect("writes"));
    assert!(!lab.queue.confirm(&task.id).await.expect("writes"));
    let count = lab.queue.census.take().expect("counts");
    assert_eq!((count.tasks[0], count.unconfirmed), (1, 0));
    let repeated = lab.accept(sent, START).await;
    assert_eq!(repeated, Acceptance::Repeated(task));
}

#[tokio::test]
async fn without_room_only_repeats_are_taken() {
    let lab = behind_a_broker();
    let no_room = async |sent| {
        let accepted = lab.queue.accept(sent, Room::ForRepeatsOnly, START).await;
        accepted.expect("accepts")
    };
    let sent = submission("a", Some("k"));
    assert_eq!(no_room(sent.clone()).await, Acceptance::NoRoom);
    assert!(matches!(
        lab.accept(sent.clone(), START).await,
        Acceptance::New(_)
    ));
    assert!(matches!(no_room(sent).await, Acceptance::Unconfirmed(_)));
    let count = lab.queue.census.take().expect("counts");
    assert_eq!(count.unconfirmed, 1);
}

#[tokio::test]
async fn what_a_broker_has_lost_is_published_again_and_not_accepted_again() {
    let lab = behind_a_broker();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let id = lab.accept_new(name, START).await.id;
        lab.queue.confirm(&id).await.expect("writes");
        ids.push(id);
    }
    let Begin::Run(claim) = lab.queue.begin(&ids[0], 1, START).await.expect("begins") else {
        panic!("it can be begun")
    };
    lab.finish(&claim).await;
    assert_eq!(lab.queue.publish_again().await.expect("writes"), 2);
    let letters = lab.queue.unconfirmed(START, 10, START).await;
    assert_eq!(letters.expect("reads").len(), 2);
    let count = lab.queue.census.take().expect("counts");
    assert_eq!((count.tasks[0], count.unconfirmed), (2, 0));
    assert!(!lab.queue.confirm(&ids[1]).await.expect("writes"));
}

#[tokio::test]
async fn a_delivery_takes_over_from_whoever_began_before_and_never_what_has_ended() {
    let lab = behind_a_broker();
    let id = lab.accept_new("a", START).await.id;
    let begin = async |attempt| {
        let begun = lab.queue.begin(&id, attempt, START).await;
        begun.expect("begins")
    };
    let Begin::Run(first) = begin(1).await else {
        panic!("it can be begun")
    };
    let Begin::Run(second) = begin(2).await else {
        panic!("it can be taken over")
    };
    assert_eq!(lab.finish(&first).await, Hold::Lost);
    assert_eq!(lab.finish(&second).await, Hold::Held);
    assert!(matches!(begin(3).await, Begin::Done));
    lab.queue.bury(&id).await.expect("writes");
    assert_eq!(lab.task(&id).await.state, TaskState::Done);
    assert_eq!(lab.effects(), 1);

    let poison = lab.accept_new("b", START).await.id;
    lab.queue.begin(&poison, 1, START).await.expect("begins");
    lab.queue.bury(&poison).await.expect("writes");
    let task = lab.task(&poison).await;
    assert_eq!(
        (task.state, task.result.as_deref()),
        (TaskState::Dead, Some(ABANDONED))
    );
    let begun = lab.queue.begin(&poison, 2, START).await.expect("asks");
    assert!(matches!(begun, Begin::Dead));
    let unknown = lab.queue.begin("nobody", 1, START).await.expect("asks");
    assert!(matches!(unknown, Begin::Unknown));
}

/// One thing that happens to a queue, with the claim that it is done with, if any.
#[derive(Clone, Copy, Debug)]
enum Step {
    Accept,
    Claim,
    Finish(prop::sample::Index),
    Fail(prop::sample::Index),
    Release(prop::sample::Index),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Accept),
        3 => Just(Step::Claim),
        1 => any::<prop::sample::Index>().prop_map(Step::Finish),
        1 => any::<prop::sample::Index>().prop_map(Step::Fail),
        1 => any::<prop::sample::Index>().prop_map(Step::Release),
        1 => (0..12_000u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever happens, also to claims that were lost long ago: no task vanishes,
    /// each that is done had its effect once, and no other had any.
    #[test]
    fn no_task_is_lost_or_done_twice(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (accepted, count) = runtime.block_on(play(&steps));
        prop_assert_eq!(count.tasks.iter().sum::<u64>(), accepted);
        prop_assert_eq!(count.effects, count.tasks[2]);
    }
}

/// Plays the steps, then works until nothing is left to do; returns how many tasks
/// were accepted, and what is in the file.
async fn play(steps: &[Step]) -> (u64, Count) {
    let lab = Lab::new();
    let (mut now, mut accepted, mut claims) = (START, 0, Vec::<Claim>::new());
    for step in steps {
        match step {
            Step::Accept => {
                lab.accept_new("a", now).await;
                accepted += 1;
            }
            Step::Claim => {
                if let Next::Run(claim) = lab.queue.claim(now).await.expect("claims") {
                    claims.push(claim);
                }
            }
            Step::Pass(count) => now = now + milliseconds(*count),
            _ if claims.is_empty() => {}
            Step::Finish(index) => drop(lab.finish(index.get(&claims)).await),
            Step::Fail(index) => drop(lab.fail(index.get(&claims), now).await),
            Step::Release(index) => {
                let released = lab.queue.release(index.get(&claims), now).await;
                released.expect("releases");
            }
        }
    }
    now = now + RULES.lease;
    loop {
        match lab.queue.claim(now).await.expect("claims") {
            Next::Run(claim) => drop(lab.finish(&claim).await),
            Next::Wait(Some(until)) => now = until,
            Next::Wait(None) => break,
        }
    }
    let count = lab.queue.census.take().expect("counts");
    assert_eq!((count.tasks[0], count.tasks[1]), (0, 0), "work is left");
    (accepted, count)
}
