//! Run one service: `services api-gateway --listen 127.0.0.1:5000 …`

use std::process::ExitCode;

fn main() -> ExitCode {
    services::command_line::run(std::env::args_os())
}
