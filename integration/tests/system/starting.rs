//! A system starts as a whole or not at all, and says why not.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use integration::error::StartError;
use integration::{Launcher, StartOptions, System, Topology};
use nix::unistd::getpgid;
use reqwest::Method;
use reqwest::header::HeaderMap;
use services::contract::{Health, HealthStatus, Service};
use services::identity;
use tokio::runtime::Runtime;

use crate::support::{Lab, RunFolder, fails_to_start, nodes_of, options};

/// Far less than a start waits for a node that says nothing, and far more than a
/// failure takes to be noticed.
const AT_ONCE: Duration = Duration::from_secs(15);

pub(crate) async fn every_node_of_the_laboratory_answers_by_its_own_name() {
    let lab = Lab::start(Topology::laboratory()).await;
    let nodes = lab.topology().nodes();
    assert_eq!(nodes.len(), 9);
    for node in nodes {
        for (question, is_known) in [
            (identity::question(lab.nonce()), true),
            (HeaderMap::new(), false),
        ] {
            let request = lab.request_to(node.name.as_str(), Method::GET, "/health");
            let answer = request.headers(question).send().await.expect("an answer");
            let health: Health = answer.json().await.expect("a health report");
            assert_eq!(
                (health.node, health.status),
                (node.name.clone(), HealthStatus::Ok)
            );
            assert_eq!(identity::is_proven(lab.nonce(), &health.nonce), is_known);
            assert_eq!(
                health.nonce.is_empty(),
                !is_known,
                "a stranger is told nothing"
            );
        }
    }
    let url = lab.url_of("load-balancer");
    assert_eq!(lab.url(), url, "the balancer is the entry");
    assert!(lab.unexpected_exits().is_empty());
}

pub(crate) async fn no_service_listens_beyond_loopback_unless_it_is_meant() {
    for service in Service::ALL {
        let folder = RunFolder::new();
        let anywhere = Topology::single(service).with(service, "listen", "0.0.0.0:0");
        let error = fails_to_start(&anywhere, options(folder.path())).await;
        assert!(matches!(error, StartError::GaveUp { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("beyond loopback"), "{message}");
        assert!(message.contains("--beyond-loopback"), "{message}");
        let meant = anywhere.with_switch(service, "beyond-loopback");
        let lab = Lab::start(meant).await;
        assert_eq!(lab.topology().nodes().len(), 1);
    }
}

pub(crate) async fn an_empty_or_short_secret_is_refused_even_on_loopback() {
    for secret in ["", "short"] {
        let folder = RunFolder::new();
        let topology =
            Topology::single(Service::ApiGateway).with(Service::ApiGateway, "jwt-secret", secret);
        let error = fails_to_start(&topology, options(folder.path())).await;
        assert!(matches!(error, StartError::GaveUp { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("at least 32"), "{message}");
    }
}

pub(crate) async fn other_users_of_the_machine_see_neither_secrets_nor_data() {
    let secret = "k".repeat(40);
    let topology = Topology::laboratory().with(Service::ApiGateway, "jwt-secret", &secret);
    let lab = Lab::start(topology).await;
    let nodes = nodes_of(lab.folder());
    assert_eq!(nodes.len(), 9);
    for node in nodes {
        let command_line = fs::read(format!("/proc/{node}/cmdline")).expect("it runs");
        let command_line = String::from_utf8_lossy(&command_line);
        assert!(!command_line.contains(lab.nonce()), "{command_line}");
        assert!(!command_line.contains(&secret), "{command_line}");
    }
    let mut folders = vec![lab.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let entry = entry.expect("an entry");
            let kind = entry.metadata().expect("its mode");
            let mode = kind.permissions().mode();
            assert_eq!(mode & 0o077, 0, "{:?} is {mode:o}", entry.path());
            if kind.is_dir() {
                folders.push(entry.path());
            }
        }
    }
}

pub(crate) async fn each_node_has_a_log_of_its_own() {
    let lab = Lab::start(Topology::laboratory()).await;
    for node in lab.topology().nodes() {
        let log = lab.log(node.name.as_str());
        let address = lab.address_of(node.name.as_str()).to_string();
        assert!(log.contains(&address), "{} logged {log:?}", node.name);
    }
    let logs = fs::read_dir(lab.folder().join("logs")).expect("a folder of logs");
    assert_eq!(logs.count(), 9);
}

pub(crate) async fn counters_and_cpu_time_tell_of_the_work() {
    let lab = Lab::start(Topology::single(Service::Microservice)).await;
    let before = lab.cpu_time("microservice").expect("it runs");
    let unused = lab.usage("microservice").expect("it runs");
    let counters = lab.all_counters().await.expect("a node shows its counters");
    for _ in 0..3 {
        assert_eq!(lab.get("/process").await.status(), 200);
    }
    let labels = [("route", "GET /process"), ("status", "200")];
    let counted = lab.counter("microservice", "requests_total", &labels).await;
    assert_eq!(counted, 3.0);
    let earlier: Vec<f64> = counters
        .values()
        .map(|counters| counters.get("requests_total", &labels))
        .collect();
    assert_eq!(earlier, [0.0]);
    assert!(lab.cpu_time("microservice").expect("it runs") > before);
    let used = lab.usage("microservice").expect("it runs").since(&unused);
    assert!(used.cpu > Duration::ZERO && used.voluntary_switches > 0);
    assert!(used.peak_memory > 1 << 20, "{} bytes", used.peak_memory);
}

pub(crate) async fn a_wrong_flag_fails_the_start_at_once_with_the_log() {
    let folder = RunFolder::new();
    let topology = Topology::single(Service::Cache).with(Service::Cache, "no-such-flag", 1);
    let began = Instant::now();
    let error = fails_to_start(&topology, options(folder.path())).await;
    assert!(began.elapsed() < AT_ONCE);
    let StartError::Exited { node, status, log } = error else {
        panic!("{error}");
    };
    assert_eq!(node.as_str(), "cache-1");
    assert_eq!(status.code(), Some(2));
    assert!(log.contains("--no-such-flag"), "{log}");
}

pub(crate) async fn a_node_that_gives_up_says_why() {
    let folder = RunFolder::new();
    let topology = Topology::single(Service::Cache).with(Service::Cache, "log", "=nonsense=");
    let error = fails_to_start(&topology, options(folder.path())).await;
    assert!(matches!(error, StartError::GaveUp { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.starts_with("cache-1 could not read --log"),
        "{message}"
    );
}

pub(crate) async fn a_program_that_is_no_node_fails_the_start_at_once() {
    for (program, fault) in [("/bin/false", "Exited"), ("/no/such/program", "Spawn")] {
        let folder = RunFolder::new();
        let began = Instant::now();
        let error = fails_to_start(&Topology::laboratory(), launched_by(program, &folder)).await;
        assert!(began.elapsed() < AT_ONCE);
        assert!(format!("{error:?}").starts_with(fault), "{error:?}");
    }
}

pub(crate) async fn a_stranger_is_not_taken_for_the_node() {
    let stranger = Lab::start(Topology::single(Service::Microservice)).await;
    let folder = RunFolder::new();
    let topology = Topology::single(Service::Cache).with(
        Service::Cache,
        "impostor-points-to",
        stranger.address_of("microservice"),
    );
    let impostor = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/impostor.sh");
    let error = fails_to_start(&topology, launched_by(impostor, &folder)).await;
    let StartError::Stranger { node, answer, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(node.as_str(), "cache-1");
    assert!(answer.contains("microservice"), "{answer}");
}

pub(crate) async fn a_taken_port_is_named_with_its_node() {
    // Where the laboratory itself runs, the port is taken already.
    let _taken = TcpListener::bind("127.0.0.1:5004");
    let folder = RunFolder::new();
    let topology = Topology::single(Service::Cache).on_laboratory_ports();
    let error = fails_to_start(&topology, options(folder.path())).await;
    assert!(matches!(error, StartError::PortTaken { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "port 5004 is taken, so cache-1 can't listen on 127.0.0.1:5004: stop whoever has it, \
         or let the system choose free ports"
    );
}

pub(crate) async fn a_failed_start_leaves_nothing_running() {
    let folder = RunFolder::new();
    // Everybody below the balancer is up by the time it fails.
    let topology = Topology::laboratory().with(Service::LoadBalancer, "no-such-flag", 1);
    let error = fails_to_start(&topology, options(folder.path())).await;
    assert!(matches!(error, StartError::Exited { .. }), "{error:?}");
    let logs = fs::read_dir(folder.path().join("logs")).expect("a folder of logs");
    assert_eq!(logs.count(), 9, "not everybody had been started");
}

pub(crate) async fn a_dropped_system_leaves_nothing_running() {
    let folder = RunFolder::new();
    let system = start(&Topology::laboratory(), &folder).await;
    system.pause("cache-1").expect("it runs");
    assert_eq!(nodes_of(folder.path()).len(), 9);
    drop(system);
    assert_eq!(nodes_of(folder.path()), []);
}

pub(crate) async fn a_system_outlives_the_thread_that_started_it() {
    let folder = RunFolder::new();
    let options = options(folder.path());
    let start = move || {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(System::start(&Topology::laboratory(), options))
    };
    let started = thread::spawn(start).join().expect("no panic");
    let system = started.expect("the laboratory starts");
    let counters = system.all_counters().await;
    assert_eq!(counters.expect("every node is there").len(), 9);
    assert_eq!(system.unexpected_exits().len(), 0);
}

pub(crate) async fn a_signal_from_the_terminal_reaches_no_node() {
    let lab = Lab::start(Topology::laboratory()).await;
    // A terminal's Ctrl-C is for the whole process group that runs in front.
    for node in nodes_of(lab.folder()) {
        assert_eq!(getpgid(Some(node)), Ok(node), "it is in a group of others");
    }
}

pub(crate) async fn a_stopped_system_ends_in_good_order() {
    let folder = RunFolder::new();
    let system = start(&Topology::laboratory(), &folder).await;
    // Neither of them keeps the others from stopping, nor itself.
    system.pause("cache-1").expect("it runs");
    system.kill("cache-2").expect("it runs");
    let began = Instant::now();
    system.stop().await.expect("every node stops in time");
    assert!(began.elapsed() < AT_ONCE);
    assert_eq!(nodes_of(folder.path()), []);
    let log = folder.path().join("logs/load-balancer.log");
    let log = fs::read_to_string(log).expect("the balancer's log");
    assert!(log.contains("stopped"), "{log}");
}

async fn start(topology: &Topology, folder: &RunFolder) -> System {
    let started = System::start(topology, options(folder.path())).await;
    started.expect("the system starts")
}

fn launched_by(program: impl AsRef<Path>, folder: &RunFolder) -> StartOptions {
    StartOptions {
        launcher: Launcher::program(program.as_ref()),
        folder: folder.path().to_owned(),
    }
}
