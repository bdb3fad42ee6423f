//! One system under load in slots: it is started afresh, told the plan's set-up steps, and has
//! users of its own.

use std::io;
use std::path::Path;

use harness::error::StartError;
use harness::{LastingNodes, Launcher, StartOptions, System, Topology};

use super::users::SlotUsers;
use crate::plan::Plan;
use crate::story::once::{self, Captured, OnceFailed};

/// A system before it is started.
#[derive(Clone, Debug)]
pub(crate) struct SystemPlan {
    /// The program that the nodes run.
    pub(crate) launcher: Launcher,
    /// The nodes, with their settings.
    pub(crate) topology: Topology,
    /// The nodes that no round starts afresh, once they run.
    pub(crate) lasting: LastingNodes,
}

/// The load that a system has in slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotLoad<'a> {
    /// The plan that users follow.
    pub(crate) plan: &'a Plan,
    /// Users of closed load.
    pub(crate) users: usize,
    /// Users that open load may need, the same ones included.
    pub(crate) open_users: usize,
}

/// A system that runs, and its users.
pub(crate) struct LoadedSystem {
    /// The system.
    pub(crate) system: System,
    /// Its users.
    pub(crate) users: SlotUsers,
    /// Values that set-up steps captured.
    captured: Captured,
}

/// A reason why a system can't be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotLoaded {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The program of its nodes can't be copied.
    #[error("could not copy the program of the nodes")]
    Copy(#[source] io::Error),
    /// A set-up step failed.
    #[error(transparent)]
    SetUp(#[from] OnceFailed),
}

impl SystemPlan {
    /// A system of `topology` whose nodes run `program`, before it is started.
    pub(crate) fn new(program: &str, topology: Topology) -> Self {
        SystemPlan {
            launcher: Launcher::program_as_it_is(program),
            topology,
            lasting: LastingNodes::default(),
        }
    }

    /// Starts the nodes that last longer than a round, on every core, since those of nodes
    /// change with the round.
    ///
    /// # Errors
    ///
    /// They don't start.
    pub(crate) async fn start_lasting(&mut self, folder: &Path) -> Result<(), StartError> {
        let options = StartOptions {
            launcher: self.launcher.clone(),
            folder: folder.to_owned(),
        };
        self.lasting = LastingNodes::start(&self.topology, options).await?;
        Ok(())
    }

    /// Starts the system on some cores, with logs and data in `folder`, for users whose
    /// choices follow from `seed`.
    ///
    /// # Errors
    ///
    /// A node doesn't start, or a set-up step fails.
    pub(crate) async fn start(
        &self,
        load: SlotLoad<'_>,
        cores: &[usize],
        folder: &Path,
        seed: u64,
    ) -> Result<LoadedSystem, NotLoaded> {
        let options = StartOptions {
            launcher: self.fresh_launcher(folder)?.on_cores(cores.to_vec()),
            folder: folder.to_owned(),
        };
        let system = self.lasting.start_system(&self.topology, options).await?;
        let captured = once::set_up(load.plan, seed, &system.url()).await?;
        // Seeds of their own, for users who write keys that are named by it.
        let users = SlotUsers::new(load, !seed, &system, &captured);
        Ok(LoadedSystem {
            system,
            users,
            captured,
        })
    }
}

impl SystemPlan {
    /// The program of the nodes in a file that is as new as the system: what the file's place
    /// in memory gives or takes is then drawn anew, as everything else about a start is.
    fn fresh_launcher(&self, folder: &Path) -> Result<Launcher, NotLoaded> {
        let mut nodes = self.topology.nodes().iter();
        if !nodes.any(|node| node.run.is_hosted()) {
            return Ok(self.launcher.clone());
        }
        let copied = std::fs::create_dir_all(folder)
            .and_then(|()| self.launcher.copied_to(&folder.join("program")));
        copied.or_else(|error| match error.kind() {
            // Whoever starts it says so in better words.
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Ok(self.launcher.clone()),
            _ => Err(NotLoaded::Copy(error)),
        })
    }
}

impl LoadedSystem {
    /// Puts other users in the place of those who warmed the system up, of whom nothing is
    /// recorded yet.
    pub(crate) fn renew_users(&mut self, load: SlotLoad<'_>, seed: u64) {
        self.users = SlotUsers::new(load, seed, &self.system, &self.captured);
    }
}
