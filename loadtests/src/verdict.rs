//! What a run comes to: a pure function of its thresholds, its ledger and the
//! doubts about the measurement.

mod warning;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exit_code;
use crate::ledger::{Balance, Ledger};
use crate::threshold::{Judged, State};

pub use warning::Warning;

/// What a run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every threshold held and the ledger balanced.
    Pass,
    /// A threshold or a line of the ledger failed.
    Fail,
    /// The measurement can't be trusted, so that it says neither.
    Invalid,
    /// Kept for comparisons that ran out of time before they could tell.
    Inconclusive,
}

impl Verdict {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Invalid => "invalid",
            Verdict::Inconclusive => "inconclusive",
        }
    }

    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Pass => exit_code::PASS,
            Verdict::Fail => exit_code::FAIL,
            Verdict::Invalid => exit_code::INVALID,
            Verdict::Inconclusive => exit_code::INCONCLUSIVE,
        }
    }
}

/// A verdict, and what it rests on in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub sentence: String,
}

/// Judges a run. Doubts come first: an invalid run neither passes nor fails.
pub fn judge(thresholds: &[Judged], ledger: &Ledger, warnings: &[Warning]) -> Judgement {
    if let Some(doubt) = warnings.iter().find(|warning| warning.invalidates()) {
        return Judgement {
            verdict: Verdict::Invalid,
            sentence: format!("The measurement can't be trusted. {doubt}"),
        };
    }
    let mut rules = thresholds.iter().map(|judged| judged.rule.as_str());
    let errors_are_judged = rules.any(|rule| rule.starts_with("error-rate"));
    let thresholds = Tally::of(thresholds.iter().map(|judged| match judged.state {
        State::Passed => Some(true),
        State::Failed => Some(false),
        State::NotObservable => None,
    }));
    let lines = Tally::of(ledger.iter().map(|line| match line.balance {
        Balance::Even => Some(true),
        Balance::Off(_) => Some(false),
        Balance::NotObservable => None,
    }));
    if thresholds.seen() + lines.seen() == 0 {
        return Judgement {
            verdict: Verdict::Invalid,
            sentence: "Nothing could be judged; give the plan thresholds that can be seen."
                .to_owned(),
        };
    }
    let failed = thresholds.bad + lines.bad > 0;
    // Whoever has no rule about errors has not asked for a run of nothing else to pass.
    let barren = |warning: &&Warning| matches!(warning, Warning::NothingRight { .. });
    let barren = warnings.iter().find(barren);
    if let Some(barren) = barren.filter(|_| !failed && !errors_are_judged) {
        return Judgement {
            verdict: Verdict::Invalid,
            sentence: format!(
                "{barren} No rule of the plan judges that; give it one, such as `error-rate<1%`."
            ),
        };
    }
    let mut sentence = thresholds.sentence("thresholds", "held");
    // A plan of plain requests has no ledger to speak of.
    if !ledger.is_empty() {
        sentence = format!("{sentence}; {}", lines.sentence("ledger lines", "balance"));
    }
    Judgement {
        verdict: if failed { Verdict::Fail } else { Verdict::Pass },
        sentence: format!("{sentence}."),
    }
}

#[derive(Default)]
struct Tally {
    good: usize,
    bad: usize,
    unseen: usize,
}

impl Tally {
    fn of(outcomes: impl Iterator<Item = Option<bool>>) -> Self {
        outcomes.fold(Tally::default(), |mut tally, outcome| {
            match outcome {
                Some(true) => tally.good += 1,
                Some(false) => tally.bad += 1,
                None => tally.unseen += 1,
            }
            tally
        })
    }

    fn seen(&self) -> usize {
        self.good + self.bad
    }

    /// `all 9 thresholds held`, `2 of 9 thresholds did not hold, 1 not observable`.
    fn sentence(&self, things: &str, verb: &str) -> String {
        let seen = self.seen();
        let mut sentence = match (seen, self.bad) {
            (0, _) => return format!("no {things} could be judged from outside"),
            (_, 0) => format!("all {seen} {things} {verb}"),
            (_, bad) => format!("{bad} of {seen} {things} did not {}", stem(verb)),
        };
        if self.unseen > 0 {
            sentence.push_str(&format!(" ({} not observable)", self.unseen));
        }
        sentence
    }
}

fn stem(verb: &str) -> &str {
    if verb == "held" { "hold" } else { verb }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threshold::Unit;

    fn judged(state: State) -> Judged {
        Judged {
            rule: "p99<1ms".to_owned(),
            state,
            limit: 1000.0,
            value: Some(500.0),
            unit: Unit::Microseconds,
            built_in: false,
        }
    }

    fn verdict(thresholds: &[Judged], warnings: &[Warning]) -> Verdict {
        judge(thresholds, &Vec::new(), warnings).verdict
    }

    #[test]
    fn a_run_passes_when_all_holds_and_fails_otherwise() {
        assert_eq!(verdict(&[judged(State::Passed)], &[]), Verdict::Pass);
        let mixed = [judged(State::Passed), judged(State::Failed)];
        assert_eq!(verdict(&mixed, &[]), Verdict::Fail);
    }

    #[test]
    fn what_cant_be_seen_is_said_and_not_counted() {
        let thresholds = [judged(State::Passed), judged(State::NotObservable)];
        let judgement = judge(&thresholds, &Vec::new(), &[]);
        assert_eq!(judgement.verdict, Verdict::Pass);
        assert!(judgement.sentence.contains("1 not observable"));
    }

    #[test]
    fn a_run_that_judges_nothing_doesnt_pass() {
        assert_eq!(verdict(&[], &[]), Verdict::Invalid);
        let unseen = [judged(State::NotObservable)];
        assert_eq!(verdict(&unseen, &[]), Verdict::Invalid);
    }

    #[test]
    fn a_run_without_a_right_answer_fails_by_its_rules_and_never_passes() {
        let barren = [Warning::NothingRight {
            stage: "steady".to_owned(),
        }];
        assert_eq!(verdict(&[judged(State::Failed)], &barren), Verdict::Fail);
        assert_eq!(verdict(&[judged(State::Passed)], &barren), Verdict::Invalid);
        let judgement = judge(&[judged(State::Passed)], &Vec::new(), &barren);
        assert!(judgement.sentence.contains("error-rate"), "{judgement:?}");
        // Whoever allows for so many errors is taken at their word.
        let lenient = Judged {
            rule: "error-rate<=100%".to_owned(),
            ..judged(State::Passed)
        };
        assert_eq!(verdict(&[lenient], &barren), Verdict::Pass);
    }

    #[test]
    fn doubt_outweighs_both_pass_and_fail() {
        let warnings = [Warning::Interrupted];
        for state in [State::Passed, State::Failed] {
            assert_eq!(verdict(&[judged(state)], &warnings), Verdict::Invalid);
        }
        let mild = [Warning::NotDrained { tasks: 1 }];
        assert_eq!(verdict(&[judged(State::Passed)], &mild), Verdict::Pass);
    }
}
