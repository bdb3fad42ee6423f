//! Folders in the temporary directory, which every user of the machine can look into.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

/// A new folder whose name begins with `prefix`, for this user alone; it goes with the value.
///
/// # Errors
///
/// When the temporary directory can't be written to.
pub fn folder(prefix: &str) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_its_user_alone() {
        let folder = folder("skein-test-").expect("a folder");
        let mode = folder
            .path()
            .metadata()
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
