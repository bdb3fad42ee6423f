//! A network of a system's own, on which containers have addresses of their own: each may then
//! have the port that is fixed in its image, also where there are several of it. Programs of
//! this machine reach them there, and are reached at its gateway.

use std::io;
use std::net::Ipv4Addr;
use std::process;
use std::thread;
use std::time::Duration;

use super::docker;
use crate::scratch::maker_is_gone;

/// By this label our networks are known; its value is the process that made one.
const LABEL: &str = "dev.skein.network-of";

/// A network between the containers of a system and this machine. It is removed with the value.
#[derive(Debug)]
pub(crate) struct Network {
    name: String,
    gateway: Ipv4Addr,
}

impl Network {
    /// A network for the system with this nonce. Those of harnesses that were killed are removed
    /// before.
    ///
    /// # Errors
    ///
    /// Docker's reason for not making one.
    pub(crate) fn of_the_system(nonce: &str) -> io::Result<Self> {
        /// Between the look for a free range and its use, another may take it.
        const ATTEMPTS: usize = 5;
        sweep();
        let name = format!("skein-{}", &nonce[..12]);
        let label = format!("{LABEL}={}", process::id());
        let create = ["network", "create", "--driver", "bridge", "--label", &label];
        let made = |range: &[&str]| docker(&[&create[..], range, &[&name]].concat());
        let mut attempt = 1;
        loop {
            // Docker knows which ranges are free, but gives out addresses only in one that was
            // asked for by name.
            made(&[])?;
            let found = Range::of(&name);
            docker(&["network", "rm", &name])?;
            let Range { subnet, gateway } = found?;
            match made(&["--subnet", &subnet, "--gateway", &gateway.to_string()]) {
                Ok(_) => return Ok(Network { name, gateway }),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The address of this machine on it.
    pub(crate) fn gateway(&self) -> Ipv4Addr {
        self.gateway
    }

    /// The address for one of its containers, which are numbered from 0.
    pub(crate) fn address(&self, number: usize) -> Ipv4Addr {
        let number = u32::try_from(number).expect("a topology has few nodes");
        Ipv4Addr::from(u32::from(self.gateway) + 1 + number)
    }
}

/// The addresses of a network.
struct Range {
    subnet: String,
    gateway: Ipv4Addr,
}

impl Range {
    fn of(network: &str) -> io::Result<Self> {
        let form = "{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}\n{{end}}";
        let seen = docker(&["network", "inspect", "--format", form, network])?;
        let ranges = seen.lines().filter_map(|line| line.split_once(' '));
        // Beside it, there may be one of version 6.
        let mut ranges = ranges.filter_map(|(subnet, gateway)| {
            let gateway = gateway.trim().parse().ok()?;
            let subnet = subnet.to_owned();
            Some(Range { subnet, gateway })
        });
        let none = || io::Error::other(format!("Docker gave it no range of addresses: {seen:?}"));
        ranges.next().ok_or_else(none)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // A container may be about to leave it.
        for _ in 0..50 {
            if docker(&["network", "rm", &self.name]).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Removes the networks of harnesses that aren't there any more.
fn sweep() {
    let form = format!("{{{{.Name}}}} {{{{.Label {LABEL:?}}}}}");
    let filter = format!("label={LABEL}");
    let listed = docker(&["network", "ls", "--filter", &filter, "--format", &form]);
    let listed = listed.unwrap_or_default();
    let networks = listed.lines().filter_map(|line| line.split_once(' '));
    for (name, maker) in networks {
        if maker.parse().is_ok_and(maker_is_gone) {
            // Whoever is on it keeps it until the next time.
            let _ = docker(&["network", "rm", name]);
        }
    }
}
