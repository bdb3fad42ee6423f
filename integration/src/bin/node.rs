//! Hosts the nodes of the tests, which know it as `CARGO_BIN_EXE_node`.

use std::process::ExitCode;

fn main() -> ExitCode {
    integration::host::run_if_asked()
        .unwrap_or_else(|| services::command_line::run(std::env::args_os()))
}
