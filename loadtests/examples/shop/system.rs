//! The shop as a topology: three programs, one of them twice. `topology.toml` says the same.

use skein::{NodePlan, Ready, Text, Topology};

/// The shop. With `SHOP_LOSES_EVERY=50` in the environment, every fiftieth order gets lost.
pub(crate) fn topology() -> Topology {
    let orders = match std::env::var("SHOP_LOSES_EVERY") {
        Ok(every) => program("orders", &["{port}", &every]),
        Err(_) => program("orders", &["{port}"]),
    };
    let nodes = [
        program(
            "door",
            &["{port}", "{catalogue.addresses}", "{orders.address}"],
        )
        .entry(),
        program("catalogue", &["{port}"]).replicas(2),
        orders,
    ];
    Topology::of(nodes).expect("the shop's nodes fit together")
}

/// A program of the shop: this executable, with other words.
fn program(name: &str, arguments: &[&str]) -> NodePlan {
    let this = std::env::current_exe().expect("a program knows where it is");
    let words = ["serve", name];
    let words = words.iter().chain(arguments);
    NodePlan::program(
        name.parse().expect("a name"),
        Text::literal(this.to_string_lossy()),
        words.map(|word| word.parse().expect("a text")),
    )
    .ready(Ready::Http("/health".to_owned()))
    .counters("/metrics")
}
