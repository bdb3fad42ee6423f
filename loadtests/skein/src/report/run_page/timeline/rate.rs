//! Requested and achieved rate over time.

use std::time::Duration;

use maud::{Markup, html};

use super::{Time, chart, key, none};
use crate::plan::{Schedule, Stage};
use crate::record::Record;
use crate::report::chart::marks::{Place, area, line};
use crate::report::chart::{Axis, Scale, path, table};
use crate::report::figures::{count, per_second};

pub(super) fn rate(record: &Record, time: &Time) -> Markup {
    let ticks = &record.timeline.ticks;
    let rate_of = |number: u64| number as f64 / time.tick;
    let achieved: Vec<f64> = ticks.iter().map(|tick| rate_of(tick.requests)).collect();
    let turns: Vec<Option<f64>> = requested(&record.plan.stages, ticks.len(), time.tick);
    let open = turns.iter().any(Option::is_some);
    let asked = turns.iter().flatten().copied();
    let y = Axis::new(
        Scale::from_zero(achieved.iter().copied().chain(asked).fold(0.0, f64::max)),
        4,
        per_second,
    );
    let within = achieved.iter().take(time.within);
    let requests = time.places(&y, within.copied().map(Some));
    let under: Vec<Place> = requests.iter().flatten().copied().collect();
    let begun = ticks.iter().zip(&turns);
    let begun = begun.map(|(tick, asked)| asked.map(|_| rate_of(tick.turns)));
    let drawing = html! {
        (path("under", &area(&under)))
        (path("s1", &line(requests)))
        @if open {
            (path("s3", &line(time.places(&y, begun))))
            (path("s2 dashed", &line(time.places(&y, turns.iter().copied()))))
        }
    };
    let all = [
        key("s1", "requests, achieved"),
        key("s3", "turns, achieved"),
        key("s2 dashed", "turns, requested"),
    ];
    let keys = if open { &all[..] } else { &all[..1] };
    let schedule = Schedule::new(&record.plan.stages);
    let rows = ticks.iter().enumerate().map(|(index, tick)| {
        let middle = (index as f64 + 0.5) * time.tick;
        let moment = Duration::try_from_secs_f64(middle).unwrap_or(Duration::MAX);
        let users = schedule.users_at(moment);
        let mut row = vec![time.moment(index), per_second(achieved[index])];
        if open {
            row.push(turns[index].map_or_else(none, |_| per_second(rate_of(tick.turns))));
            row.push(turns[index].map_or_else(none, per_second));
        }
        row.push(count(users as u64));
        row
    });
    let head = match open {
        true => &[
            "From",
            "Requests",
            "Turns",
            "Turns requested",
            "Users at work",
        ][..],
        false => &["From", "Requests", "Users at work"],
    };
    let most = achieved.iter().copied().fold(0.0, f64::max);
    let title = if open {
        "Requested and achieved rate"
    } else {
        "Achieved rate"
    };
    let description = format!("Requests over, by time; at most {}.", per_second(most));
    chart(time, ("chart-rate", title), description, &y, keys)
        .with(&time.marked(&drawing), &table(head, rows))
}

/// Turns a second that open loads ask for, on average over each tick; `None` where all load is
/// closed, and nothing is asked for but users.
fn requested(stages: &[Stage], ticks: usize, tick: f64) -> Vec<Option<f64>> {
    let mut asked: Vec<Option<f64>> = vec![None; ticks];
    let schedule = Schedule::new(stages);
    for load in schedule.loads() {
        let Some(open) = load.open else {
            continue;
        };
        let (begin, end) = (load.begins.as_secs_f64(), load.ends.as_secs_f64());
        for (index, slot) in asked.iter_mut().enumerate() {
            let middle = (index as f64 + 0.5) * tick;
            if (begin..end).contains(&middle) {
                let ramp = open.curve.ramp.as_secs_f64();
                let progress = if ramp > 0.0 {
                    ((middle - begin) / ramp).min(1.0)
                } else {
                    1.0
                };
                let rate = open.curve.from + (open.curve.to.get() - open.curve.from) * progress;
                // Loads of scenarios go on side by side.
                *slot = Some(slot.unwrap_or(0.0) + rate);
            }
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::{Rate, RateCurve, Spacing};
    use crate::plan::OpenLoad;

    #[test]
    fn the_requested_rate_rises_with_the_ramp_and_closed_stages_have_none() {
        let stage = |open| Stage {
            name: "a stage".to_owned(),
            users: 1,
            duration: Duration::from_secs(4),
            ramp: Duration::ZERO,
            warm_up: false,
            turns: None,
            scenarios: Vec::new(),
            open,
        };
        let open = OpenLoad {
            curve: RateCurve {
                from: 0.0,
                to: Rate::per_second(100.0).expect("a rate"),
                ramp: Duration::from_secs(2),
                duration: Duration::from_secs(4),
            },
            spacing: Spacing::Constant,
        };
        let asked = requested(&[stage(None), stage(Some(open))], 9, 1.0);
        let expected = [
            None,
            None,
            None,
            None,
            Some(25.0),
            Some(75.0),
            Some(100.0),
            Some(100.0),
            None,
        ];
        assert_eq!(asked, expected);
    }
}
