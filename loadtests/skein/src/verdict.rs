//! The verdict on a run: a pure function of its thresholds, its ledger and the
//! doubts about the measurement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::doubt::Doubt;
use crate::events::Event;
use crate::exit_code;
use crate::ledger::{Balance, Ledger};
use crate::threshold::{Judged, State};

/// The verdict on a run.
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

impl Judgement {
    /// No verdict on anything, since the measurement can't be trusted, for this reason, which
    /// ends its sentence.
    pub fn invalid(why: impl std::fmt::Display) -> Self {
        Judgement {
            verdict: Verdict::Invalid,
            sentence: format!("The measurement can't be trusted: {why}"),
        }
    }
}

impl From<Judgement> for Event {
    fn from(judgement: Judgement) -> Self {
        Event::Judged {
            verdict: judgement.verdict,
            sentence: judgement.sentence,
        }
    }
}

/// Judges a run. Doubts come first: an invalid run neither passes nor fails.
pub fn judge(thresholds: &[Judged], ledger: &Ledger, doubts: &[Doubt]) -> Judgement {
    if let Some(doubt) = doubts.iter().find(|doubt| doubt.invalidates()) {
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
        State::NotObservable | State::NotJudged => None,
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
    let barren = |doubt: &&Doubt| matches!(doubt, Doubt::NothingRight { .. });
    let barren = doubts.iter().find(barren);
    if let Some(barren) = barren.filter(|_| !failed && !errors_are_judged) {
        return Judgement {
            verdict: Verdict::Invalid,
            sentence: format!(
                "{barren} No rule of the plan judges that; give it one, such as `error-rate<1%`."
            ),
        };
    }
    let mut sentence = thresholds.sentence(&HELD);
    // A plan of plain requests has no ledger to speak of.
    if !ledger.is_empty() {
        sentence = format!("{sentence}; {}", lines.sentence(&BALANCE));
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

    /// `all 9 thresholds held`, `2 of 9 thresholds did not hold (1 not observable)`.
    fn sentence(&self, words: &Words) -> String {
        let Words { one, several, .. } = words;
        let seen = self.seen();
        let mut sentence = match (seen, self.bad) {
            (0, _) => return format!("no {one} could be judged from outside"),
            (1, 0) => format!("the one {one} {}", words.one_does),
            (1, _) => format!("the one {one} did not {}", words.does_not),
            (_, 0) => format!("all {seen} {several} {}", words.several_do),
            (_, bad) => format!("{bad} of {seen} {several} did not {}", words.does_not),
        };
        if self.unseen > 0 {
            sentence.push_str(&format!(" ({} not observable)", self.unseen));
        }
        sentence
    }
}

/// What is judged, and what it does when all is well.
struct Words {
    one: &'static str,
    several: &'static str,
    one_does: &'static str,
    several_do: &'static str,
    does_not: &'static str,
}

const HELD: Words = Words {
    one: "threshold",
    several: "thresholds",
    one_does: "held",
    several_do: "held",
    does_not: "hold",
};

const BALANCE: Words = Words {
    one: "ledger line",
    several: "ledger lines",
    one_does: "balances",
    several_do: "balance",
    does_not: "balance",
};

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

    fn verdict(thresholds: &[Judged], warnings: &[Doubt]) -> Verdict {
        judge(thresholds, &Vec::new(), warnings).verdict
    }

    #[test]
    fn a_run_passes_when_all_holds_and_fails_otherwise() {
        assert_eq!(verdict(&[judged(State::Passed)], &[]), Verdict::Pass);
        let mixed = [judged(State::Passed), judged(State::Failed)];
        assert_eq!(verdict(&mixed, &[]), Verdict::Fail);
    }

    #[test]
    fn one_threshold_is_not_said_to_be_several() {
        let sentence = |state| judge(&[judged(state)], &Vec::new(), &[]).sentence;
        assert_eq!(sentence(State::Passed), "the one threshold held.");
        assert_eq!(sentence(State::Failed), "the one threshold did not hold.");
        let two = [judged(State::Passed), judged(State::Failed)];
        let two = judge(&two, &Vec::new(), &[]).sentence;
        assert_eq!(two, "1 of 2 thresholds did not hold.");
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
        let barren = [Doubt::NothingRight {
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
        let warnings = [Doubt::Interrupted];
        for state in [State::Passed, State::Failed] {
            assert_eq!(verdict(&[judged(state)], &warnings), Verdict::Invalid);
        }
        let mild = [Doubt::NotDrained {
            what: "orders".to_owned(),
            tasks: 1,
        }];
        assert_eq!(verdict(&[judged(State::Passed)], &mild), Verdict::Pass);
    }
}
