//! Flags of `up` that shape the laboratory.

use clap::Args;
use integration::Topology;
use integration::real::Parts;
use skein::Shaped;

use crate::machines::Machines;
use crate::shape;
use crate::tokens::LABORATORY;

/// The laboratory's shape.
#[derive(Debug, Args)]
#[command(
    after_help = "Every node listens on 127.0.0.1 alone, with the secret that everybody knows. To be \
reached from elsewhere, start the services one by one, with a secret of their own; see docs/security.md."
)]
pub(crate) struct Flags {
    /// Let the operating system choose the ports, in place of the laboratory's
    /// (balancer 8000, gateways 5000, 5003 and 5006, and so on).
    #[arg(long, conflicts_with = "topology")]
    ephemeral: bool,

    /// The number of API gateways, 1 to 32.
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "topology",
          value_parser = clap::value_parser!(u8).range(1..=32))]
    gateways: u8,

    /// The number of caches, 0 to 32.
    #[arg(long, value_name = "M", default_value_t = 2, conflicts_with = "topology",
          value_parser = clap::value_parser!(u8).range(0..=32))]
    caches: u8,

    #[command(flatten)]
    shape: shape::Flags,
}

impl Shaped for Flags {
    fn topology(&self) -> skein::Topology {
        let (parts, cpus) = self.shape.applied_to(Parts::default(), Machines::default());
        let laboratory = Topology::laboratory()
            .gateways(self.gateways.into())
            .caches(self.caches.into())
            .parts(parts);
        let laboratory = cpus.given_to(laboratory);
        let laboratory = match self.ephemeral {
            true => laboratory,
            false => laboratory.on_laboratory_ports(),
        };
        skein::Topology::clone(&laboratory)
    }

    fn hint(url: &str) -> String {
        format!(
            r#"Try:

TOKEN={LABORATORY}
curl -H "Authorization: $TOKEN" {url}/data
curl -H "Authorization: Bearer $TOKEN" {url}/data/item-1
curl -X POST -H "Content-Type: application/json" -H "Authorization: $TOKEN" -d '{{"task":"report"}}' {url}/longtask

Ctrl-C stops it."#
        )
    }

    const WHEN_A_PORT_IS_TAKEN: Option<&'static str> = Some("--ephemeral");
}
