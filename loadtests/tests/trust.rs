//! Whole runs that must not be believed, each for its reason, and one that must be
//! although its server is slow: the program is pointed at a server that is known.

#[path = "frame/busy.rs"]
mod busy;
mod frame;

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use frame::{Told, TooBusy};

fn main() -> ExitCode {
    frame::run(&frame::stories! {
        stories {
            too_few_users_for_a_rate_make_a_run_invalid,
            a_slow_server_is_judged_and_not_the_run,
            a_generator_at_its_limit_makes_a_run_invalid,
            a_generator_whose_core_is_taken_by_others_makes_a_run_invalid,
            a_machine_whose_cores_are_all_busy_makes_a_run_invalid,
            requests_that_find_no_local_port_are_this_machines_and_make_a_run_invalid,
            a_server_that_is_reached_and_never_right_fails_by_the_rule_on_errors,
            a_rate_that_one_of_two_stages_doesnt_keep_fails_although_the_longer_one_does,
        }
    })
}

/// Waits until no other test runs: two would be each other's disturbance.
fn turn() -> MutexGuard<'static, ()> {
    static TURNS: Mutex<()> = Mutex::new(());
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reasons that a generator without enough of a core can give, by who has the rest of it.
const AT_ITS_LIMIT: [&str; 3] = ["generator_saturated", "answers_unread", "machine_starved"];

fn too_few_users_for_a_rate_make_a_run_invalid() -> Told {
    let _turn = turn();
    let server = Server::start(Duration::from_millis(50), usize::MAX);
    let seen = run(&server, "rate = \"400/s\"\nusers = 4");
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    assert!(seen.has("too_few_users"), "{seen:?}");
    Ok(())
}

fn a_slow_server_is_judged_and_not_the_run() -> Told {
    let _turn = turn();
    // Nobody gets more than 100 answers a second out of it, however many ask.
    let server = Server::start(Duration::from_millis(10), 1);
    let seen = run(&server, "rate = \"400/s\"\nusers = 64");
    assert!(seen.has("users_exhausted"), "{seen:?}");
    let blamed = ["too_few_users", "generator_saturated", "counts_disagree"];
    assert!(!blamed.iter().any(|w| seen.has(w)), "{seen:?}");
    if let Some(excuse) = busy::excuse(&seen.record) {
        return Err(TooBusy(excuse));
    }
    // Every answer is right, and most of the turns that the plan asks for never began.
    assert_eq!(seen.exit_code, 1, "{seen:?}");
    assert_eq!(seen.failed_rules(), ["unsent<=2%"], "{seen:?}");
    Ok(())
}

fn a_generator_at_its_limit_makes_a_run_invalid() -> Told {
    let _turn = turn();
    let server = Server::start(Duration::ZERO, usize::MAX);
    // With a core of its own to itself, the server can always do more.
    let seen = confined_to_one_core(|| run(&server, "users = 32"));
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    assert!(AT_ITS_LIMIT.iter().any(|w| seen.has(w)), "{seen:?}");
    Ok(())
}

fn a_generator_whose_core_is_taken_by_others_makes_a_run_invalid() -> Told {
    let _turn = turn();
    let server = Server::start(Duration::ZERO, usize::MAX);
    let seen = confined_to_one_core(|| {
        let _others = Others::on(1);
        run(&server, "users = 32")
    });
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    assert!(AT_ITS_LIMIT.iter().any(|w| seen.has(w)), "{seen:?}");
    Ok(())
}

fn a_machine_whose_cores_are_all_busy_makes_a_run_invalid() -> Told {
    let _turn = turn();
    let server = Server::start(Duration::from_millis(1), usize::MAX);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let _others = Others::on(4 * cores);
    let seen = run(&server, "rate = \"500/s\"\nusers = 32");
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    assert!(seen.has("machine_starved"), "{seen:?}");
    Ok(())
}

fn requests_that_find_no_local_port_are_this_machines_and_make_a_run_invalid() -> Told {
    let _turn = turn();
    let (server, seen) = with_few_ports(|| {
        let server = Server::that_hangs_up();
        let seen = run(&server, "users = 16");
        (server, seen)
    })?;
    assert_eq!(seen.exit_code, 3, "{seen:?}");
    let sentence = seen.record["judgement"]["sentence"].as_str();
    let sentence = sentence.expect("a sentence");
    assert!(sentence.contains("no local port left"), "{sentence}");
    assert!(sentence.contains("ip_local_port_range"), "{sentence}");
    let mut warnings = seen.list("warnings").iter();
    let stuck = warnings.find(|warning| warning["kind"] == "never_left");
    let stuck = stuck.expect("what never left");
    assert_eq!(stuck["shortage"], "ports", "{stuck}");
    assert!(stuck["count"].as_u64() > Some(10), "{stuck}");
    // None of them is a failure of the server, nor in any figure.
    assert_eq!(seen.list("failures"), [] as [Value; 0]);
    let requests = &seen.record["overall"]["requests"];
    assert_eq!(requests["failed"], 0, "{requests}");
    let served = server.served.load(Ordering::Relaxed);
    assert!(requests["count"].as_u64() <= Some(served), "{requests}");
    Ok(())
}

fn a_server_that_is_reached_and_never_right_fails_by_the_rule_on_errors() -> Told {
    let _turn = turn();
    // A server of TLS that is spoken to in plain HTTP, and one that hangs up on everybody.
    for (says, reason) in [
        (
            &b"\x15\x03\x01\x00\x02\x02\x46"[..],
            "the server speaks TLS",
        ),
        (b"", "the server closed the connection"),
    ] {
        let server = Server::that_only_says(says);
        let stage = "[[stage]]\nname = \"steady\"\nusers = 2\nduration = \"1s\"\n";
        let seen = run_stages(&server, stage, ON_ANY_MACHINE);
        assert!(seen.has("nothing_right"), "{seen:?}");
        let failures = seen.list("failures");
        let is_it = |failure: &Value| {
            let reason_given = failure["reason"].as_str();
            reason_given.is_some_and(|given| given.starts_with(reason))
        };
        assert!(failures.iter().all(is_it), "{failures:?}");
        assert_eq!(seen.exit_code, 1, "{seen:?}");
        assert_eq!(seen.failed_rules(), ["error-rate<=0%"], "{seen:?}");
    }
    Ok(())
}

fn a_rate_that_one_of_two_stages_doesnt_keep_fails_although_the_longer_one_does() -> Told {
    let _turn = turn();
    let server = Server::start(Duration::from_millis(20), 1);
    let seen = run_stages(
        &server,
        r#"
[[stage]]
name = "steady"
rate = "10/s"
users = 8
duration = "3s"

[[stage]]
name = "peak"
rate = "200/s"
users = 8
duration = "1s"
"#,
        ON_ANY_MACHINE,
    );
    let unsent = |name: &str| {
        let mut stages = seen.list("stages").iter();
        let stage = stages.find(|stage| stage["name"] == name);
        stage.expect("it is a stage")["open"]["unsent"].as_u64()
    };
    assert_eq!(unsent("steady"), Some(0), "{seen:?}");
    assert!(unsent("peak") > Some(50), "{seen:?}");
    assert_eq!(seen.exit_code, 1, "{seen:?}");
    assert_eq!(seen.failed_rules(), ["unsent<=2% for peak"], "{seen:?}");
    assert!(seen.said.contains("steady, peak: "), "{}", seen.said);
    assert!(seen.said.contains("most in peak"), "{}", seen.said);
    Ok(())
}

/// Does something in a network of its own, in which there are few local ports to connect
/// from; only who is allowed to make one can.
fn with_few_ports<T: Send>(deed: impl FnOnce() -> T + Send) -> Result<T, TooBusy> {
    let in_a_network = || {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|e| format!("no network of its own: {e}"))?;
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        let up = up.map_err(|e| format!("no program `ip`: {e}"))?;
        let range = "/proc/sys/net/ipv4/ip_local_port_range";
        let few = std::fs::write(range, "61000 61299");
        few.map_err(|e| format!("{range} can't be written: {e}"))?;
        assert!(up.success(), "no loopback interface");
        Ok(deed())
    };
    // A network belongs to a thread, and to those that it starts.
    thread::scope(|scope| scope.spawn(in_a_network).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        .map_err(TooBusy)
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
    record: Value,
    /// The summary.
    said: String,
}

impl Seen {
    fn has(&self, kind: &str) -> bool {
        let mut warnings = self.list("warnings").iter();
        warnings.any(|warning| warning["kind"] == kind)
    }

    fn failed_rules(&self) -> Vec<&str> {
        let rules = self.list("thresholds").iter();
        let failed = rules.filter(|judged| judged["state"] == "failed");
        failed
            .filter_map(|judged| judged["rule"].as_str())
            .collect()
    }

    fn list(&self, name: &str) -> &[Value] {
        self.record[name].as_array().expect("a list")
    }
}

/// Two seconds of `load` on `server`.
fn run(server: &Server, load: &str) -> Seen {
    let stage = format!("[[stage]]\nname = \"steady\"\n{load}\nduration = \"2s\"\n");
    run_stages(server, &stage, "")
}

/// Limits that no machine exceeds, for what a busy one doesn't change.
const ON_ANY_MACHINE: &str = r#"
[limits]
send_lag = "1m"
missed = 1000.0
generator_load = 1000.0
stolen = 1000.0
busy = 1000.0
waiting = 1000.0
unread = 1000.0
disagreement = 1000.0
"#;

/// All of these stages on `server`, within the plan's `limits`.
fn run_stages(server: &Server, stages: &str, limits: &str) -> Seen {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("plan.toml");
    let text = format!(
        r#"
name = "trust"
thresholds = ["error-rate<=0%"]

{stages}
{limits}
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
        record,
        said: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

/// Refuses every request after a while, a few at a time.
struct Server {
    address: SocketAddr,
    /// The number of requests it has answered.
    served: Arc<AtomicU64>,
    _runtime: Runtime,
}

/// What a server is like.
#[derive(Clone, Copy)]
enum Manner {
    /// It keeps connections.
    Polite,
    /// It says that a connection is over with each answer, and waits for the other side to
    /// close it.
    HangsUp,
    /// It says this in answer to a request, and closes the connection.
    OnlySays(&'static [u8]),
}

impl Server {
    fn start(takes: Duration, at_a_time: usize) -> Self {
        Server::with_manner(Manner::Polite, takes, at_a_time)
    }

    fn that_hangs_up() -> Self {
        Server::with_manner(Manner::HangsUp, Duration::ZERO, usize::MAX)
    }

    fn that_only_says(words: &'static [u8]) -> Self {
        Server::with_manner(Manner::OnlySays(words), Duration::ZERO, usize::MAX)
    }

    fn with_manner(manner: Manner, takes: Duration, at_a_time: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let served = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&served);
        let counter = Arc::new(Semaphore::new(at_a_time.min(Semaphore::MAX_PERMITS)));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counter, counted) = (Arc::clone(&counter), Arc::clone(&counted));
                tokio::spawn(async move {
                    match manner {
                        Manner::OnlySays(words) => say(stream, words).await,
                        _ => serve(stream, manner, takes, (counter, counted)).await,
                    }
                });
            }
            pending::<()>().await;
        });
        Server {
            address,
            served,
            _runtime: runtime,
        }
    }
}

/// Reads a request, says `words` and closes.
async fn say(mut stream: TcpStream, words: &[u8]) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await? > 0 {}
    stream.write_all(words).await?;
    stream.shutdown().await
}

async fn serve(
    mut stream: TcpStream,
    manner: Manner,
    takes: Duration,
    (counter, served): (Arc<Semaphore>, Arc<AtomicU64>),
) -> io::Result<()> {
    let refusal = format!(
        "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\n{}content-length: 0\r\n\r\n",
        match manner {
            Manner::HangsUp => "connection: close\r\n",
            _ => "",
        }
    );
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    while stream.read_buf(&mut head).await? > 0 {
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            if !takes.is_zero() {
                let _place = counter.acquire().await.map_err(io::Error::other)?;
                tokio::time::sleep(takes).await;
            }
            served.fetch_add(1, Ordering::Relaxed);
            stream.write_all(refusal.as_bytes()).await?;
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
