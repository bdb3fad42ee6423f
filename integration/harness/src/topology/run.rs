//! The ways in which a node runs: a program, a container, or a server that runs elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde::Deserialize;

use super::Text;

/// A way in which a node runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// A program on this machine.
    Program(Program),
    /// A program in a container.
    Container {
        /// The image, as Docker names it.
        image: String,
        /// The program in it.
        program: Program,
    },
    /// A server that runs already, at this URL. Nobody starts or stops it.
    Elsewhere(String),
}

/// A network that a container is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The network of this machine, whose ports it shares: for a program that is told its port.
    Host,
    /// One of the system's own, on which the container has its own address: for an image that
    /// has its port fixed, of which there may be several then. Programs that it calls listen
    /// there, too, in place of loopback.
    Bridge,
}

/// A program, and all that it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The file that is executed.
    pub file: ProgramFile,
    /// Its arguments, without the program's own name.
    pub arguments: Vec<Text>,
    /// Variables beside those of the harness; none of its variables that begin with
    /// `SKEIN_` is handed on.
    pub environment: BTreeMap<String, Text>,
    /// Files that are written into the node's data folder before each start, by name.
    pub files: BTreeMap<String, Text>,
    /// The folder that it runs in, by default that of the harness.
    pub workdir: Option<Text>,
    /// Folders and files of this machine that a container has too, as `HERE:THERE` or
    /// `HERE:THERE:ro`; a program has them anyway.
    pub volumes: Vec<Text>,
    /// The command for a shell, in that folder, by which the program is built. Nodes don't
    /// start with it: whoever wants to run them as they are now has it done before.
    pub build: Option<String>,
    /// The folder for that of a container's image, by default that of the harness: the one in
    /// which it runs is in its image.
    pub build_in: Option<PathBuf>,
    /// Programs that have to be there for this way to be had.
    pub needs: Vec<String>,
    /// Folders beside those of `PATH` in which programs are looked for; a `*` as the name
    /// of one of them is any, the last one first.
    pub folders: Vec<String>,
    /// True when it runs as nobody where the harness is root, since it refuses to be root or
    /// needn't be. Its data folder is then one for temporary files.
    pub unprivileged: bool,
    /// The signal that tells it to stop.
    pub stop: Signal,
}

/// The file that a node executes.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramFile {
    /// The [`Launcher`](crate::Launcher)'s program, which hosts services of its own: it
    /// ends with the harness, and announces where it listens.
    Host,
    /// Another one: a path, or a name to be looked for in `PATH`.
    Path(Text),
    /// The entry point of a container's image, which the arguments are for. The container is
    /// then the user that the image says.
    Image,
}

impl Run {
    /// The program that is run, unless it is somebody else's affair.
    pub fn program(&self) -> Option<&Program> {
        match self {
            Run::Program(program) | Run::Container { program, .. } => Some(program),
            Run::Elsewhere(_) => None,
        }
    }

    pub(super) fn program_mut(&mut self) -> Option<&mut Program> {
        match self {
            Run::Program(program) | Run::Container { program, .. } => Some(program),
            Run::Elsewhere(_) => None,
        }
    }

    pub(super) fn set(&mut self, variable: String, value: Text) {
        if let Some(program) = self.program_mut() {
            program.environment.insert(variable, value);
        }
    }

    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self, Run::Elsewhere(_))
    }

    /// True when the launcher's program hosts the node.
    pub fn is_hosted(&self) -> bool {
        matches!(self, Run::Program(program) if program.file == ProgramFile::Host)
    }
}

impl Program {
    /// A program without arguments, with the environment of the harness.
    pub fn new(file: ProgramFile) -> Self {
        Program {
            file,
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            files: BTreeMap::new(),
            workdir: None,
            volumes: Vec::new(),
            build: None,
            build_in: None,
            needs: Vec::new(),
            folders: Vec::new(),
            unprivileged: false,
            stop: Signal::SIGTERM,
        }
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &Text> {
        let file = match &self.file {
            ProgramFile::Host | ProgramFile::Image => None,
            ProgramFile::Path(path) => Some(path),
        };
        file.into_iter()
            .chain(&self.arguments)
            .chain(self.environment.values())
            .chain(self.files.values())
            .chain(&self.workdir)
            .chain(&self.volumes)
    }
}

/// The way in a few words: `a container of redis:7-alpine`.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Run::Program(_) => f.write_str("a program of this machine"),
            Run::Container { image, .. } => write!(f, "a container of {image}"),
            // Its URL may have a password in it.
            Run::Elsewhere(_) => f.write_str("a server that ran already"),
        }
    }
}
