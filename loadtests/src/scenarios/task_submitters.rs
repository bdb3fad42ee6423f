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

pub(super) async fn take_turn(visitor: &mut Visitor) {
    let (seed, seat, turn) = (visitor.workload.seed, visitor.seat, visitor.turns);
    // The seed keeps runs against one system apart.
    let key = format!("{seed:016x}-{seat}-{turn}");
    let Some(id) = submit(visitor, &key, None).await else {
        return;
    };
    visitor.tasks.accepted += 1;
    visitor.tasks.open.push(id.clone());

    let repeat_share = visitor.workload.behaviour.repeat_share;
    if visitor.rng.random_bool(repeat_share) {
        submit(visitor, &key, Some(&id)).await;
    }
    // What isn't done when the load ends is followed up later.
    while visitor.workload.stage_now().is_some() {
        tokio::time::sleep(visitor.workload.behaviour.poll_interval).await;
        match look(visitor, &id).await {
            Some(TaskState::Queued | TaskState::Running) => {}
            Some(TaskState::Done | TaskState::Dead) | None => break,
        }
    }
}

/// Looks after tasks that were not seen done, until all are or `deadline` passes.
pub(super) async fn follow_up(visitor: &mut Visitor, deadline: Instant) {
    while !visitor.tasks.open.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(visitor.workload.behaviour.poll_interval).await;
        for id in visitor.tasks.open.clone() {
            look(visitor, &id).await;
        }
    }
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

/// Looks at a task, and keeps the score of those that are done.
async fn look(visitor: &mut Visitor, id: &str) -> Option<TaskState> {
    let request = visitor.signed_request(Method::GET, &format!("/longtask/{id}"));
    let state = visitor
        .send(LOOK, request, |answer| {
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
    if state == Some(TaskState::Done) {
        visitor.tasks.open.retain(|open| open != id);
        visitor.tasks.done += 1;
    }
    state
}

fn check_task(answer: &Answer) -> Result<Task, Wrong> {
    let task: Task = answer.json()?;
    if task.task == TASK {
        Ok(task)
    } else {
        Err(answer.wrong(Fault::Content("the task is not what was handed in")))
    }
}
