//! The table of a self-check on the standard output, a line for each figure as it comes.

use console::style;

use super::{Checked, CommandName, Event};
use crate::output::say;
use crate::report::figures::in_unit;

/// Writes the line of an event that has one.
pub(super) fn write(event: &Event) {
    if let Some(line) = line(event) {
        say(line);
    }
}

fn line(event: &Event) -> Option<String> {
    match event {
        Event::Began {
            command: CommandName::SelfCheck,
            ..
        } => {
            let head = format!("{:<25}{:<24}{:>10}{:>10}", "", "", "expected", "reported");
            Some(style(head).dim().to_string())
        }
        Event::CaseChecked {
            case,
            figure,
            expected,
            reported,
            unit,
            outcome,
            reason,
        } => {
            let mark = match outcome {
                Checked::Right => style("right").green(),
                Checked::Wrong => style("wrong").red(),
                Checked::Invalid => style("invalid").yellow(),
            };
            Some(format!(
                "{case:<25}{figure:<24}{:>10}{:>10}  {mark} {}",
                in_unit(*expected, *unit),
                in_unit(*reported, *unit),
                reason.as_deref().unwrap_or_default(),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threshold::Unit;

    #[test]
    fn a_figure_is_a_line_with_what_it_should_be_and_what_it_is() {
        let checked = |outcome, reason: Option<&str>| {
            let line = line(&Event::CaseChecked {
                case: "5 ms each".to_owned(),
                figure: "service p50".to_owned(),
                expected: 5_000.0,
                reported: 5_213.0,
                unit: Unit::Microseconds,
                outcome,
                reason: reason.map(str::to_owned),
            });
            let line = line.expect("it has one");
            console::strip_ansi_codes(&line).replace('\u{202f}', " ")
        };
        let row = "5 ms each                service p50                   5 ms   5.21 ms  ";
        assert_eq!(checked(Checked::Right, None), format!("{row}right "));
        assert_eq!(checked(Checked::Wrong, None), format!("{row}wrong "));
        let busy = checked(Checked::Invalid, Some("too busy"));
        assert_eq!(busy, format!("{row}invalid too busy"));
        assert_eq!(line(&Event::Draining), None);
    }
}
