//! Task submitters hand in long tasks, some of them twice under one key, and look
//! again until they are done.

use std::time::Instant;

use http::{Method, StatusCode, header};
use rand::RngExt;
use services::contract::{IDEMPOTENCY_KEY, Task, TaskState};

use crate::samples::{Fault, Route};
use crate::visitor::{Answer, Visitor, Wrong};

/// Handing in.
pub(super) const SUBMIT: Route = Route::new("POST", "/longtask");
/// Looking again.
pub(super) const LOOK: Route = Route::new("GET", "/longtask/{id}");

const TASK: &str = "report";

/// The longest id of a task that is kept, in bytes; those of the worker have 36.
const LONGEST_ID: usize = 128;

pub(super) async fn take_turn(visitor: &mut Visitor) {
    let (run, seat, turn) = (&visitor.workload.run, visitor.seat, visitor.turns);
    // A system that was there before keeps the tasks of earlier runs, whatever their seed.
    let key = format!("{run}-{seat}-{turn}");
    let Some(id) = submit(visitor, &key, None).await else {
        return;
    };
    visitor.tasks.accepted += 1;
    visitor.tasks.open.push((id.clone(), Instant::now()));

    let repeat_share = visitor.workload.behaviour.repeat_share;
    if visitor.rng.random_bool(repeat_share) {
        submit(visitor, &key, Some(&id)).await;
    }
    // What isn't done when the load ends is followed up later.
    while visitor.workload.stage_now().is_some() {
        tokio::time::sleep(visitor.workload.behaviour.poll_interval).await;
        match look(visitor, &id).await {
            Look::Open => {}
            Look::Ended | Look::Failed => break,
        }
    }
}

/// Looks after open tasks, until none is or `deadline` passes.
pub(super) async fn follow_up(visitor: &mut Visitor, deadline: Instant) {
    while !visitor.tasks.open.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(visitor.workload.behaviour.poll_interval).await;
        for (id, _) in visitor.tasks.open.clone() {
            // A look is never broken off: it was sent, so it has to be counted.
            if Instant::now() >= deadline {
                return;
            }
            look(visitor, &id).await;
        }
    }
}

/// What a look at a task tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It is queued or running.
    Open,
    /// It is done, given up or gone.
    Ended,
    /// Nothing: the look itself went wrong.
    Failed,
}

/// Hands in a task and gives its id. A repeated one must keep the id that it `had`.
async fn submit(visitor: &mut Visitor, key: &str, had: Option<&str>) -> Option<String> {
    let request = visitor
        .signed_request(Method::POST, "/longtask")
        .header(header::CONTENT_TYPE, "application/json")
        .header(IDEMPOTENCY_KEY, key)
        .body(format!(r#"{{"task":"{TASK}"}}"#));
    visitor
        .send(SUBMIT, request, |answer| {
            answer.expect_status(StatusCode::ACCEPTED)?;
            let task = check_task(answer)?;
            let location = answer.header(&header::LOCATION);
            if location != Some(&format!("/longtask/{}", task.id)) {
                return Err(answer.wrong(Fault::Content("Location is not the task's")));
            }
            if had.is_some_and(|had| had != task.id) {
                return Err(answer.wrong(Fault::Content("a repeated task became another")));
            }
            Ok(task.id)
        })
        .await
}

/// Looks at a task, and keeps the score of how tasks end.
async fn look(visitor: &mut Visitor, id: &str) -> Look {
    let mut gone = false;
    let request = visitor.signed_request(Method::GET, &format!("/longtask/{id}"));
    let state = visitor
        .send(LOOK, request, |answer| {
            gone = answer.status == StatusCode::NOT_FOUND;
            answer.expect_status(StatusCode::OK)?;
            let task = check_task(answer)?;
            if task.id != id {
                return Err(answer.wrong(Fault::Content("this is another task")));
            }
            if task.state == TaskState::Done && task.result.is_none() {
                return Err(answer.wrong(Fault::Content("the task is done and has no result")));
            }
            Ok(task.state)
        })
        .await;
    let tasks = &mut visitor.tasks;
    match state {
        Some(TaskState::Queued | TaskState::Running) => return Look::Open,
        Some(TaskState::Done) => {
            tasks.done += 1;
            let known = tasks.open.iter().find(|(open, _)| open == id);
            tasks.lives.extend(known.map(|(_, since)| since.elapsed()));
        }
        Some(TaskState::Dead) => tasks.dead += 1,
        None if gone => tasks.gone += 1,
        None => return Look::Failed,
    }
    tasks.open.retain(|(open, _)| open != id);
    Look::Ended
}

fn check_task(answer: &Answer) -> Result<Task, Wrong> {
    let task: Task = answer.json()?;
    if task.id.len() > LONGEST_ID {
        return Err(answer.wrong(Fault::Content("the task's id is too long for one")));
    }
    if task.task == TASK {
        Ok(task)
    } else {
        Err(answer.wrong(Fault::Content("the task is not what was handed in")))
    }
}
