//! The distribution of requests over gateways: what was expected, and how that was tested.

use skein::figures_for_people::{count, parts, percent};
use skein::{Cell, Piece, Section};
use stats::evenness::{Evenness, evenness};

use crate::record::{GatewayRecord, LaboratoryRecord};

pub(super) fn section(of: &LaboratoryRecord) -> Section {
    let section = Section::new("gateways", "Distribution over gateways").in_short("Gateways");
    if of.gateways.is_empty() {
        return section.absent("Answers did not say who gave them.");
    }
    let shares = of.gateways.iter().map(GatewayRecord::requests);
    let shares: Vec<u64> = shares.collect();
    let told = evenness(&shares);
    let total: u64 = shares.iter().sum();
    let expected = told.map(|told| told.expected.round() as u64);
    let rows = of.gateways.iter().zip(shares).map(|(gateway, requests)| {
        let share = (total > 0).then(|| requests as f64 / total as f64);
        vec![
            Cell::from(gateway.name.as_str()),
            Cell::from(gateway.counted()),
            Cell::from(expected),
            Cell::from(gateway.answers),
            share.map_or(Cell::Unknown, |share| Cell::Percent(share * 100.0)),
            Cell::Share(share.unwrap_or(0.0)),
        ]
    });
    let head = [
        "Gateway",
        "Requests",
        "Expected",
        "Answers seen",
        "Share",
        "Share as a bar",
    ];
    let section = section.table("Distribution over gateways", head, rows);
    match told {
        Some(told) => test(section, of, &told),
        None => section,
    }
}

/// The expectation, the test, and what came of it.
fn test(section: Section, of: &LaboratoryRecord, told: &Evenness) -> Section {
    let is_counted = of
        .gateways
        .iter()
        .all(|gateway| gateway.counted().is_some());
    let section = match is_counted {
        true => section.pieces(by_count(of, told)),
        false => section.sentence(format!(
            "From outside only answers show, and one that got lost is missing here. The busiest gave {} more than \
             the idlest.",
            count(told.gap)
        )),
    };
    let chance = match told.as_even < told.as_uneven {
        true => format!("would be this even in {} of runs.", chance(told.as_even)),
        false => format!(
            "would be this uneven in {} of runs.",
            chance(told.as_uneven)
        ),
    };
    section.note(format!(
        "Chi-squared against equal shares, over the whole run: χ² = {}, {} degrees of freedom. Were each request \
         given to a gateway drawn at random, shares {chance}",
        parts(told.chi_squared),
        of.gateways.len() - 1
    ))
}

fn by_count(of: &LaboratoryRecord, told: &Evenness) -> Vec<Piece> {
    let is_exact = told.gap <= 1;
    let is_by_balancer = of.gateways.iter().all(|gateway| gateway.attempts.is_some());
    let whose = match is_by_balancer {
        true => "By the balancer’s count the",
        false => "The balancer doesn’t count its attempts; by the gateways’ own count the",
    };
    let mut pieces = vec![
        Piece::text(format!(
            "Round robin over healthy gateways gives each the same, but for one request. {whose} \
             busiest had {} more than the idlest: ",
            count(told.gap)
        )),
        match is_exact {
            true => Piece::Good("exact".to_owned()),
            false => Piece::Doubt("not exact".to_owned()),
        },
    ];
    if !is_exact {
        let retries = of.retries.map_or_else(|| "unknown".to_owned(), count);
        let others = match is_by_balancer {
            true => "",
            false => ", as do processes of the balancer that each go round by themselves",
        };
        pieces.push(Piece::text(format!(
            " Retries ({retries}) and gateways out of rotation account for such a gap{others}."
        )));
    }
    pieces
}

fn chance(chance: f64) -> String {
    match chance * 100.0 {
        rare if rare < 0.01 => format!("less than {}", percent(0.01)),
        share => percent(share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::GatewayRecord;
    use crate::sections::testing::words;

    fn told(attempts: [Option<u64>; 2]) -> String {
        told_by(attempts.map(|attempts| (attempts, None)))
    }

    fn told_by(counts: [(Option<u64>, Option<u64>); 2]) -> String {
        let mut of = crate::testing::record();
        of.gateways = counts
            .map(|(attempts, seen)| GatewayRecord {
                name: "a gateway".to_owned(),
                answers: 500,
                attempts,
                seen,
            })
            .into();
        words(&section(&of))
    }

    #[test]
    fn gateways_count_themselves_where_the_balancer_doesnt() {
        let even = told_by([(None, Some(500)), (None, Some(501))]);
        assert!(even.contains("by the gateways’ own count"), "{even}");
        assert!(!even.contains("From outside"), "{even}");
        let uneven = told_by([(None, Some(500)), (None, Some(600))]);
        assert!(uneven.contains("go round by themselves"), "{uneven}");
    }

    #[test]
    fn round_robin_is_held_against_exact_shares_and_what_is_seen_from_outside_against_chance() {
        let even = told([Some(500), Some(501)]);
        assert!(
            even.contains("exact") && !even.contains("not exact"),
            "{even}"
        );
        let uneven = told([Some(500), Some(600)]);
        assert!(
            uneven.contains("not exact") && uneven.contains("Retries (0)"),
            "{uneven}"
        );
        assert!(uneven.contains("0.257 % of runs"), "{uneven}");
        assert!(told([None, None]).contains("From outside"));
    }
}
