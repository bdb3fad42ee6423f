//! The machine that a node is given: a share of this one's CPUs, and the means by which it
//! gets no more.

use std::fmt;

use crate::cgroup::{OwnGroup, Version};
use crate::error::StartError;
use crate::launcher::Launcher;
use crate::topology::{Cpus, NodePlan, Run};

/// A small machine made of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its CPUs.
    pub cpus: Cpus,
    /// The means by which the node gets no more.
    pub means: Means,
}

/// A means by which a node gets no more than its share of the CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// A control group of its own.
    Group(Version),
    /// The control group of its container.
    Container,
    /// The program itself, which is told by this variable: it simulates a smaller machine.
    Itself(String),
}

/// The version of the control groups that programs can be given here.
///
/// # Errors
///
/// The reason why they can't be given any.
pub fn cgroups() -> Result<Version, String> {
    let least = Cpus::of(1.0).expect("one is a share");
    OwnGroup::with_quota(least).map(|group| group.version())
}

impl Machine {
    /// The machine that a node will be given here; none where its plan asks for none.
    ///
    /// # Errors
    ///
    /// When it asks for one that can't be had.
    pub(crate) fn of(plan: &NodePlan, launcher: &Launcher) -> Result<Option<Self>, StartError> {
        let Some(cpus) = plan.cpus else {
            return Ok(None);
        };
        // Whether one can be made is known once one has been.
        let group = || match launcher.makes_groups() {
            true => OwnGroup::with_quota(cpus).map(|group| group.version()),
            false => Err("it is to be started without a cgroup".to_owned()),
        };
        let means = means(&plan.run, plan.cpus_variable.as_deref(), group);
        means
            .map(|means| Some(Machine { cpus, means }))
            .map_err(|reason| no_share(plan, cpus, reason))
    }

    /// A control group for one life of the node, where that is the means.
    pub(crate) fn group(&self, plan: &NodePlan) -> Result<Option<OwnGroup>, StartError> {
        let group = matches!(self.means, Means::Group(_)).then(|| OwnGroup::with_quota(self.cpus));
        let group = group.transpose();
        group.map_err(|reason| no_share(plan, self.cpus, reason))
    }

    /// The variable by which the program is told of it, where it holds itself to it.
    pub(crate) fn told(&self) -> Option<(&str, String)> {
        match &self.means {
            Means::Itself(variable) => Some((variable, self.cpus.get().to_string())),
            _ => None,
        }
    }
}

/// The failure to give a node its share.
pub(crate) fn no_share(plan: &NodePlan, cpus: Cpus, reason: String) -> StartError {
    StartError::NoShare {
        node: plan.name.clone(),
        cpus,
        reason,
    }
}

fn means(
    run: &Run,
    variable: Option<&str>,
    group: impl FnOnce() -> Result<Version, String>,
) -> Result<Means, String> {
    match run {
        Run::Elsewhere(_) => Err("it runs already".to_owned()),
        Run::Container { .. } => Ok(Means::Container),
        Run::Program(_) => match (group(), variable) {
            (Ok(version), _) => Ok(Means::Group(version)),
            (Err(_), Some(variable)) => Ok(Means::Itself(variable.to_owned())),
            (Err(reason), None) => Err(reason),
        },
    }
}

/// The machine in a few words: `0.25 of a CPU by a cgroup (v2)`.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cpus, self.means)
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Means::Group(version) => write!(f, "by a cgroup ({version})"),
            Means::Container => f.write_str("by its container"),
            Means::Itself(variable) => {
                write!(f, "simulated by the program itself (told by {variable})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Program, ProgramFile};

    #[test]
    fn a_cgroup_comes_before_a_simulation_and_without_either_the_reason_is_named() {
        let program = || Program::new(ProgramFile::Host);
        let here = Run::Program(program());
        let none = || Err("none may be made".to_owned());
        let of = |run: &Run, variable, group: fn() -> Result<Version, String>| {
            means(run, variable, group).map(|means| means.to_string())
        };
        let v2 = || Ok(Version::V2);
        assert_eq!(
            of(&here, Some("CPUS"), v2),
            Ok("by a cgroup (v2)".to_owned())
        );
        let told = "simulated by the program itself (told by CPUS)";
        assert_eq!(of(&here, Some("CPUS"), none), Ok(told.to_owned()));
        assert_eq!(of(&here, None, none), Err("none may be made".to_owned()));
        let contained = Run::Container {
            image: "redis".to_owned(),
            program: program(),
        };
        assert_eq!(
            of(&contained, None, none),
            Ok("by its container".to_owned())
        );
        let there = Run::Elsewhere("http://a".to_owned());
        assert_eq!(of(&there, None, v2), Err("it runs already".to_owned()));
    }
}
