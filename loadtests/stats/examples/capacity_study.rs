//! The table of how often a search finds the true capacity of simulated servers, for the README
//! of the study:
//! `cargo run -p stats --example capacity_study -- 200` makes 200 searches a server.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use stats::capacity::trial::{Server, ServiceTimes, Tally, Thrashing, simulate, truth};
use stats::capacity::{Finished, Settings};
use stats::trial::Proportion;

fn main() -> ExitCode {
    let searches = std::env::args().nth(1).map(|given| given.parse::<u64>());
    let Some(Ok(searches @ 1..)) = searches else {
        eprintln!("say how many searches each server gets, such as 200");
        return ExitCode::from(2);
    };
    println!(
        "| server | starts differ by | searches | capacity | mean error | SD | half of the interval | interval holds the truth | that of a typical start | called bistable |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for (name, server) in servers() {
        for between_starts in [0.0, 0.02, 0.05] {
            let server = Server {
                between_starts,
                ..server.clone()
            };
            println!("{}", row(name, &server, searches));
        }
    }
    ExitCode::SUCCESS
}

/// The servers. All promise 99 % of their answers within a time.
fn servers() -> [(&'static str, Server); 4] {
    let four =
        |within| Server::promising(4, Duration::from_millis(2), Duration::from_millis(within));
    let one = Server::promising(
        1,
        Duration::from_secs_f64(1.0 / 3350.0),
        Duration::from_millis(20),
    );
    let equal = Server {
        times: ServiceTimes::Equal,
        ..four(6)
    };
    let thrashing = Server {
        thrashing: Some(Thrashing {
            per_waiting: 0.005,
            most: 3.0,
        }),
        ..four(20)
    };
    [
        ("M/M/1, 3350/s, 20 ms", one),
        ("M/D/4, 2000/s, 6 ms", equal),
        ("M/M/4, 2000/s, 20 ms", four(20)),
        ("M/M/4 that thrashes", thrashing),
    ]
}

/// One row, whose searches are shared out among the cores.
fn row(name: &str, server: &Server, searches: u64) -> String {
    let truth = truth(server);
    let settings = Settings::of(server.clauses(), 100.0);
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let found: Vec<Finished> = thread::scope(|scope| {
        let share = |worker| {
            let settings = &settings;
            scope.spawn(move || -> Vec<Finished> {
                let seeds = (worker..searches).step_by(workers as usize);
                seeds.map(|seed| simulate(server, settings, seed)).collect()
            })
        };
        let workers: Vec<_> = (0..workers).map(share).collect();
        let done = workers.into_iter().map(|worker| worker.join());
        done.flat_map(|searches| searches.expect("no search panics"))
            .collect()
    });
    let tally = Tally::of(&found, truth);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let rate = |of: Proportion| {
        let (low, high) = (100.0 * of.at_least(), 100.0 * of.at_most());
        format!("{} ({low:.0}–{high:.0})", percent(of.share()))
    };
    format!(
        "| {name} | {} | {} | {:.0}/s | {:+.1} % | {} | ±{} | {} | {} | {} |",
        percent(server.between_starts),
        tally.found.of,
        truth.capacity,
        100.0 * tally.bias(),
        percent(tally.deviation()),
        percent(tally.half_width()),
        rate(tally.covered),
        rate(tally.typical_covered),
        percent(tally.bistable.share()),
    )
}
