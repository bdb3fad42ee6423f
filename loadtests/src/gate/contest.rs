//! Round after round, with looks at them where the design says, until it is decided or
//! time is up. Every round is kept as it comes, so that nothing is lost with the rest.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::GateError;
use super::metrics;
use super::place::{Interruption, on_cores};
use super::record::Side;
use super::round::{Arena, Played, RoundError, play};
use super::shape::RoundPlan;
use super::trust::{response_times_diluted, the_candidate_fails};
use crate::arrivals::Rate;
use crate::comparison::{Decision, Design, Look, Metric, Role, Rule, Series, judge};
use crate::evidence::Limits;
use crate::progress::Progress;

/// What a contest is held by.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// How each metric is judged, and what it may decide.
    pub(super) rules: Vec<(Rule, Role)>,
    /// From when on its figures aren't believed.
    pub(super) limits: Limits,
    /// When to look.
    pub(super) design: Design,
    /// Whether looks may end it before its last round.
    pub(super) may_end_early: bool,
    /// When time is up, and no further round begins.
    pub(super) deadline: Instant,
    /// The seed of every round's seed.
    pub(super) seed: u64,
    /// Whether it is the repetition that a fail has to stand.
    pub(super) confirmation: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Contest {
    pub(super) rounds: Vec<Played>,
    pub(super) looks: Vec<Look>,
    /// When it was looked in the end: by the clock perhaps earlier than planned.
    pub(super) design: Design,
    pub(super) ended: Ended,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By a look's decision; the last one decides in any case.
    Decided(Decision),
    /// The candidate failed requests that the baseline served.
    CandidateFails,
    /// A node of one side ended by itself, or didn't start.
    Crashed(Side, RoundError),
    /// By a signal.
    Interrupted,
}

/// What rounds are played with.
pub(super) struct Ground<'a> {
    pub(super) arena: &'a Arena,
    pub(super) open_rate: Rate,
    pub(super) cores: &'a [usize],
    pub(super) interruption: &'a Interruption,
    /// Where rounds are kept, one a line.
    pub(super) log: &'a mut File,
    pub(super) progress: &'a Progress,
}

impl Contest {
    /// Plays by `terms`.
    pub(super) fn hold(ground: &mut Ground<'_>, terms: &Terms) -> Result<Contest, GateError> {
        let mut contest = Contest {
            rounds: Vec::new(),
            looks: Vec::new(),
            design: terms.design.clone(),
            ended: Ended::Interrupted,
        };
        let mut seeds = Xoshiro256PlusPlus::seed_from_u64(terms.seed);
        let began = Instant::now();
        loop {
            let played = match ground.play(seeds.random(), began, contest.rounds.len(), terms) {
                Ok(Some(played)) => played,
                Ok(None) => return Ok(contest),
                Err(GateError::Round(error)) => match error.crashed() {
                    Some(side) => {
                        contest.ended = Ended::Crashed(side, error);
                        return Ok(contest);
                    }
                    None => return Err(GateError::Round(error)),
                },
                Err(error) => return Err(error),
            };
            contest.rounds.push(played);
            let done = contest.rounds.len();
            // Whether there is time for another is asked of the clock alone.
            let per_round = began.elapsed() / done as u32;
            let time_is_up = Instant::now() + per_round > terms.deadline;
            if time_is_up && done < contest.design.most_rounds() {
                contest.design = contest.design.ending_at(done);
            }
            let design = &contest.design;
            let is_last = done >= design.most_rounds();
            let is_due = is_last || (terms.may_end_early && design.looks().any(|at| at == done));
            if !is_due {
                continue;
            }
            let look = judge(&contest.series(terms), design, done);
            let decision = look.decision.clone();
            contest.looks.push(look);
            if contest.the_candidate_fails() {
                contest.ended = Ended::CandidateFails;
                return Ok(contest);
            }
            if is_last || decision != Decision::Continue {
                contest.ended = Ended::Decided(decision);
                return Ok(contest);
            }
        }
    }

    /// What the rounds say, metric by metric.
    pub(super) fn series(&self, terms: &Terms) -> Vec<Series> {
        let diluted = self.response_times_diluted(terms).is_some();
        let series = terms.rules.iter().map(|(rule, role)| Series {
            rule: *rule,
            role: if diluted && rule.metric.is_response_time() {
                role.when_diluted()
            } else {
                *role
            },
            log_ratios: self.log_ratios(rule.metric),
        });
        series.collect()
    }

    /// Why response times can't rule a slowdown out, if they can't.
    pub(super) fn response_times_diluted(&self, terms: &Terms) -> Option<String> {
        let rounds = self.rounds.iter().map(|played| &played.round);
        response_times_diluted(&rounds, &terms.limits)
    }

    /// The log-ratio of each round.
    pub(super) fn log_ratios(&self, metric: Metric) -> Vec<Option<f64>> {
        let rounds = self.rounds.iter();
        rounds
            .map(|played| metrics::log_ratio(&played.round, metric))
            .collect()
    }

    fn the_candidate_fails(&self) -> bool {
        let rounds = self.rounds.iter().map(|played| &played.round);
        the_candidate_fails(&rounds)
    }
}

impl Ground<'_> {
    /// Plays a round and keeps it; `None` when it was interrupted.
    fn play(
        &mut self,
        seed: u64,
        began: Instant,
        done: usize,
        terms: &Terms,
    ) -> Result<Option<Played>, GateError> {
        let plan = RoundPlan::draw(&self.arena.shape, self.cores, seed);
        let data = crate::scratch::folder("skein-gate-").map_err(GateError::Folder)?;
        self.progress.glimpse(&progress_line(terms, began, done));
        let (arena, open_rate) = (self.arena, self.open_rate);
        let played =
            self.on_generator_cores(&plan, || play(arena, &plan, open_rate, data.path()))?;
        let Some(mut played) = played else {
            return Ok(None);
        };
        played.round.number = done + 1;
        played.round.confirmation = terms.confirmation;
        keep(self.log, &played)?;
        self.progress
            .glimpse(&progress_line(terms, began, done + 1));
        Ok(Some(played))
    }

    /// Does a part of a round where the generator belongs; `None` when it was interrupted.
    pub(super) fn on_generator_cores<T: Send, F: Future<Output = Result<T, RoundError>>>(
        &self,
        plan: &RoundPlan,
        work: impl FnOnce() -> F + Send,
    ) -> Result<Option<T>, GateError> {
        if self.interruption.happened() {
            return Ok(None);
        }
        let interruption = self.interruption;
        let interruptible = || async move {
            tokio::select! {
                done = work() => Some(done),
                () = interruption.happens() => None,
            }
        };
        let done = on_cores(&plan.generator_cores, interruptible).map_err(|source| {
            let what = "start the generator on its cores";
            RoundError::System { what, source }
        })?;
        Ok(done.transpose()?)
    }
}

fn keep(log: &mut File, played: &Played) -> Result<(), GateError> {
    let mut line = serde_json::to_vec(&played.round).map_err(|e| GateError::Log(e.into()))?;
    line.push(b'\n');
    log.write_all(&line).map_err(GateError::Log)
}

fn progress_line(terms: &Terms, began: Instant, done: usize) -> String {
    let what = if terms.confirmation {
        "confirming"
    } else {
        "measuring"
    };
    let left = terms.deadline.saturating_duration_since(Instant::now());
    let most = terms.design.most_rounds();
    format!(
        "{what}: {done} of at most {most} rounds, {} s, at most {} s left, next look at {}",
        began.elapsed().as_secs(),
        left.as_secs(),
        terms
            .design
            .looks()
            .find(|look| *look > done)
            .unwrap_or(most),
    )
}

/// Opens the file that rounds are kept in, to add to it.
pub(super) fn open_log(folder: &Path) -> Result<File, GateError> {
    File::options()
        .create(true)
        .append(true)
        .open(folder.join(ROUNDS_FILE))
        .map_err(GateError::Log)
}

/// Every round as it came, one a line, in a gate's folder.
pub const ROUNDS_FILE: &str = "rounds.jsonl";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::record::example::round;
    use crate::samples::Samples;

    #[test]
    fn response_times_of_late_requests_may_fail_a_gate_and_can_not_clear_it() {
        let terms = Terms {
            rules: Metric::ALL
                .map(|metric| (Rule::within(metric, Duration::from_secs(120)), Role::Judged))
                .to_vec(),
            limits: Limits::default(),
            design: Design::of_rounds(10),
            may_end_early: true,
            deadline: Instant::now(),
            seed: 1,
            confirmation: false,
        };
        let roles = |lag: u64| -> Vec<Role> {
            let played = |number| {
                let mut round = round(number, false);
                round.send_lag_p99_micros = Some(lag);
                Played {
                    round,
                    samples: [Samples::default(), Samples::default()],
                    timings: [Vec::new(), Vec::new()],
                }
            };
            let contest = Contest {
                rounds: (1..=3).map(played).collect(),
                looks: Vec::new(),
                design: terms.design.clone(),
                ended: Ended::Interrupted,
            };
            let series = contest.series(&terms).into_iter();
            series.map(|series| series.role).collect()
        };
        assert_eq!(roles(300), [Role::Judged; 5]);
        let [cpu, throughput, p50, p95, p99] = roles(5000)[..] else {
            panic!("a role for each metric");
        };
        assert_eq!([cpu, throughput], [Role::Judged; 2]);
        assert_eq!([p50, p95, p99], [Role::Diluted; 3]);
    }
}
