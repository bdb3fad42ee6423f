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

/// Runs the rules that the options pick.
fn run(options: &str) -> String {
    format!(
        "axe.run(document, {options}).then((results) =>
           results.violations.map(({{ id, impact, help, nodes }}) => ({{ id, impact, help,
             targets: nodes.slice(0, 4).map((node) =>
               `${{node.target.join(' ')}}: ${{node.html.slice(0, 90)}} ${{node.any[0]?.message ?? ''}}`) }})))"
    )
}

/// Those that differ in more than words.
const PAGES: [&str; 4] = ["index", "run-invalid", "gate-fail", "comparison-unfair"];

pub(crate) async fn no_page_has_a_serious_fault_in_light_or_dark() {
    let axe = fs::read_to_string(needs::axe()).expect("the story needs it");
    let all = run("{ resultTypes: ['violations'], preload: false }");
    let contrast =
        run("{ resultTypes: ['violations'], preload: false, runOnly: ['color-contrast'] }");
    let mut found = Vec::new();
    let samples = reports::everything().samples();
    for (name, page) in samples.iter().filter(|(name, _)| PAGES.contains(name)) {
        let tab = Tab::open(page, WIDE).await;
        tab.act(&axe).await;
        for (dark, rules) in [(false, &all), (true, &contrast)] {
            tab.look(Look { dark, ..WIDE }).await;
            let violations: Vec<Violation> = tab.ask(rules).await;
            found.extend(violations.iter().map(|broken| {
                format!(
                    "{name}, dark {dark}: {} ({:?}): {}\n  {}",
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
