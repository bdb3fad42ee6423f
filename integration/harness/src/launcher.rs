//! The command that starts a node.

use std::env;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::Arc;

use crate::container::{Container, Network};
use crate::folder::DataFolder;
use crate::host::{BECOME_WORD, CONTAIN_WORD, HIDDEN_WORD, WORKDIR};
use crate::machine::Machine;
use crate::topology::{NodePlan, Program, ProgramFile, Ready, Run, Text};
use crate::ways::search_path;

/// The program that hosts nodes, and starts other programs so that they end with the
/// harness. Its `main` begins with [`crate::host::run_if_asked`].
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
    /// The program's file, when it is to be the one that it was.
    file: Option<Arc<File>>,
    cores: Option<Vec<usize>>,
    without_groups: bool,
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
            file: None,
            cores: None,
            without_groups: false,
        }
    }

    /// Nodes run the program that is at `path` now, also when its file is replaced
    /// meanwhile. Where there is none, starting a node fails.
    pub fn program_as_it_is(path: impl Into<PathBuf>) -> Self {
        let launcher = Launcher::program(path);
        let file = File::open(&launcher.program).ok().map(Arc::new);
        Launcher { file, ..launcher }
    }

    /// The same program in a new file at `path`. Where the pages of a program's file lie in
    /// memory, which is settled when it is written, makes some percent of its speed: of two
    /// builds that are compared, none may be in luck for longer than a while.
    ///
    /// # Errors
    ///
    /// The program can't be read, or the file not written.
    pub fn copied_to(&self, path: &Path) -> io::Result<Self> {
        std::fs::copy(self.executable(), path)?;
        Ok(Launcher {
            file: Some(Arc::new(File::open(path)?)),
            ..self.clone()
        })
    }

    /// The same on these cores alone, which the kernel numbers from 0. Without it, nodes
    /// run on those of the program that starts them.
    pub fn on_cores(self, cores: impl Into<Vec<usize>>) -> Self {
        Launcher {
            cores: Some(cores.into()),
            ..self
        }
    }

    /// The same without control groups for nodes that are given a share of the CPUs: they are
    /// told to hold themselves to it, as on machines where no group can be had.
    pub fn without_cgroups(self) -> Self {
        Launcher {
            without_groups: true,
            ..self
        }
    }

    pub(crate) fn makes_groups(&self) -> bool {
        !self.without_groups
    }

    /// The file to execute: the program by its path, or by the file that we have open.
    pub(crate) fn executable(&self) -> PathBuf {
        match &self.file {
            Some(file) => format!("/proc/{}/fd/{}", process::id(), file.as_raw_fd()).into(),
            None => self.program.clone(),
        }
    }

    /// The place where the program is, or was.
    pub(crate) fn path(&self) -> &Path {
        &self.program
    }

    pub(crate) fn cores(&self) -> Option<&[usize]> {
        self.cores.as_deref()
    }
}

/// Everything that a node is told when it is started.
pub(crate) struct Launch<'a> {
    pub(crate) launcher: &'a Launcher,
    pub(crate) plan: &'a NodePlan,
    /// The program that the plan settled on.
    pub(crate) program: &'a Program,
    pub(crate) data: &'a DataFolder,
    /// The small machine that it is given, if any.
    pub(crate) machine: Option<&'a Machine>,
    /// The network that its container is on, in place of this machine's.
    pub(crate) network: Option<&'a Network>,
    pub(crate) nonce: &'a str,
    /// Where to listen; port 0 when the node chooses itself and announces it.
    pub(crate) listen: SocketAddr,
    /// A text of the plan with everything filled in.
    pub(crate) fill: &'a (dyn Fn(&Text) -> String + Send + Sync),
}

impl Launch<'_> {
    /// The command that starts the node, logging to `log`, and the container that it starts
    /// it in.
    pub(crate) fn command(&self, log: File) -> io::Result<(Command, Option<Container>)> {
        let (mut command, container) = self.tied();
        command.arg0(self.plan.name.as_str());
        let has_lifeline = self.plan.run.is_hosted() || container.is_some();
        match has_lifeline {
            // Open for as long as we live: its end tells the node to end too.
            true => command.stdin(Stdio::piped()),
            false => command.stdin(Stdio::null()),
        };
        match self.plan.ready {
            Ready::Announced => command.stdout(Stdio::piped()),
            _ => command.stdout(log.try_clone()?),
        };
        command
            .stderr(log)
            // Ctrl-C in a terminal is for us, who stop the nodes in order.
            .process_group(0);
        self.set_environment(&mut command);
        Ok((command, container))
    }

    /// A command about the node that runs already, such as the one that asks whether it is ready.
    pub(crate) fn question(&self, command: &[Text]) -> Option<Command> {
        let mut words = command.iter().map(self.fill);
        let mut command = Command::new(words.next()?);
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        self.set_environment(&mut command);
        Some(command)
    }

    /// The launcher's program, told to end with us and to host the node, to become the
    /// node's program, or to keep a container.
    fn tied(&self) -> (Command, Option<Container>) {
        let mut command = Command::new(self.launcher.executable());
        let arguments = self.program.arguments.iter().map(self.fill);
        let us = process::id().to_string();
        if let Run::Container { image, .. } = &self.plan.run {
            let container = Container::of(self);
            command.args([CONTAIN_WORD, container.name()]);
            command.args(container.words(self, image));
            return (command, Some(container));
        }
        match &self.program.file {
            ProgramFile::Host => command.args([HIDDEN_WORD, &us]),
            // Only an image has one, and it was left above.
            ProgramFile::Image => &mut command,
            ProgramFile::Path(path) => {
                command.args([BECOME_WORD, &us]);
                if let Some(nobody) = self.data.nobody() {
                    command.arg(nobody.as_word());
                }
                if let Some(workdir) = &self.program.workdir {
                    command.arg(format!("{WORKDIR}{}", (self.fill)(workdir)));
                }
                command.args(["--", &(self.fill)(path)])
            }
        };
        command.args(arguments);
        (command, None)
    }

    /// A node is what its plan says, whatever our own settings are.
    fn set_environment(&self, command: &mut Command) {
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"SKEIN_") {
                command.env_remove(name);
            }
        }
        command.envs(search_path(self.program).map(|path| ("PATH", path)));
        command.envs(self.machine.and_then(Machine::told));
        let filled = self.program.environment.iter();
        command.envs(filled.map(|(name, value)| (name, (self.fill)(value))));
    }
}
