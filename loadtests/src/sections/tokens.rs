//! Requests with a bad token, by what was wrong with it.

use skein::figures_for_people::count;
use skein::{Cell, Piece, Section};

use super::listed;
use crate::record::IntruderRecord;

pub(super) fn section(intruders: &IntruderRecord) -> Section {
    let section = Section::new("tokens", "Bad tokens")
        .in_short("Tokens")
        .narrow();
    if intruders.sent == 0 {
        return section.absent("None was shown.");
    }
    let mark = if intruders.admitted > 0 {
        Piece::Bad("let in".to_owned())
    } else if intruders.refused == intruders.sent {
        Piece::Good("all refused".to_owned())
    } else {
        Piece::Doubt("not all refused".to_owned())
    };
    let section = section.pieces([
        Piece::strong(count(intruders.sent)),
        Piece::text(" shown, "),
        Piece::strong(count(intruders.refused)),
        Piece::text(" refused with 401, "),
        Piece::strong(count(intruders.admitted)),
        Piece::text(" let in "),
        mark,
    ]);
    let flaws = intruders.by_flaw.iter().map(|flaw| {
        let numbers = [flaw.sent, flaw.refused, flaw.admitted].map(Cell::Count);
        let mut row = vec![Cell::from(flaw.flaw.as_str())];
        row.extend(numbers);
        row
    });
    let head = ["What was wrong", "Sent", "Refused", "Let in"];
    let section = match intruders.by_flaw.is_empty() {
        true => section,
        false => section.table("Bad tokens by what was wrong", head, flaws),
    };
    match &intruders.reasons {
        Some(reasons) => {
            let reasons = format!("Reasons that gateways counted: {}.", listed(reasons));
            section.note(reasons)
        }
        None => section,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::record::FlawRecord;
    use crate::sections::testing::words;

    #[test]
    fn bad_tokens_are_told_by_how_they_ended() {
        let mut intruders = IntruderRecord {
            sent: 7,
            answered: 7,
            refused: 7,
            admitted: 0,
            by_flaw: vec![FlawRecord {
                flaw: "expired".to_owned(),
                sent: 7,
                refused: 7,
                admitted: 0,
            }],
            reasons: Some(BTreeMap::from([("expired".to_owned(), 7)])),
        };
        let told = words(&section(&intruders));
        for says in ["all refused", "expired 7"] {
            assert!(told.contains(says), "{says} is missing in {told}");
        }
        intruders.admitted = 1;
        assert!(!words(&section(&intruders)).contains("all refused"));
        intruders.sent = 0;
        assert!(words(&section(&intruders)).contains("None was shown"));
    }
}
