//! A run ends when its schedule is over.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::run::{Place, Running, code_of, wait_for, warnings};
use crate::server::{Manner, Server};

#[test]
fn users_who_think_for_long_dont_keep_a_run_open() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "2s", "30s");
    let began = Instant::now();
    let status = Running::start(place.command()).end();
    // It took 37 s when users were waited for until they had thought.
    assert!(began.elapsed() < Duration::from_secs(25));
    let record = place.record();
    assert_eq!(status.code(), Some(code_of(&record)));
    assert!(!warnings(&record).contains(&"interrupted"));
    let lasted = record["lasted_seconds"].as_f64().expect("a length");
    assert!((2.0..6.0).contains(&lasted), "{lasted}");
    assert!(place.run().join("goose/report.html").is_file());
}

#[test]
fn a_dashboard_that_is_looked_at_doesnt_keep_a_run_open() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "3s", "50ms");
    // Free now, and most likely still in a moment.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = port.expect("a free port");
    let mut command = place.command();
    command.args(["--dashboard", &address.port().to_string()]);
    let mut run = Running::start(command);
    let mut page = wait_for("the dashboard", || TcpStream::connect(address).ok());
    let asked = format!("GET /api/v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    page.write_all(asked.as_bytes()).expect("it listens");
    page.read_exact(&mut [0; 12]).expect("it answers");
    // Goose would go on for as long as the page is open.
    let status = run.end();
    let record = place.record();
    assert_eq!(status.code(), Some(code_of(&record)));
    let lasted = record["lasted_seconds"].as_f64().expect("a length");
    assert!((3.0..10.0).contains(&lasted), "{lasted}");
}
