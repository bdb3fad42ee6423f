//! The lives of long tasks, and how they ended.

use skein::figures_for_people::{count, duration, micros};
use skein::{Block, Mark, Part, Piece, Section, Times, Tone};

use super::{About, listed};
use crate::record::TaskRecord;

pub(super) fn section(tasks: &TaskRecord, about: &About) -> Section {
    let section = Section::new("tasks", "Life of tasks")
        .in_short("Tasks")
        .narrow();
    if tasks.accepted == 0 {
        return section.absent("No task was accepted.");
    }
    let section = section
        .pieces([
            Piece::strong(count(tasks.accepted)),
            Piece::text(" accepted, repeats not counted"),
        ])
        .block(Block::Bar {
            whole: tasks.accepted,
            parts: vec![
                Part::new("done", tasks.done, Mark::Good),
                Part::new("given up by the worker", tasks.dead, Mark::Bad),
                Part::new("gone", tasks.gone, Mark::Bad),
                Part::new("not seen done in time", tasks.unfinished(), Mark::Doubt),
            ],
        });
    let section = match &tasks.life {
        Some(life) => section.said(Tone::Small, [Piece::text(lives(life, about))]),
        None => section,
    };
    let Some(states) = &tasks.at_worker else {
        return section;
    };
    let mut figures = vec![(
        "In the worker’s file, at the end".to_owned(),
        listed(states),
    )];
    if !tasks.attempts.is_empty() {
        figures.push(("Attempts that ended".to_owned(), listed(&tasks.attempts)));
    }
    section.block(Block::Figures { of: figures })
}

fn lives(life: &Times, about: &About) -> String {
    let mut text = format!(
        "From the 202 until seen done: p50 {}, p99 {}, at most {}.",
        micros(life.p50 as f64),
        micros(life.p99 as f64),
        micros(life.max as f64)
    );
    if let Some(interval) = about.poll_interval {
        text += &format!(
            " Looked at every {}, so that it shows late by half of that on average.",
            duration(interval.as_secs_f64())
        );
    }
    if let Some(shape) = &about.shape {
        let takes = duration(shape.task_duration.as_secs_f64());
        text += &format!(" A task itself takes {takes}.");
    }
    text
}

/// The fates in a few words: `tasks 5 of 5 done`.
pub(super) fn in_short(tasks: &TaskRecord) -> String {
    let mut fates = format!(
        "tasks {} of {} done",
        count(tasks.done),
        count(tasks.accepted)
    );
    for (number, fate) in [
        (tasks.dead, "given up"),
        (tasks.gone, "gone"),
        (tasks.unfinished(), "not seen done in time"),
    ] {
        if number > 0 {
            fates.push_str(&format!(", {} {fate}", count(number)));
        }
    }
    fates
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sections::testing::words;

    #[test]
    fn tasks_are_told_by_how_they_ended() {
        let tasks = TaskRecord {
            accepted: 9,
            done: 5,
            dead: 1,
            gone: 0,
            life: None,
            at_worker: Some(BTreeMap::from([("done".to_owned(), 5)])),
            attempts: BTreeMap::from([("done".to_owned(), 5)]),
        };
        let told = words(&section(&tasks, &About::default()));
        for says in [
            "given up by the worker 1",
            "not seen done in time 3",
            "In the worker’s file, at the end: done 5",
        ] {
            assert!(told.contains(says), "{says} is missing in {told}");
        }
        assert_eq!(
            in_short(&tasks),
            "tasks 5 of 9 done, 1 given up, 3 not seen done in time"
        );
    }
}
