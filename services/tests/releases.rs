//! What must not get into a release.

use std::path::Path;
use std::process::Command;

/// What the build script says, in a build with these variables.
fn build_script_says(program: &Path, profile: &str, is_planted: bool) -> String {
    let mut command = Command::new(program);
    command.env_clear().env("PROFILE", profile);
    if is_planted {
        command.env("CARGO_FEATURE_PLANTED_SLOWDOWNS", "1");
    }
    let output = command.output().expect("it runs");
    String::from_utf8(output.stdout).expect("it writes text")
}

#[test]
fn a_release_refuses_planted_slowdowns() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("build-script");
    let compiled = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "-o"])
        .arg(&program)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs"))
        .status();
    assert!(compiled.expect("the compiler runs").success());

    let refused = build_script_says(&program, "release", true);
    let reason = "cargo::error=a release build has no planted slowdowns";
    assert!(refused.contains(reason), "{refused}");
    for (profile, is_planted) in [("release", false), ("debug", true), ("debug", false)] {
        let said = build_script_says(&program, profile, is_planted);
        assert!(!said.contains("cargo::error"), "{profile}: {said}");
    }
}
