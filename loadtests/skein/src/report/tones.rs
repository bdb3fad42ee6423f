//! Colours of nodes: all nodes of a role have one, on every chart of a page, and the
//! generator has its own.

use crate::record::Record;
use crate::timing::Hop;

/// The style classes of a run's roles.
#[derive(Clone, Debug, Default)]
pub(super) struct Tones<'r> {
    /// Roles in the order in which they got their colour.
    roles: Vec<&'r str>,
    /// Nodes with their roles.
    nodes: Vec<(&'r str, &'r str)>,
}

/// The class of the generator.
pub(super) const GENERATOR: &str = "tone-0";

/// The classes of roles; where there are more roles, colours come round again.
const CLASSES: [&str; 6] = ["tone-1", "tone-2", "tone-3", "tone-4", "tone-5", "tone-6"];

impl<'r> Tones<'r> {
    /// The tones of a run's page.
    pub(super) fn of(record: &'r Record) -> Self {
        let mut tones = Tones::default();
        for node in record.traffic.iter().flat_map(|traffic| &traffic.nodes) {
            tones.know(&node.service);
            tones.nodes.push((&node.name, &node.service));
        }
        let hops = record.timing.iter().flat_map(|route| &route.hops);
        for role in hops.filter_map(|hop| hop.hop.role()) {
            tones.know(role);
        }
        tones
    }

    fn know(&mut self, role: &'r str) {
        if !self.roles.contains(&role) {
            self.roles.push(role);
        }
    }

    /// The class of a hop.
    pub(super) fn of_hop(&self, hop: &Hop) -> &'static str {
        hop.role().map_or(GENERATOR, |role| self.of_role(role))
    }

    /// The class of a role.
    pub(super) fn of_role(&self, role: &str) -> &'static str {
        let place = self.roles.iter().position(|known| *known == role);
        place.map_or(GENERATOR, |place| CLASSES[place % CLASSES.len()])
    }

    /// The role of a process, by its name; `None` for the generator.
    pub(super) fn role_of(&self, process: &str) -> Option<&'r str> {
        let known = self.nodes.iter().find(|(name, _)| *name == process);
        known.map(|(_, role)| *role)
    }
}
