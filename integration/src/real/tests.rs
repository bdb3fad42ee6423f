//! Tests of what is asked for, and of the nodes that come of it.

use super::*;
use crate::Topology;

#[test]
fn a_place_takes_the_parts_that_fit_it_in_the_way_that_is_named() {
    for (place, text, part, way) in [
        (Place::Balancer, "nginx", Part::Nginx, Way::Any),
        (
            Place::Balancer,
            "haproxy:program",
            Part::Haproxy,
            Way::Program,
        ),
        (Place::Cache, "redis:container", Part::Redis, Way::Container),
    ] {
        let real = place.parse(text).expect(text);
        assert_eq!(real, Some(Real { part, way }), "{text}");
    }
    assert_eq!(Place::Queue.parse("ours"), Ok(None));
    let two = Place::Cache
        .parse("redis://a:1, redis://b:2,redis://a:1")
        .expect("URLs");
    let two = two.expect("Redis");
    assert_eq!(two.servers(), Some(2));
    assert_eq!(two.to_string(), "redis://a:1,redis://b:2");
    // Whether it is right is seen at the start, when there is an exit code for it.
    let other = Place::Queue.parse("kafka://me:secret@x").expect("a URL");
    let other = other.expect("RabbitMQ");
    assert_eq!(
        (other.part, other.to_string()),
        (Part::RabbitMq, "kafka://x".to_owned())
    );
}

#[test]
fn a_place_refuses_what_does_not_fit_it_and_keeps_passwords_to_itself() {
    for (place, text, says) in [
        (
            Place::Queue,
            "redis",
            "\"redis\" is none of ours, rabbitmq: it can't take this place",
        ),
        (
            Place::Cache,
            "memcached",
            "is none of ours, redis: write such a name",
        ),
        (
            Place::Balancer,
            "nginx:vm",
            "after the colon is `container` or `program`",
        ),
        (
            Place::Balancer,
            "redis://me:secret@x",
            "\"redis://x\" is none of ours, nginx, haproxy: it can't take this place",
        ),
        (
            Place::Balancer,
            "kafka://me:secret@x",
            "\"kafka\" is none of ours, nginx, haproxy: no part has URLs",
        ),
    ] {
        let refused = place.parse(text).expect_err(text).to_string();
        assert!(refused.contains(says), "{text}: {refused}");
        assert!(!refused.contains("secret"), "{refused}");
    }
}

#[test]
fn everything_real_has_the_same_names_in_the_same_places_and_two_servers_behind() {
    let real = |part| Some(Real::any(part));
    let parts = Parts {
        balancer: real(Part::Haproxy),
        cache: real(Part::Redis),
        queue: real(Part::RabbitMq),
        database: real(Part::Postgres),
    };
    let topology = Topology::laboratory().parts(parts);
    let names: Vec<&str> = topology
        .nodes()
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    let ours = Topology::laboratory();
    let ours = ours.nodes().iter().map(|node| node.name.as_str());
    assert_eq!(
        names,
        ours.chain(["rabbitmq", "postgres"]).collect::<Vec<_>>()
    );
    let calls = |name: &str| {
        let mut nodes = topology.nodes().iter();
        let node = nodes.find(|node| node.name.as_str() == name).expect(name);
        let calls = node.calls.iter().map(NodeName::as_str);
        calls.collect::<Vec<_>>()
    };
    assert_eq!(
        calls("load-balancer"),
        ["api-gateway-1", "api-gateway-2", "api-gateway-3"]
    );
    assert_eq!(calls("worker"), ["rabbitmq", "postgres"]);
    assert_eq!(calls("database"), ["postgres"]);
    assert_eq!(calls("cache-1"), [""; 0]);
}
