//! Where a run was made, and of what build.

use std::process::Command;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::sys::utsname::uname;
use procfs::{CpuInfo, Current, Meminfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::doubt::Doubt;

/// Where a run was made, and of what build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// The processor's model, if it says.
    pub processor: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in bytes, if known.
    pub memory_bytes: Option<u64>,
    /// The operating system's name and release.
    pub kernel: String,
    /// The compiler.
    pub rustc: String,
    /// The cargo profile's family: `debug` (dev) or `release`.
    pub profile: String,
    /// The optimisation level: `0` to `3`, `s` or `z`.
    pub opt_level: String,
    /// The git revision of the working directory, if it has one.
    pub revision: Option<Revision>,
}

/// A git revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revision {
    /// The commit's hash.
    pub commit: String,
    /// Whether tracked files differ from it.
    pub modified: bool,
}

impl Environment {
    /// Looks around.
    pub fn look() -> Self {
        let cpu = CpuInfo::current().ok();
        Environment {
            processor: cpu.and_then(|cpu| Some(cpu.model_name(0)?.to_owned())),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: Meminfo::current().ok().map(|memory| memory.mem_total),
            kernel: uname().map_or_else(
                |_| "unknown".to_owned(),
                |name| {
                    let part = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
                    format!("{} {}", part(name.sysname()), part(name.release()))
                },
            ),
            rustc: env!("SKEIN_RUSTC").to_owned(),
            profile: env!("SKEIN_PROFILE").to_owned(),
            opt_level: env!("SKEIN_OPT_LEVEL").to_owned(),
            revision: Revision::of_working_directory(),
        }
    }

    /// What makes any measurement in this environment doubtful.
    pub fn doubts(&self) -> Vec<Doubt> {
        let optimised = ["2", "3"].contains(&self.opt_level.as_str());
        if optimised {
            return Vec::new();
        }
        vec![Doubt::NotOptimised {
            opt_level: self.opt_level.clone(),
        }]
    }
}

impl Revision {
    fn of_working_directory() -> Option<Self> {
        let git = |arguments: &[&str]| {
            let output = Command::new("git").args(arguments).output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| text.trim().to_owned())
        };
        Some(Revision {
            commit: git(&["rev-parse", "HEAD"])?,
            modified: !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty(),
        })
    }
}

/// CPU time, user and system, that this process has used so far.
pub fn own_cpu_time() -> std::io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}
