//! Task submitters hand in long tasks, some of them twice under one key, and look
//! again until they are done.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, header};
use services::contract::{IDEMPOTENCY_KEY, Task, TaskState};
use skein::{Answer, Route, Scenario, User, Wrong};

use super::Token;
use crate::behaviour::Behaviour;

/// Handing in.
pub(crate) const SUBMIT: Route = Route::new("POST", "/longtask");
/// Looking again.
const LOOK: Route = Route::new("GET", "/longtask/{id}");

const TASK: &str = "report";

/// The longest id of a task that is kept, in bytes; those of the worker have 36.
const LONGEST_ID: usize = 128;

/// Users who submit long tasks and follow them until they are done.
pub(crate) struct TaskSubmitters {
    token: Token,
    repeat_share: f64,
    poll_interval: Duration,
    /// Tasks of which no end was seen yet, each with the moment of its 202.
    open: Vec<(String, Instant)>,
    fates: Arc<SubmittedTasks>,
}

/// The fates of the tasks that all users submitted, as far as they saw them.
#[derive(Debug, Default)]
pub(crate) struct SubmittedTasks(Mutex<Fates>);

/// Numbers of tasks, each counted once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fates {
    /// Tasks that the system answered for with 202.
    pub(crate) accepted: u64,
    /// Tasks that were seen done.
    pub(crate) done: u64,
    /// Tasks that the worker was seen to have given up.
    pub(crate) dead: u64,
    /// Tasks that the worker did not know any more.
    pub(crate) gone: u64,
    /// The time from the 202 until each was first seen done.
    pub(crate) lives: Vec<Duration>,
}

impl SubmittedTasks {
    /// The fates so far.
    pub(crate) fn fates(&self) -> Fates {
        self.lock().clone()
    }

    /// The number of tasks accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.lock().accepted
    }

    fn lock(&self) -> MutexGuard<'_, Fates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of a look at a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It is queued or running.
    Open,
    /// It is done, given up or gone.
    Ended,
    /// Nothing: the look itself went wrong.
    Failed,
}

impl Scenario for TaskSubmitters {
    const NAME: &str = "task submitters";
    const ROUTES: &[Route] = &[SUBMIT, LOOK];

    fn of(user: &mut User) -> Self {
        let behaviour = user.plan().table::<Behaviour>();
        TaskSubmitters {
            token: Token::of(user),
            repeat_share: behaviour.repeat_share,
            poll_interval: behaviour.poll_interval,
            open: Vec::new(),
            fates: user.shared(),
        }
    }

    async fn turn(&mut self, user: &mut User) {
        let (run, seat, turn) = (user.run_id(), user.seat(), user.turns());
        // A system that was there before keeps the tasks of earlier runs, whatever their seed.
        let key = format!("{run}-{seat}-{turn}");
        let Some(id) = self.submit(user, &key, None).await else {
            return;
        };
        self.fates.lock().accepted += 1;
        self.open.push((id.clone(), Instant::now()));

        if user.chance(self.repeat_share) {
            self.submit(user, &key, Some(&id)).await;
        }
        // What isn't done when the load ends is followed up later.
        while user.is_at_work() && user.rest(self.poll_interval).await {
            match self.look(user, &id).await {
                Look::Open => {}
                Look::Ended | Look::Failed => break,
            }
        }
    }

    /// Looks after open tasks, until none is or `deadline` passes.
    async fn follow_up(&mut self, user: &mut User, deadline: Instant) {
        /// Users who look seldom aren't users any more, and keep everybody waiting.
        const SELDOM: Duration = Duration::from_millis(250);
        let pause = self.poll_interval.min(SELDOM);
        while !self.open.is_empty() && Instant::now() < deadline {
            tokio::time::sleep(pause).await;
            for (id, _) in self.open.clone() {
                // A look is never broken off: it was sent, so it has to be counted.
                if Instant::now() >= deadline {
                    return;
                }
                self.look(user, &id).await;
            }
        }
    }
}

impl TaskSubmitters {
    /// Hands in a task and gives its id. A repeated one must keep the id that it `had`.
    async fn submit(&self, user: &mut User, key: &str, had: Option<&str>) -> Option<String> {
        let request = self.token.request(user, Method::POST, "/longtask");
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, key)
            .body(format!(r#"{{"task":"{TASK}"}}"#));
        let check = |answer: &Answer| check_accepted(answer, had);
        user.send(SUBMIT, request, check).await
    }

    /// Looks at a task, and keeps the score of how tasks end.
    async fn look(&mut self, user: &mut User, id: &str) -> Look {
        let mut gone = false;
        let path = format!("/longtask/{id}");
        let request = self.token.request(user, Method::GET, &path);
        let state = user
            .send(LOOK, request, |answer| {
                gone = answer.status == 404;
                check_looked_at(answer, id)
            })
            .await;
        match state {
            Some(TaskState::Queued | TaskState::Running) => return Look::Open,
            Some(TaskState::Done) => {
                let known = self.open.iter().find(|(open, _)| open == id);
                let life = known.map(|(_, since)| since.elapsed());
                let mut fates = self.fates.lock();
                fates.done += 1;
                fates.lives.extend(life);
            }
            Some(TaskState::Dead) => self.fates.lock().dead += 1,
            None if gone => self.fates.lock().gone += 1,
            None => return Look::Failed,
        }
        self.open.retain(|(open, _)| open != id);
        Look::Ended
    }
}

fn check_accepted(answer: &Answer, had: Option<&str>) -> Result<String, Wrong> {
    answer.expect_status(202)?;
    let task = check_task(answer)?;
    let location = answer.header(&header::LOCATION);
    if location != Some(&format!("/longtask/{}", task.id)) {
        return Err(answer.says_wrong("Location is not the task's"));
    }
    if had.is_some_and(|had| had != task.id) {
        return Err(answer.says_wrong("a repeated task became another"));
    }
    Ok(task.id)
}

fn check_looked_at(answer: &Answer, id: &str) -> Result<TaskState, Wrong> {
    answer.expect_status(200)?;
    let task = check_task(answer)?;
    if task.id != id {
        return Err(answer.says_wrong("this is another task"));
    }
    if task.state == TaskState::Done && task.result.is_none() {
        return Err(answer.says_wrong("the task is done and has no result"));
    }
    Ok(task.state)
}

fn check_task(answer: &Answer) -> Result<Task, Wrong> {
    let task: Task = answer.json()?;
    if task.id.len() > LONGEST_ID {
        return Err(answer.says_wrong("the task's id is too long for one"));
    }
    match task.task == TASK {
        true => Ok(task),
        false => Err(answer.says_wrong("the task is not what was handed in")),
    }
}
