//! Small machines for the laboratory's nodes: shares of the CPUs by role, in plans and as flags.

use std::collections::BTreeMap;

use clap::Args;
use harness::topology::Cpus;
use integration::Topology;
use integration::real::Parts;
use serde::{Deserialize, Serialize};
use services::contract::Service;
use skein::plan::{Mistake, Spanned};

/// The share of the CPUs that each node of a role is given; roles without one have all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machines(BTreeMap<String, Cpus>);

/// Machines of the laboratory, as flags.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct MachineFlags {
    /// Give each node of a role a small machine: api-gateway=0.25 is a quarter of a CPU for
    /// each gateway. By a cgroup where one may be made; else our services simulate it.
    #[arg(long, value_name = "ROLE=SHARE", value_parser = machine, conflicts_with = "topology")]
    cpus: Vec<(String, Cpus)>,
}

/// The table as it is written, such as `{ api-gateway = 0.25 }`.
pub(crate) type Written = BTreeMap<Spanned<String>, Spanned<f64>>;

impl Machines {
    /// The machines that a plan names.
    pub(crate) fn check(written: Option<Written>, parts: &Parts) -> Result<Self, Mistake> {
        let machines = written.into_iter().flatten().map(|(role, share)| {
            let is_there = role_of(role.get_ref()).and_then(|()| has_place(role.get_ref(), parts));
            is_there.map_err(|reason| Mistake::at(&role, reason))?;
            let cpus = Cpus::of(*share.get_ref());
            let cpus = cpus.map_err(|refused| Mistake::at(&share, refused.to_string()))?;
            Ok((role.into_inner(), cpus))
        });
        machines.collect::<Result<_, Mistake>>().map(Machines)
    }

    /// The laboratory on them.
    pub(crate) fn given_to(&self, topology: Topology) -> Topology {
        let given = self.0.iter();
        given.fold(topology, |topology, (role, cpus)| {
            topology.cpus(role, *cpus)
        })
    }

    /// The machines in a few words, such as `0.25 of a CPU for each api-gateway`.
    pub(crate) fn in_words(&self) -> impl Iterator<Item = String> {
        let all = self.0.iter();
        all.map(|(role, cpus)| format!("{cpus} for each {role}"))
    }
}

impl MachineFlags {
    /// The machines with those that the flags name.
    pub(crate) fn applied_to(&self, mut machines: Machines) -> Machines {
        machines.0.extend(self.cpus.iter().cloned());
        machines
    }

    /// The flags as they are written, each with a space before it.
    pub(crate) fn arguments(&self) -> String {
        let flags = self.cpus.iter();
        flags
            .map(|(role, cpus)| format!(" --cpus {role}={}", cpus.get()))
            .collect()
    }
}

fn machine(text: &str) -> Result<(String, Cpus), String> {
    let form = || format!("{text:?} is not of the form ROLE=SHARE, such as api-gateway=0.25");
    let (role, share) = text.split_once('=').ok_or_else(form)?;
    role_of(role)?;
    let cpus = share
        .parse::<Cpus>()
        .map_err(|refused| refused.to_string())?;
    Ok((role.to_owned(), cpus))
}

/// The roles that the laboratory may have beside its services.
const BEHIND_SERVICES: [&str; 2] = ["rabbitmq", "postgres"];

fn role_of(role: &str) -> Result<(), String> {
    let services = Service::ALL.map(Service::as_str);
    let known: Vec<&str> = services.into_iter().chain(BEHIND_SERVICES).collect();
    known.contains(&role).then_some(()).ok_or_else(|| {
        format!(
            "`{role}` is no role of the laboratory; there are {}",
            known.join(", ")
        )
    })
}

fn has_place(role: &str, parts: &Parts) -> Result<(), String> {
    let is_there = parts.all().any(|(_, real)| real.part.name() == role);
    (is_there || !BEHIND_SERVICES.contains(&role))
        .then_some(())
        .ok_or_else(|| format!("this laboratory has no {role}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program;
    use crate::shape::Shape;

    fn plan(topology: &str) -> Result<skein::Plan, String> {
        let source = include_str!("../plans/smoke.toml");
        let source = source.replace("[topology]\n", &format!("[topology]\n{topology}\n"));
        let plan = program().parse_plan("own.toml", &source);
        plan.map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_gives_each_node_of_a_role_its_share() {
        let plan = plan("cpus = { api-gateway = 0.25, database = 2 }").expect("a plan");
        let topology = crate::topology(&plan);
        let given = |name: &str| {
            let node = topology.named(name).next().expect("a node");
            node.cpus.map(Cpus::get)
        };
        assert_eq!(given("api-gateway-3"), Some(0.25));
        assert_eq!(given("database"), Some(2.0));
        assert_eq!(given("cache-1"), None);
        let words = plan.table::<Shape>().in_words();
        assert!(
            words.contains("0.25 of a CPU for each api-gateway"),
            "{words}"
        );
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (written, says) in [
            (
                "cpus = { gateway = 0.25 }",
                "own.toml:14:10: `gateway` is no role",
            ),
            (
                "cpus = { api-gateway = 0 }",
                "own.toml:14:24: 0 is no share",
            ),
            (
                "cpus = { postgres = 1 }",
                "own.toml:14:10: this laboratory has no postgres",
            ),
            ("cpus = 1", "own.toml:14:8: "),
        ] {
            let message = plan(written).expect_err(written);
            assert!(message.starts_with(says), "{written}: {message}");
        }
        plan("database = \"postgres\"\ncpus = { postgres = 1 }").expect("it has one");
    }

    #[test]
    fn flags_take_the_place_of_what_a_plan_says_and_are_written_again() {
        let plan = plan("cpus = { api-gateway = 0.25, cache = 1 }").expect("a plan");
        let flags = MachineFlags {
            cpus: vec![machine("api-gateway=0.5").expect("a machine")],
        };
        assert_eq!(flags.arguments(), " --cpus api-gateway=0.5");
        let machines = flags.applied_to(plan.table::<Shape>().cpus.clone());
        let words: Vec<String> = machines.in_words().collect();
        let expected = ["0.5 of a CPU for each api-gateway", "1 CPU for each cache"];
        assert_eq!(words, expected);
        for refused in ["api-gateway", "gateway=1", "cache=0", "cache=x"] {
            assert!(machine(refused).is_err(), "{refused} was taken");
        }
    }
}
