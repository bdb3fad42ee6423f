//! Tests of the shapes that a laboratory can have.

use super::*;

fn names(topology: &Topology) -> Vec<&str> {
    topology.nodes().iter().map(|n| n.name.as_str()).collect()
}

fn node<'t>(topology: &'t Topology, name: &str) -> &'t NodePlan {
    let nodes = topology.nodes();
    nodes
        .iter()
        .find(|n| n.name.as_str() == name)
        .expect("a node of this name")
}

fn settings(node: &NodePlan) -> Vec<String> {
    let program = node.run.program().expect("a program");
    let arguments = program.arguments.iter().map(Text::to_string);
    // The others follow from where things are.
    let set = |argument: &String| argument.starts_with("--") && !argument.contains('{');
    arguments
        .filter(set)
        .filter(|argument| argument != "--share-port")
        .collect()
}

#[test]
fn the_laboratory_has_nine_nodes_with_the_entry_first() {
    assert_eq!(
        names(&Topology::laboratory()),
        [
            "load-balancer",
            "api-gateway-1",
            "api-gateway-2",
            "api-gateway-3",
            "cache-1",
            "cache-2",
            "database",
            "microservice",
            "worker",
        ]
    );
}

#[test]
fn a_changed_shape_rewires_everything() {
    let topology = Topology::laboratory()
        .with(Service::ApiGateway, "threads", 1)
        .gateways(5)
        .caches(0);
    assert_eq!(node(&topology, "load-balancer").calls.len(), 5);
    let gateway = node(&topology, "api-gateway-5");
    let upstreams: Vec<&str> = gateway.calls.iter().map(NodeName::as_str).collect();
    assert_eq!(upstreams, ["database", "microservice", "worker"]);
    assert_eq!(settings(gateway), ["--threads=1", "--no-cache"]);
}

#[test]
fn replicas_beyond_the_laboratory_get_free_ports() {
    let topology = Topology::laboratory().on_laboratory_ports().caches(3);
    let ports: Vec<u16> = topology.nodes().iter().map(|n| n.port).collect();
    assert_eq!(
        ports,
        [8000, 5000, 5003, 5006, 5004, 5007, 0, 5002, 5001, 5005]
    );
}

#[test]
fn external_caches_take_the_place_of_cache_nodes() {
    let topology = Topology::laboratory().external_caches(&["redis://127.0.0.1:1".to_owned()]);
    assert!(
        !names(&topology)
            .iter()
            .any(|name| name.starts_with("cache"))
    );
    assert_eq!(
        settings(node(&topology, "api-gateway-2")),
        ["--cache=cache-1=redis://127.0.0.1:1"]
    );
}

#[test]
fn a_single_node_calls_nobody() {
    let topology = Topology::single(Service::ApiGateway);
    assert_eq!(names(&topology), ["api-gateway-1"]);
    assert_eq!(node(&topology, "api-gateway-1").calls, []);
}

#[test]
fn a_balancer_alone_calls_gateways_that_run_elsewhere() {
    let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2"].map(str::to_owned);
    let topology = Topology::balancer_before(&urls);
    assert_eq!(
        names(&topology),
        ["load-balancer", "api-gateway-1", "api-gateway-2"]
    );
    assert_eq!(node(&topology, "load-balancer").calls.len(), 2);
    assert!(node(&topology, "api-gateway-2").is_elsewhere());
}
