//! How a node is started: the program to execute, and its command line.

use std::env;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use crate::host::HIDDEN_WORD;
use crate::topology::{NodePlan, Setting};

/// The program that nodes run. Its `main` begins with [`crate::host::run_if_asked`].
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
    cores: Option<Vec<usize>>,
}

impl Launcher {
    /// Nodes run the very program that starts them, also when its file has been
    /// replaced by a newer build meanwhile.
    pub fn this_program() -> Self {
        Launcher::program("/proc/self/exe")
    }

    /// Nodes run the program at `path`.
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Launcher {
            program: path.into(),
            cores: None,
        }
    }

    /// The same on these cores alone, which the kernel numbers from 0. Without it, nodes
    /// run on those of the program that starts them.
    pub fn on_cores(self, cores: impl Into<Vec<usize>>) -> Self {
        Launcher {
            cores: Some(cores.into()),
            ..self
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.program
    }

    pub(crate) fn cores(&self) -> Option<&[usize]> {
        self.cores.as_deref()
    }
}

/// Everything that a node's command line and environment say.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) launcher: &'a Launcher,
    pub(crate) plan: &'a NodePlan,
    pub(crate) nonce: &'a str,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Whether the harness keeps the port for the node while it is down.
    pub(crate) share_port: bool,
    /// The service's flags that follow from where things are.
    pub(crate) wiring: &'a [Setting],
}

impl Launch<'_> {
    /// The command that starts the node, logging to `log`.
    pub(crate) fn command(&self, log: File) -> Command {
        let mut command = Command::new(&self.launcher.program);
        let settings = self.plan.settings.iter();
        let (secret, shown): (Vec<_>, Vec<_>) = settings.partition(|s| s.secret().is_some());
        command
            .arg0(self.plan.name.as_str())
            .arg(HIDDEN_WORD)
            .arg(process::id().to_string())
            .arg(self.plan.service.as_str())
            .arg(format!("--name={}", self.plan.name))
            .arg(format!("--listen={}", self.listen))
            .args(self.share_port.then_some("--share-port"))
            .args(self.wiring.iter().map(Setting::to_string))
            .args(shown.into_iter().map(Setting::to_string))
            // Open for as long as we live: its end tells the node to end too.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C in a terminal is for us, who stop the nodes in order.
            .process_group(0);
        // A node is what its plan says, whatever our own environment is.
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"SKEIN_") {
                command.env_remove(name);
            }
        }
        // Every user of the machine sees command lines, and only this one environments.
        command.env("SKEIN_NONCE", self.nonce);
        command.envs(secret.into_iter().filter_map(Setting::secret));
        command
    }
}
