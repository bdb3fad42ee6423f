//! Whole runs that must not be believed, each for its reason, and one that must be
//! although its server is slow: the program is pointed at a server that is known.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// Waits until no other test runs: two would be each other's disturbance.
fn turn() -> MutexGuard<'static, ()> {
    static TURNS: Mutex<()> = Mutex::new(());
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reasons that a busy machine can give for any run, whatever the test does.
const OF_A_BUSY_MACHINE: [&str; 5] = [
    "time_stolen",
    "machine_starved",
    "answers_unread",
    "sent_late",
    "rate_missed",
];

/// Reasons that a generator without enough of a core can give, by who has the rest of it.
const AT_ITS_LIMIT: [&str; 3] = ["generator_saturated", "answers_unread", "machine_starved"];

#[test]
fn too_few_users_for_a_rate_make_a_run_invalid() {
    let _turn = turn();
    let server = Server::start(Duration::from_millis(50), usize::MAX);
    let seen = run(&server, "rate = \"400/s\"\nusers = 4");
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    assert!(seen.has("too_few_users"), "{seen:?}");
}

#[test]
fn a_slow_server_is_judged_and_not_the_run() {
    let _turn = turn();
    // Nobody gets more than 100 answers a second out of it, however many ask.
    let server = Server::start(Duration::from_millis(10), 1);
    let seen = run(&server, "rate = \"400/s\"\nusers = 64");
    assert!(seen.has("users_exhausted"), "{seen:?}");
    let blamed = ["too_few_users", "generator_saturated", "counts_disagree"];
    assert!(!blamed.iter().any(|w| seen.has(w)), "{seen:?}");
    if !OF_A_BUSY_MACHINE.iter().any(|w| seen.has(w)) {
        // Every answer is right, and the only threshold is on errors.
        assert_eq!(seen.exit_code, 0, "{seen:?}");
    }
}

#[test]
fn a_generator_at_its_limit_makes_a_run_invalid() {
    let _turn = turn();
    let server = Server::start(Duration::ZERO, usize::MAX);
    // With a core of its own to itself, the server can always do more.
    let seen = confined_to_one_core(|| run(&server, "users = 32"));
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    assert!(AT_ITS_LIMIT.iter().any(|w| seen.has(w)), "{seen:?}");
}

#[test]
fn a_generator_whose_core_is_taken_by_others_makes_a_run_invalid() {
    let _turn = turn();
    let server = Server::start(Duration::ZERO, usize::MAX);
    let seen = confined_to_one_core(|| {
        let _others = Others::on(1);
        run(&server, "users = 32")
    });
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    assert!(AT_ITS_LIMIT.iter().any(|w| seen.has(w)), "{seen:?}");
}

#[test]
fn a_machine_whose_cores_are_all_busy_makes_a_run_invalid() {
    let _turn = turn();
    let server = Server::start(Duration::from_millis(1), usize::MAX);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let _others = Others::on(4 * cores);
    let seen = run(&server, "rate = \"500/s\"\nusers = 32");
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    assert!(seen.has("machine_starved"), "{seen:?}");
}

/// Does something on a single core, which programs that are started meanwhile inherit.
fn confined_to_one_core<T>(deed: impl FnOnce() -> T) -> T {
    let this_thread = Pid::from_raw(0);
    let all = sched_getaffinity(this_thread).expect("Linux tells");
    let allowed = |core: &usize| all.is_set(*core).unwrap_or(false);
    let first = (0..CpuSet::count())
        .find(allowed)
        .expect("a core to run on");
    let mut one = CpuSet::new();
    one.set(first).expect("it is within the set");
    sched_setaffinity(this_thread, &one).expect("fewer cores are always allowed");
    let done = deed();
    sched_setaffinity(this_thread, &all).expect("it was so before");
    done
}

/// What a run comes to.
#[derive(Debug)]
struct Seen {
    exit_code: i32,
    warnings: Vec<Value>,
    /// What the warnings rest on, for a story that turns out otherwise.
    #[allow(dead_code, reason = "shown by Debug")]
    evidence: Value,
}

impl Seen {
    fn has(&self, kind: &str) -> bool {
        self.warnings.iter().any(|warning| warning["kind"] == kind)
    }
}

/// Two seconds of `load` on `server`.
fn run(server: &Server, load: &str) -> Seen {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("plan.toml");
    let text = format!(
        r#"
name = "trust"
thresholds = ["error-rate<=0%"]

[[stage]]
name = "steady"
{load}
duration = "2s"

# They are content with any refusal.
[mix]
intruders = 1

[behaviour]
think_time = "0s"
"#
    );
    std::fs::write(&plan, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_loadtests"))
        .args(["run", "--quiet", "--seed", "1", "--plan"])
        .arg(&plan)
        .args(["--target", &format!("http://{}", server.address)])
        .arg("--reports")
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let runs = std::fs::read_dir(folder.path().join("runs")).expect(&said);
    let runs: Vec<_> = runs.map(|run| run.expect("readable").path()).collect();
    let record = std::fs::read(runs[0].join("run.json")).expect(&said);
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    Seen {
        exit_code: output.status.code().expect("it ended by itself"),
        warnings: record["warnings"].as_array().expect("a list").clone(),
        evidence: record["evidence"].clone(),
    }
}

/// Refuses every request after a while, a few at a time.
struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn start(takes: Duration, at_a_time: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let counter = Arc::new(Semaphore::new(at_a_time.min(Semaphore::MAX_PERMITS)));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, takes, Arc::clone(&counter)));
            }
            pending::<()>().await;
        });
        Server {
            address,
            _runtime: runtime,
        }
    }
}

async fn serve(mut stream: TcpStream, takes: Duration, counter: Arc<Semaphore>) -> io::Result<()> {
    const REFUSAL: &[u8] =
        b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\n\r\n";
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    while stream.read_buf(&mut head).await? > 0 {
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            if !takes.is_zero() {
                let _place = counter.acquire().await.map_err(io::Error::other)?;
                tokio::time::sleep(takes).await;
            }
            stream.write_all(REFUSAL).await?;
        }
    }
    Ok(())
}

/// Keep cores busy until dropped.
struct Others(Arc<AtomicBool>);

impl Others {
    /// So many, on the cores of who calls.
    fn on(threads: usize) -> Self {
        let stop = Arc::<AtomicBool>::default();
        for _ in 0..threads {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Others(stop)
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
