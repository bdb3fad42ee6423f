//! No serious fault for those who can't see, or who see differently: the rules of
//! axe-core (WCAG 2.2, A and AA, and its best practices).

use std::fs;

use crate::browser::{Look, Tab, WIDE};
use crate::{needs, reports};
use serde::Deserialize;

/// A rule that is broken, and where.
#[derive(Deserialize)]
struct Violation {
    id: String,
    impact: Option<String>,
    help: String,
    targets: Vec<String>,
}

const RUN: &str = "axe.run(document, { resultTypes: ['violations'] }).then((results) =>
  results.violations.map(({ id, impact, help, nodes }) =>
    ({ id, impact, help, targets: nodes.slice(0, 4).map((node) => node.target.join(' ') + ': ' + node.html.slice(0, 90) + ' — ' + (node.any[0]?.message ?? '')) })))";

pub(crate) async fn no_page_has_a_serious_fault_in_light_or_dark() {
    let axe = fs::read_to_string(needs::axe()).expect("the story needs it");
    let looks = [
        WIDE,
        Look { dark: true, ..WIDE },
        Look { width: 390, ..WIDE },
    ];
    let mut found = Vec::new();
    for (name, page) in reports::everything().samples() {
        let tab = Tab::open(&page, WIDE).await;
        tab.act(&axe).await;
        for look in looks {
            tab.look(look).await;
            let violations: Vec<Violation> = tab.ask(RUN).await;
            found.extend(violations.iter().map(|broken| {
                format!(
                    "{name} at {}, dark {}: {} ({:?}): {}\n  {}",
                    look.width,
                    look.dark,
                    broken.id,
                    broken.impact,
                    broken.help,
                    broken.targets.join("\n  ")
                )
            }));
        }
        tab.close().await;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
