//! Goose and nothing else, to compare Skein's own cost with: users who ask for `/`
//! and read the whole answer, one request after the other. Prints how many requests
//! were sent, and how many failed.
//!
//! Usage: bare-goose URL USERS SECONDS

use std::process::ExitCode;

use goose::config::GooseConfiguration;
use goose::prelude::*;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, users, seconds] = &arguments[..] else {
        eprintln!("usage: bare-goose URL USERS SECONDS");
        return ExitCode::from(2);
    };
    match load(url, users, seconds).await {
        Ok((sent, failed)) => {
            println!("{sent} {failed}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn load(url: &str, users: &str, seconds: &str) -> Result<(usize, usize), GooseError> {
    let configuration = GooseConfiguration::parse_args_default(&[
        format!("--host={url}"),
        format!("--users={users}"),
        format!("--increase-rate={users}000"),
        format!("--run-time={seconds}"),
        "--quiet".to_owned(),
        "--no-print-metrics".to_owned(),
        "--no-telnet".to_owned(),
        "--no-transaction-metrics".to_owned(),
        "--no-scenario-metrics".to_owned(),
    ])?;
    let attack = GooseAttack::initialize_with_config(configuration)?
        .register_scenario(scenario!("bare").register_transaction(transaction!(ask)));
    let metrics = Box::pin(attack.execute()).await?;
    let requests = metrics.requests.values();
    Ok(requests.fold((0, 0), |(sent, failed), request| {
        let failures = request.fail_count;
        (sent + request.success_count + failures, failed + failures)
    }))
}

/// Asks, and reads to the last byte: Goose itself only waits for the first.
async fn ask(user: &mut GooseUser) -> TransactionResult {
    let answer = user.get("/").await?;
    if let Ok(response) = answer.response {
        // A body that breaks off is no part of what is compared.
        let _ = response.bytes().await;
    }
    Ok(())
}
