//! Keeps planted slowdowns out of releases.

use std::env::{var, var_os};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_planted = var_os("CARGO_FEATURE_PLANTED_SLOWDOWNS").is_some();
    if is_planted && var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!(
            "cargo::error=a release build has no planted slowdowns; build without --release, or \
             without the feature `planted-slowdowns`"
        );
    }
}
