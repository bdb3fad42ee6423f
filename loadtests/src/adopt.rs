//! Records of earlier builds, completed: they have the laboratory's own members, and no
//! sections, figures or tiers yet.

use services::contract::Service;
use skein::Record;
use skein::records::{NodeRecord, Traffic};

use crate::record::LaboratoryRecord;
use crate::sections::{self, About};
use crate::shape::Shape;
use crate::{figures, traffic};

/// Completes a record of an earlier build; leaves others as they are.
pub(crate) fn adopt(record: &mut Record) {
    if !record.sections.is_empty() || record.plan.is_plain {
        return;
    }
    let kept = record.kept.clone().into_iter().collect();
    let Ok(own) = serde_json::from_value::<LaboratoryRecord>(serde_json::Value::Object(kept))
    else {
        return;
    };
    let about = About::of_record(record.plan.shape.as_ref(), &record.plan.behaviour);
    record.sections = sections::sections(&own, &about).into();
    record.in_short = sections::in_short(&own);
    record.figures = figures::records(&own);
    record.plan.system = about.shape.as_ref().map(Shape::in_words);
    record.answered_by = own
        .gateways
        .iter()
        .map(|gateway| (gateway.name.clone(), gateway.answers))
        .collect();
    if record.is_started() {
        let planned = || about.shape.as_ref().map(|shape| planned(shape, &own));
        let mut drawn = record.traffic.take().or_else(planned);
        if let Some(drawn) = &mut drawn {
            complete(drawn, &own);
        }
        record.traffic = drawn;
    }
}

/// Tiers and remarks, which earlier records don't have.
fn complete(drawn: &mut Traffic, own: &LaboratoryRecord) {
    let tier = |depth: usize| {
        let nodes = drawn.nodes.iter();
        let nodes = nodes.filter(move |node| depth_of(&node.service) == depth);
        nodes.map(|node| node.name.clone()).collect::<Vec<_>>()
    };
    if drawn.tiers.is_empty() {
        let tiers = (0..3).map(tier).filter(|tier| !tier.is_empty());
        drawn.tiers = tiers.collect();
    }
    for (cache, remark) in traffic::remarks(own.caches.as_ref()) {
        let mut nodes = drawn.nodes.iter_mut();
        if let Some(node) = nodes.find(|node| node.name == cache) {
            node.remarks.push(remark);
        }
    }
}

fn depth_of(service: &str) -> usize {
    if service == Service::LoadBalancer.as_str() {
        0
    } else if service == Service::ApiGateway.as_str() {
        1
    } else {
        2
    }
}

/// The nodes that were planned, of a record that doesn't tell what they counted.
fn planned(shape: &Shape, own: &LaboratoryRecord) -> Traffic {
    let node = |name: String, service: Service| NodeRecord {
        machine: None,
        name,
        service: service.to_string(),
        requests: None,
        errors: 0,
        remarks: Vec::new(),
    };
    let single = |service: Service| node(service.to_string(), service);
    let gateways = own.gateways.iter();
    let gateways = gateways.map(|gateway| node(gateway.name.clone(), Service::ApiGateway));
    let caches = (1..=shape.caches.min(32))
        .map(|number| node(format!("{}-{number}", Service::Cache), Service::Cache));
    let nodes = [single(Service::LoadBalancer)]
        .into_iter()
        .chain(gateways)
        .chain(caches)
        .chain([Service::Database, Service::Microservice, Service::Worker].map(single));
    Traffic {
        nodes: nodes.collect(),
        ..Traffic::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = include_str!("../tests/browser/fixtures/run.json");

    #[test]
    fn a_record_of_an_earlier_build_gets_its_sections_figures_and_tiers() {
        let mut record: Record = serde_json::from_str(OLD).expect("a record");
        assert!(record.sections.is_empty());
        adopt(&mut record);
        let ids: Vec<&str> = record
            .sections
            .iter()
            .map(|part| part.id.as_str())
            .collect();
        assert_eq!(ids, ["gateways", "caches", "tokens", "tasks"]);
        let figures: Vec<&str> = record.figures.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(
            figures,
            ["imbalance", "hit-ratio", "intruders-admitted", "tasks-lost"]
        );
        let traffic = record.traffic.as_ref().expect("traffic");
        assert_eq!(traffic.tiers.len(), 3);
        assert_eq!(traffic.tiers[0], ["load-balancer"]);
        let before = record.clone();
        adopt(&mut record);
        assert_eq!(record.sections, before.sections);
    }

    #[test]
    fn a_record_without_traffic_is_drawn_as_it_was_planned() {
        let mut record: Record = serde_json::from_str(OLD).expect("a record");
        record.traffic = None;
        adopt(&mut record);
        let traffic = record.traffic.expect("planned");
        assert!(traffic.nodes.iter().all(|node| node.requests.is_none()));
        assert_eq!(
            traffic.tiers[2].first().map(String::as_str),
            Some("cache-1")
        );
    }
}
