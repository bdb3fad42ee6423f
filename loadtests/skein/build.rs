//! Tells the program how it was built, so that a run can say what it measured.

use std::env::var;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for (name, value) in [
        ("SKEIN_PROFILE", var("PROFILE").ok()),
        ("SKEIN_OPT_LEVEL", var("OPT_LEVEL").ok()),
        ("SKEIN_RUSTC", rustc_version()),
    ] {
        let value = value.unwrap_or_else(|| "unknown".to_owned());
        println!("cargo::rustc-env={name}={value}");
    }
}

/// What the compiler says of itself, such as `rustc 1.89.0 (29483883e 2025-08-04)`.
fn rustc_version() -> Option<String> {
    let output = Command::new(var("RUSTC").ok()?)
        .arg("--version")
        .output()
        .ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
