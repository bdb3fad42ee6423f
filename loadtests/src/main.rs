//! The program `loadtests`: the laboratory's load tester. All of it is in the library beside,
//! so that other programs can do a part of the same.

use std::process::ExitCode;

fn main() -> ExitCode {
    loadtests::program().run()
}
