//! What speaks against holding one run against another.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::gate::record::Side;
use crate::record::{Record, Traffic};
use crate::verdict::Verdict;

/// What speaks against holding one run against another. Those that [forbid](Self::forbids)
/// it come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Caution {
    /// No figure of one of them may be taken for a result.
    Invalid {
        /// Which one.
        run: Side,
    },
    /// They did different things.
    OtherPlan {
        /// The baseline's plan.
        baseline: String,
        /// The candidate's plan.
        candidate: String,
    },
    /// The plan was changed between them.
    PlanChanged {
        /// The plan.
        plan: String,
    },
    /// They loaded different servers.
    OtherTarget {
        /// The baseline's, or that it started a system of its own.
        baseline: String,
        /// The candidate's.
        candidate: String,
    },
    /// They ran on different machines, or on one that was changed.
    OtherMachine {
        /// What differs.
        what: String,
        /// The baseline's.
        baseline: String,
        /// The candidate's.
        candidate: String,
    },
    /// They were built differently.
    OtherProfile {
        /// The baseline's profile and optimisation level.
        baseline: String,
        /// The candidate's.
        candidate: String,
    },
    /// Servers of others took part, and not the same ones: they are variants of a system.
    OtherServers {
        /// The baseline's, in words.
        baseline: String,
        /// The candidate's.
        candidate: String,
    },
    /// Another compiler or kernel may explain a difference.
    OtherSoftware {
        /// What differs.
        what: String,
        /// The baseline's.
        baseline: String,
        /// The candidate's.
        candidate: String,
    },
    /// Their random choices differ.
    OtherSeed {
        /// The baseline's.
        baseline: u64,
        /// The candidate's.
        candidate: u64,
    },
    /// Nobody can build one of them again.
    Modified {
        /// Which one.
        run: Side,
    },
}

impl Caution {
    /// Whether a difference may be one of the runs and not of the builds.
    pub fn forbids(&self) -> bool {
        !matches!(
            self,
            Caution::OtherServers { .. }
                | Caution::OtherSoftware { .. }
                | Caution::OtherSeed { .. }
                | Caution::Modified { .. }
        )
    }
}

/// What speaks against comparing the two, the gravest first.
pub fn cautions(baseline: &Record, candidate: &Record) -> Vec<Caution> {
    let mut found = plans(baseline, candidate);
    for (run, record) in [(Side::Baseline, baseline), (Side::Candidate, candidate)] {
        if record.judgement.verdict == Verdict::Invalid {
            found.push(Caution::Invalid { run });
        }
        let revision = record.environment.revision.as_ref();
        if revision.is_some_and(|revision| revision.modified) {
            found.push(Caution::Modified { run });
        }
    }
    let [before, after] = [baseline, candidate].map(servers);
    if before != after {
        found.push(Caution::OtherServers {
            baseline: before,
            candidate: after,
        });
    }
    if baseline.seed != candidate.seed {
        found.push(Caution::OtherSeed {
            baseline: baseline.seed,
            candidate: candidate.seed,
        });
    }
    found.extend(environments(&baseline.environment, &candidate.environment));
    found.sort();
    found
}

/// The servers of others that took part in a run, in words.
fn servers(record: &Record) -> String {
    let traffic = record.traffic.as_ref();
    let servers = traffic.map_or_else(Vec::new, Traffic::servers_in_words);
    match servers.is_empty() {
        true => "none of others".to_owned(),
        false => servers.join(", "),
    }
}

fn plans(baseline: &Record, candidate: &Record) -> Vec<Caution> {
    let mut found = Vec::new();
    let (a, b) = (&baseline.plan, &candidate.plan);
    if a.name != b.name {
        found.push(Caution::OtherPlan {
            baseline: a.name.clone(),
            candidate: b.name.clone(),
        });
    } else if a.source != b.source {
        found.push(Caution::PlanChanged {
            plan: a.name.clone(),
        });
    }
    if a.target != b.target {
        let target = |target: &Option<String>| {
            let own = || "a system of its own".to_owned();
            target.clone().unwrap_or_else(own)
        };
        found.push(Caution::OtherTarget {
            baseline: target(&a.target),
            candidate: target(&b.target),
        });
    }
    found
}

fn environments(a: &Environment, b: &Environment) -> Vec<Caution> {
    let processor = |of: &Environment| of.processor.clone().unwrap_or_else(unknown);
    let cores = |of: &Environment| of.cores.to_string();
    let gibibytes = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let memory = |of: &Environment| of.memory_bytes.map_or_else(unknown, gibibytes);
    let build = |of: &Environment| format!("{}, level {}", of.profile, of.opt_level);
    let kernel = |of: &Environment| of.kernel.clone();
    let compiler = |of: &Environment| of.rustc.clone();

    let differ = |of: &dyn Fn(&Environment) -> String| {
        let both = (of(a), of(b));
        (both.0 != both.1).then_some(both)
    };
    let machine = |what: &str, of: &dyn Fn(&Environment) -> String| {
        differ(of).map(|(baseline, candidate)| Caution::OtherMachine {
            what: what.to_owned(),
            baseline,
            candidate,
        })
    };
    let software = |what: &str, of: &dyn Fn(&Environment) -> String| {
        differ(of).map(|(baseline, candidate)| Caution::OtherSoftware {
            what: what.to_owned(),
            baseline,
            candidate,
        })
    };
    let profile = differ(&build).map(|(baseline, candidate)| Caution::OtherProfile {
        baseline,
        candidate,
    });
    let found = [
        machine("processor", &processor),
        machine("number of cores", &cores),
        machine("memory", &memory),
        profile,
        software("kernel", &kernel),
        software("compiler", &compiler),
    ];
    found.into_iter().flatten().collect()
}

fn unknown() -> String {
    "unknown".to_owned()
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caution::Invalid { run } => write!(
                f,
                "The {} is invalid: none of its figures may be taken for a result.",
                run.word()
            ),
            Caution::OtherPlan {
                baseline,
                candidate,
            } => write!(
                f,
                "They did different things: plan {baseline} and plan {candidate}."
            ),
            Caution::PlanChanged { plan } => {
                write!(f, "Plan {plan} was changed between them.")
            }
            Caution::OtherTarget {
                baseline,
                candidate,
            } => write!(
                f,
                "They loaded different servers: {baseline} and {candidate}."
            ),
            Caution::OtherMachine {
                what,
                baseline,
                candidate,
            } => write!(
                f,
                "Another machine: the {what} is {baseline} and {candidate}."
            ),
            Caution::OtherProfile {
                baseline,
                candidate,
            } => write!(
                f,
                "They were built differently: {baseline} and {candidate}."
            ),
            Caution::OtherSoftware {
                what,
                baseline,
                candidate,
            } => write!(f, "Another {what}: {baseline} and {candidate}."),
            Caution::OtherServers {
                baseline,
                candidate,
            } => write!(
                f,
                "They are variants, whose servers differ: {baseline}; and {candidate}."
            ),
            Caution::OtherSeed { .. } => {
                f.write_str("Their seeds differ, and with them every random choice.")
            }
            Caution::Modified { run } => write!(
                f,
                "The {} was built with changes that its commit doesn’t have.",
                run.word()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ServerRecord;
    use crate::record::example::example;

    /// Changes the candidate, and tells what is said then and whether it forbids.
    fn after(change: impl Fn(&mut Record)) -> Vec<(String, bool)> {
        let mut candidate = example();
        change(&mut candidate);
        let mut baseline = example();
        for record in [&mut baseline, &mut candidate] {
            record.environment.revision = None;
        }
        let found = cautions(&baseline, &candidate);
        found.iter().map(|c| (c.to_string(), c.forbids())).collect()
    }

    /// The shelf is a Redis server.
    fn with_redis(record: &mut Record) {
        let traffic = record.traffic.as_mut().expect("the example has some");
        traffic.servers = vec![ServerRecord {
            node: "shelf".to_owned(),
            program: Some("redis 7.0.15".to_owned()),
            way: "a program of this machine".to_owned(),
        }];
    }

    #[test]
    fn twins_are_compared_without_a_word() {
        assert_eq!(after(|_| {}), []);
    }

    #[test]
    fn whatever_could_explain_a_difference_is_said() {
        type Change = fn(&mut Record);
        let grave: [(Change, &str); 7] = [
            (|r| r.judgement.verdict = Verdict::Invalid, "is invalid"),
            (|r| r.plan.name = "soak".to_owned(), "different things"),
            (|r| r.plan.source.push('#'), "was changed"),
            (|r| r.plan.target = Some("http://x".to_owned()), "servers"),
            (|r| r.environment.cores += 1, "number of cores"),
            (|r| r.environment.memory_bytes = Some(1), "memory"),
            (|r| r.environment.opt_level.push('x'), "built differently"),
        ];
        for (change, says) in grave {
            let found = after(change);
            assert!(
                found
                    .iter()
                    .any(|(text, forbids)| text.contains(says) && *forbids),
                "{found:?}"
            );
        }
        let mild: [(Change, &str); 4] = [
            (
                with_redis,
                "none of others; and redis 7.0.15 as shelf (a program",
            ),
            (|r| r.seed += 1, "seeds differ"),
            (|r| r.environment.kernel.push('x'), "kernel"),
            (|r| r.environment.rustc.push('x'), "compiler"),
        ];
        for (change, says) in mild {
            let found = after(change);
            assert!(
                matches!(&found[..], [(text, false)] if text.contains(says)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn the_gravest_comes_first() {
        let found = after(|record| {
            record.seed += 1;
            record.judgement.verdict = Verdict::Invalid;
        });
        assert!(found[0].1 && !found[1].1, "{found:?}");
    }
}
