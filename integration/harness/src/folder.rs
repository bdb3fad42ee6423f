//! Folders for the logs and the data of nodes, for the user who starts the system and for
//! nobody else.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::error::StartError;
use crate::host::Nobody;
use crate::scratch;
use crate::topology::{NodePlan, Run};

/// The folder of a node's data.
#[derive(Debug)]
pub(crate) enum DataFolder {
    /// Within that of the system, which it outlives.
    OfTheSystem(PathBuf),
    /// A folder for temporary files that belongs to nobody and goes with the system. Nobody
    /// may not enter the system's own, which root has made.
    OfNobody { folder: TempDir, nobody: Nobody },
}

impl DataFolder {
    /// The folder of the node in a system that has this one.
    pub(crate) fn of(plan: &NodePlan, system: &Path) -> Result<Self, StartError> {
        let is_unprivileged = plan
            .run
            .program()
            .is_some_and(|program| program.unprivileged);
        if is_unprivileged && geteuid().is_root() {
            return DataFolder::of_nobody(plan);
        }
        let folder = system.join("data").join(plan.name.as_str());
        if !matches!(plan.run, Run::Elsewhere(_)) {
            create_folder(&folder)?;
        }
        // It is told to programs that run elsewhere.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Ok(DataFolder::OfTheSystem(folder))
    }

    fn of_nobody(plan: &NodePlan) -> Result<Self, StartError> {
        let made = || {
            let nobody = Nobody::find()?;
            let folder = scratch::folder(&format!("node-{}", plan.name))?;
            chown(folder.path(), Some(nobody.user), Some(nobody.group))?;
            Ok(DataFolder::OfNobody { folder, nobody })
        };
        made().map_err(|source| StartError::Folder {
            path: std::env::temp_dir(),
            source,
        })
    }

    /// The path to it.
    pub(crate) fn path(&self) -> &Path {
        match self {
            DataFolder::OfTheSystem(path) => path,
            DataFolder::OfNobody { folder, .. } => folder.path(),
        }
    }

    /// Whom the node shall be, unless it is the harness's user.
    pub(crate) fn nobody(&self) -> Option<Nobody> {
        match self {
            DataFolder::OfTheSystem(_) => None,
            DataFolder::OfNobody { nobody, .. } => Some(*nobody),
        }
    }

    /// Writes a file in it, in place of an older one.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.path().join(name);
        let mut options = File::options();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        if let Some(nobody) = self.nobody() {
            chown(&path, Some(nobody.user), Some(nobody.group))?;
        }
        file.write_all(text.as_bytes())
    }
}

/// Creates a folder where there is none.
pub(crate) fn create_folder(path: &Path) -> Result<(), StartError> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|source| StartError::Folder {
        path: path.to_owned(),
        source,
    })
}
