//! The system drawn as it ran: nodes in the order in which a request meets them, and
//! what went between them.

mod view;

use maud::{Markup, html};

use crate::record::Record;
use crate::report::chart::table;
use crate::report::layout::scroll;
use crate::report::tones::Tones;
use view::{Link, Node, Tier, View};

/// The section; nothing where nothing of the system was seen.
pub(super) fn topology(record: &Record, tones: &Tones<'_>) -> Markup {
    let view = View::of(record, tones);
    html! {
        section #topology {
            h2 { "The system as it ran" }
            div.topology role="group" aria-label="The system as it ran" {
                @for (index, tier) in view.tiers.iter().enumerate() {
                    @if index > 0 { (links(&view, index)) }
                    (nodes(tier))
                }
            }
            @if let Some(servers) = servers(record) { p { (servers) } }
            p.small.soft { (view.remark) }
            details.figures {
                summary { "Figures" }
                (scroll("Figures: the system as it ran", &figures(&view)))
            }
        }
    }
}

/// The servers of others, where there are any.
fn servers(record: &Record) -> Option<String> {
    let servers = record.traffic.as_ref()?.servers_in_words();
    (!servers.is_empty()).then(|| format!("Servers of others: {}.", servers.join(", ")))
}

fn nodes(tier: &Tier) -> Markup {
    html! {
        ul.tier.many[tier.nodes.len() > 4] aria-label=(tier.name) {
            @for node in &tier.nodes { li.node.(node.class) {
                strong { (node.name) }
                @for figure in &node.figures { span { (figure) } }
                @if let Some(alarm) = &node.alarm { span.alarm { "▲ " (alarm) } }
            } }
        }
    }
}

/// What goes from the tier before `index` to it.
fn links(view: &View, index: usize) -> Markup {
    let tier = &view.tiers[index];
    let before = view.tiers[index - 1].nodes.len();
    let after = tier.nodes.len();
    // Nodes of a tier are evenly spread over its height.
    let middle = |place: usize, of: usize| (place as f64 + 0.5) / of.max(1) as f64 * 100.0;
    html! {
        div.links {
            svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" {
                @if before > 1 && after > 1 {
                    @for place in 0..before { path d=(curve((0.0, middle(place, before)), (30.0, 50.0))) {} }
                    @for (place, link) in tier.links.iter().enumerate() {
                        (drawn(link, (30.0, 50.0), (100.0, middle(place, after))))
                    }
                } @else {
                    @for (place, link) in tier.links.iter().enumerate() {
                        (drawn(link, (0.0, 50.0), (100.0, middle(place, after))))
                    }
                }
            }
            ul {
                @for (place, link) in tier.links.iter().enumerate() {
                    @if let Some(label) = &link.label {
                        li style=(format!("top:{:.2}%", middle(place, after))) {
                            span.sr { "to " (tier.nodes[place].name) ": " }
                            (label)
                            @if let Some(alarm) = &link.alarm { " " span.alarm { "▲ " (alarm) } }
                        }
                    }
                }
            }
        }
    }
}

fn drawn(link: &Link, from: (f64, f64), to: (f64, f64)) -> Markup {
    let width = 1.25 + 5.0 * link.weight.clamp(0.0, 1.0).sqrt();
    html! {
        path class=[link.alarm.as_ref().map(|_| "broken")] d=(curve(from, to)) style=(format!("stroke-width:{width:.1}")) {}
    }
}

/// Bends at first and is level at its end, where its label stands.
fn curve(from: (f64, f64), to: (f64, f64)) -> String {
    let ((x, y), (end, to_y)) = (from, to);
    let level = x + (end - x) * 0.55;
    let middle = (x + level) / 2.0;
    format!("M{x:.1} {y:.1}C{middle:.1} {y:.1} {middle:.1} {to_y:.1} {level:.1} {to_y:.1}H{end:.1}")
}

fn figures(view: &View) -> Markup {
    let row = |node: &Node, link: Option<&Link>| {
        let of_link = link.and_then(|link| link.label.clone());
        let mut rest = node.figures.clone();
        rest.extend(node.alarm.clone());
        rest.extend(link.and_then(|link| link.alarm.clone()));
        vec![
            node.name.clone(),
            of_link.unwrap_or_else(|| "–".to_owned()),
            rest.join(" · "),
        ]
    };
    let rows = view.tiers.iter().flat_map(|tier| {
        let nodes = tier.nodes.iter().enumerate();
        nodes.map(|(place, node)| row(node, tier.links.get(place)))
    });
    table(&["Node", "Calls to it", "At the node"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    fn page(record: &Record) -> String {
        let page = topology(record, &Tones::of(record)).into_string();
        page.replace('\u{202f}', " ")
    }

    #[test]
    fn nodes_and_what_goes_between_them_are_shown_with_their_figures() {
        let page = page(&example());
        for says in [
            "door",
            "shop-1",
            "3 090 /s",
            "50 %",
            "fresh 90 %",
            "0.1 cores",
        ] {
            assert!(page.contains(says), "{says} is missing in {page}");
        }
    }

    #[test]
    fn a_system_that_nobody_looked_at_or_that_was_there_is_drawn_as_far_as_it_was_seen() {
        let mut record = example();
        for node in &mut record.traffic.as_mut().expect("traffic").nodes {
            node.requests = None;
        }
        let planned = page(&record);
        assert!(
            planned.contains("shop-1") && planned.contains("As the plan says"),
            "{planned}"
        );
        record.traffic = None;
        record.plan.target = Some("http://there".to_owned());
        let there = page(&record);
        assert!(
            there.contains("http://there") && there.contains("shop-1") && !there.contains("store"),
            "{there}"
        );
    }
}
