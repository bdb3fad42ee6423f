//! Containers as nodes; the one module that knows Docker. It speaks to it by its command, as
//! a user would, so that whatever answers to `docker` will do.
//!
//! A container is on the network of this machine and runs as the harness's user, so that it
//! is told the same as a program would be; or it is on a [`Network`] of the system's own, with
//! the port that is fixed in its image. Docker would let it outlive a harness that is
//! killed; a process of ours, which holds the other end of a pipe, removes it then.

mod images;
mod network;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, stdin};
use std::net::{IpAddr, SocketAddr};
use std::path::{self, Path};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getegid, geteuid};

use crate::cgroup::ContainerGroups;
use crate::host::exit_code;
use crate::launcher::Launch;
use crate::machine::Machine;
use crate::topology::{ProgramFile, Text};

pub(crate) use network::Network;

/// By this label our containers are known.
const LABEL: &str = "dev.skein=node";

/// A container that runs, or is about to.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
    /// Its first process, and its number with Docker. Asked for once: looks at CPU time come
    /// often, and a question to Docker costs some.
    seen: OnceLock<(Pid, String)>,
    groups: OnceLock<Result<ContainerGroups, String>>,
}

impl Container {
    /// A container for a node, of a name that no other has.
    pub(crate) fn of(launch: &Launch<'_>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let system = &launch.nonce[..12];
        let name = format!("skein-{system}-{}-{number}", launch.plan.name);
        Container {
            name,
            seen: OnceLock::new(),
            groups: OnceLock::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The words after `docker` that start the node in it.
    pub(crate) fn words(&self, launch: &Launch<'_>, image: &str) -> Vec<OsString> {
        let program = launch.program;
        let user = launch.data.nobody().map_or_else(
            || format!("{}:{}", geteuid(), getegid()),
            |nobody| format!("{}:{}", nobody.user, nobody.group),
        );
        let mut words: Vec<OsString> = Vec::new();
        let mut say = |all: &[&str]| words.extend(all.iter().map(OsString::from));
        say(&["run", "--rm", "--label", LABEL]);
        match launch.network {
            Some(network) => {
                let ip = launch.listen.ip().to_string();
                say(&["--network", network.name(), "--ip", &ip]);
                for name in [launch.plan.name.as_str(), &launch.plan.role] {
                    say(&["--network-alias", name]);
                }
            }
            None => say(&["--network=host"]),
        }
        say(&["--name", &self.name]);
        if let Some(Machine { cpus, .. }) = launch.machine {
            // As `--cpus` does, with a shorter period.
            say(&["--cpu-period", &cpus.period_micros().to_string()]);
            say(&["--cpu-quota", &cpus.quota_micros().to_string()]);
        }
        let is_ours = program.file != ProgramFile::Image;
        if is_ours {
            // Servers ask for the name of the user that they are.
            say(&["--user", &user, "--volume", "/etc/passwd:/etc/passwd:ro"]);
        }
        let data = launch.data.path().display();
        say(&["--volume", &format!("{data}:{data}")]);
        // Names by which configurations in images call others.
        for called in &launch.plan.calls {
            if let Some(ip) = ip_of(launch, called.as_str()) {
                say(&["--add-host", &format!("{called}:{ip}")]);
            }
        }
        let here = program.build_in.clone().unwrap_or_default();
        for volume in program.volumes.iter().map(launch.fill) {
            say(&["--volume", &seen_from(&here, &volume)]);
        }
        let workdir = program.workdir.as_ref().map(launch.fill);
        let workdir = workdir.or_else(|| is_ours.then(|| data.to_string()));
        if let Some(workdir) = &workdir {
            say(&["--workdir", workdir]);
        }
        for variable in program.environment.keys() {
            // Without its value, which every user of the machine would see here.
            say(&["--env", variable]);
        }
        match &program.file {
            ProgramFile::Host | ProgramFile::Image => say(&[image]),
            ProgramFile::Path(path) => {
                say(&["--entrypoint", "sh", image, "-c"]);
                let folders = program.folders.join(" ");
                say(&[&format!(
                    "for folder in {folders}; do PATH=\"$PATH:$folder\"; done; exec \"$@\""
                )]);
                say(&["sh", &(launch.fill)(path)]);
            }
        }
        words.extend(
            program
                .arguments
                .iter()
                .map(|text| (launch.fill)(text).into()),
        );
        words
    }

    /// The command that has words of a node's executed in it, with a variable.
    pub(crate) fn exec(&self, words: impl Iterator<Item = String>, variable: &str) -> Command {
        let mut command = Command::new("docker");
        command.args(["exec", "--env", variable, &self.name]);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Sends the signal to what runs in it, the first process of it.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match signal {
            Signal::SIGSTOP => docker(&["pause", &self.name]),
            Signal::SIGCONT => docker(&["unpause", &self.name]),
            other => docker(&["kill", "--signal", other.as_str(), &self.name]),
        }
        .map(drop)
    }

    /// The number that its first process has outside.
    pub(crate) fn first(&self) -> Option<Pid> {
        self.seen().map(|(first, _)| *first)
    }

    /// The groups that its processes are in; none while there is no container yet.
    ///
    /// # Errors
    ///
    /// The reason why they can't be looked at.
    pub(crate) fn groups(&self) -> Option<Result<&ContainerGroups, &str>> {
        let (first, id) = self.seen()?;
        let groups = self.groups.get_or_init(|| ContainerGroups::of(*first, id));
        Some(groups.as_ref().map_err(String::as_str))
    }

    fn seen(&self) -> Option<&(Pid, String)> {
        if let Some(seen) = self.seen.get() {
            return Some(seen);
        }
        let form = "{{.State.Pid}} {{.Id}}";
        let seen = docker(&["inspect", "--type=container", "--format", form, &self.name]).ok()?;
        let (pid, id) = seen.trim().split_once(' ')?;
        let pid = pid.parse().ok().filter(|pid| *pid > 0)?;
        Some(
            self.seen
                .get_or_init(|| (Pid::from_raw(pid), id.to_owned())),
        )
    }
}

/// The address of another node, as the node is told it.
fn ip_of(launch: &Launch<'_>, called: &str) -> Option<IpAddr> {
    let place: Text = format!("{{{called}.address}}").parse().ok()?;
    let address: SocketAddr = (launch.fill)(&place).parse().ok()?;
    Some(address.ip())
}

/// The reason why no container of an image can be had here; an image that is not here is
/// only fetched when that is `allowed`.
pub(crate) fn missing(image: &str, allowed: Fetch) -> Option<String> {
    if let Err(error) = docker(&["version", "--format", "{{.Server.Version}}"]) {
        return Some(match error.kind() {
            io::ErrorKind::NotFound => "docker is not installed".to_owned(),
            _ => "no Docker engine answers".to_owned(),
        });
    }
    if docker(&["image", "inspect", "--format", "{{.Id}}", image]).is_ok() {
        return None;
    }
    let not_here = format!("the image {image} is not here");
    match allowed {
        Fetch::Never => Some(not_here),
        Fetch::IfNeeded => match docker(&["pull", "--quiet", image]) {
            Ok(_) => None,
            Err(error) => Some(format!("{not_here} and can't be fetched ({error})")),
        },
    }
}

/// The leave to fetch an image from a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    Never,
    IfNeeded,
}

/// The output of a command of Docker's; its own last words when it fails.
fn docker(words: &[&str]) -> io::Result<String> {
    let output = Command::new("docker")
        .args(words)
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(io::Error::other(last.unwrap_or("docker failed").to_owned()))
}

/// The process of ours that a container doesn't outlive: it runs `docker` with these words,
/// the first of which is the container's name, and removes the container when its own input
/// ends, as it does with the harness.
pub(crate) fn outlive_by_nothing(args: &[OsString]) -> ExitCode {
    let Some((name, words)) = args.split_first() else {
        return ExitCode::FAILURE;
    };
    let started = Command::new("docker")
        .args(words)
        .stdin(Stdio::null())
        .spawn();
    let mut docker = match started {
        Ok(docker) => docker,
        Err(error) => {
            crate::host::fail(&format!("could not execute docker: {error}"));
            return ExitCode::from(crate::host::NO_PROGRAM);
        }
    };
    let name = name.clone();
    let client = Pid::from_raw(docker.id().cast_signed());
    static REMOVES: AtomicBool = AtomicBool::new(false);
    thread::spawn(move || {
        let _ = stdin().read_to_end(&mut Vec::new());
        REMOVES.store(true, Ordering::SeqCst);
        let _ = kill(client, Signal::SIGKILL);
        if !removed(&name) {
            // The engine may be about to create what was asked for a moment ago.
            thread::sleep(Duration::from_millis(500));
            removed(&name);
        }
        std::process::exit(1);
    });
    let ended = docker.wait();
    while REMOVES.load(Ordering::SeqCst) {
        thread::park();
    }
    ended.map_or(ExitCode::FAILURE, exit_code)
}

/// Removes a container, and tells whether there was one.
fn removed(name: &OsStr) -> bool {
    let mut remove = Command::new("docker");
    remove.args(["rm", "--force", "--volumes"]).arg(name);
    let removed = remove.stdin(Stdio::null()).output();
    // It repeats the name of what it has removed; a missing one is no failure everywhere.
    removed.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

/// A volume whose folder is seen from `here`, as Docker takes it: by its whole path. Other sources
/// are names, or whole paths already.
fn seen_from(here: &Path, volume: &str) -> String {
    let is_seen = volume.starts_with("./") || volume.starts_with("../") || volume.starts_with(".:");
    match volume.split_once(':').filter(|_| is_seen) {
        Some((source, rest)) => {
            let source = here.join(source);
            let source = path::absolute(&source).unwrap_or(source);
            format!("{}:{rest}", source.display())
        }
        None => volume.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_seen_from_where_its_system_is() {
        let then = Path::new("/then");
        assert_eq!(
            seen_from(then, "./app/static:/static:ro"),
            "/then/app/static:/static:ro"
        );
        assert_eq!(seen_from(then, ".:/all"), "/then:/all");
        assert_eq!(seen_from(then, "/etc/app:/etc/app"), "/etc/app:/etc/app");
        let here = seen_from(Path::new(""), "./app:/app");
        assert!(
            here.starts_with('/') && here.ends_with("/app:/app"),
            "{here}"
        );
    }
}
