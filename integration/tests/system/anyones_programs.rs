//! Topologies of anybody's programs, which know nothing of the harness: they are told
//! where to listen and whom to call, and show by a sign of their own that they are ready.
//!
//! The program that plays them is the one of the services, run as it is by hand.

use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use harness::error::StartError;
use harness::topology::{Rooms, Text, Topology};
use harness::{LastingNodes, NodeName, StartOptions, System};
use integration::wait::wait_for;
use reqwest::Method;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{PATIENCE, RunFolder, client, nodes_of, options};

const PROGRAM: &str = env!("CARGO_BIN_EXE_node");

/// A topology in TOML, in which `PROGRAM` is the services' program.
fn topology(text: &str) -> Topology {
    let topology = Topology::from_toml(&text.replace("PROGRAM", PROGRAM));
    topology.unwrap_or_else(|error| panic!("{error}"))
}

/// A store with this sign of readiness.
fn store(ready: &str) -> Topology {
    topology(&format!(
        r#"
        [node.store]
        run = ["PROGRAM", "database", "--listen={{address}}", "--file={{dir}}/data.sqlite"]
        counters = "/metrics"
        {ready}
        "#
    ))
}

async fn start(topology: &Topology, folder: &RunFolder) -> System {
    let started = System::start(topology, options(folder.path())).await;
    started.unwrap_or_else(|error| panic!("{:#}", anyhow::Error::from(error)))
}

async fn refusal(topology: &Topology) -> StartError {
    let folder = RunFolder::new();
    let StartOptions { launcher, folder } = options(folder.path());
    let options = StartOptions {
        launcher,
        folder: folder.clone(),
    };
    let error = System::start(topology, options).await;
    let error = error.expect_err("it can't start");
    assert_eq!(nodes_of(&folder), [], "nodes of a failed start are left");
    error
}

pub(crate) async fn programs_are_told_of_each_other_and_share_the_fate_of_a_system() {
    let folder = RunFolder::new();
    let two_tiers = topology(
        r#"
        [node.store]
        run = ["PROGRAM", "database", "--listen={address}", "--file={dir}/data.sqlite", "--allow-host=127.0.0.1"]
        ready = { http = "/health" }
        counters = "/metrics"

        [node.door]
        run = ["PROGRAM", "load-balancer", "--listen=127.0.0.1:{port}", "--gateway=one={store.url}"]
        env = { SKEIN_LOG = "info" }
        "#,
    );
    let system = start(&two_tiers, &folder).await;
    let put = client().request(Method::PUT, format!("{}/db/colour", system.url()));
    let answer = put.body("\"green\"").send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    let counters = system.all_counters().await.expect("the store's counters");
    let shown: Vec<&str> = counters.keys().map(NodeName::as_str).collect();
    assert_eq!(shown, ["store"], "nobody else shows any");
    assert!(counters["store"].has("requests_total"));
    assert!(system.usage("door").expect("it runs").peak_memory > 1 << 20);

    system.kill("store").expect("it runs");
    let address = system.address_of("store");
    TcpStream::connect(address)
        .await
        .expect_err("nobody is there");
    system.restart("store").await.expect("it returns");
    assert_eq!(system.address_of("store"), address);
    let again = client().get(format!("{}/db/colour", system.url_of("store")));
    let kept = again.send().await.expect("an answer").text().await;
    assert!(kept.expect("a body").contains("green"), "its data is there");
    system
        .stop()
        .await
        .expect("programs end when they are told to");
    assert_eq!(nodes_of(folder.path()), []);
}

pub(crate) async fn a_node_that_lasts_gives_each_system_a_room_and_takes_it_back() {
    let folder = RunFolder::new();
    let told = topology(
        r#"
        [node.store]
        run = ["PROGRAM", "database", "--listen={address}", "--file={dir}/data.sqlite"]

        [node.door]
        run = ["PROGRAM", "load-balancer", "--listen={address}", "--gateway=one=http://{store.address}"]
        "#,
    );
    let told = with_rooms(&told, ["mkdir \"$0/$ROOM\"", "rmdir \"$0/$ROOM\""]);
    let lasting = LastingNodes::start(&told, options(&folder.path().join("lasting"))).await;
    let lasting = lasting.unwrap_or_else(|error| panic!("{error}"));
    let data = folder.path().join("lasting/data/store");
    let rooms = || {
        let entries = fs::read_dir(&data)
            .expect("its folder")
            .filter_map(Result::ok);
        let folders = entries.filter(|entry| entry.path().is_dir());
        folders
            .map(|entry| entry.file_name().into_string().expect("text"))
            .collect::<Vec<_>>()
    };
    let mut address = None;
    for time in ["first", "second"] {
        assert_eq!(rooms(), [""; 0]);
        let system = lasting
            .start_system(&told, options(&folder.path().join(time)))
            .await;
        let system = system.unwrap_or_else(|error| panic!("{error}"));
        let room = rooms().join(" and ");
        assert!(
            system.url_as_told("store").ends_with(&format!("/{room}")),
            "{room}"
        );
        assert!(system.cpu_time("store").expect("it runs") > Duration::ZERO);
        assert_eq!(
            *address.get_or_insert(system.address_of("store")),
            system.address_of("store")
        );
        system.stop().await.expect("the door stops");
    }
    assert_eq!(rooms(), [""; 0]);

    let unwilling = with_rooms(&told, ["echo full >&2; false", "true"]);
    let lasting = LastingNodes::start(&unwilling, options(&folder.path().join("full"))).await;
    let lasting = lasting.unwrap_or_else(|error| panic!("{error}"));
    let error = lasting
        .start_system(&unwilling, options(&folder.path().join("third")))
        .await;
    let error = error.expect_err("there is no room").to_string();
    assert_eq!(error, "store has no room for one more system: full");
}

/// The same with a store whose rooms a shell makes and removes; `$0` is its folder.
fn with_rooms(topology: &Topology, [make, remove]: [&str; 2]) -> Topology {
    let text = |text: &str| -> Text { text.parse().expect("a text") };
    let shell = |script| ["sh", "-c", script, "{dir}"].map(text).to_vec();
    let nodes = topology
        .nodes()
        .iter()
        .map(|node| match node.role.as_str() {
            "store" => node.clone().rooms(Rooms {
                make: shell(make),
                remove: shell(remove),
            }),
            _ => node.clone(),
        });
    Topology::of(nodes).expect("the same nodes")
}

pub(crate) async fn each_sign_of_readiness_is_waited_for() {
    for ready in [
        r#"ready = { http = "/health" }"#,
        r#"ready = "tcp""#,
        r#"ready = { log = "listening" }"#,
        // It asks for the data that the store makes when it starts.
        r#"ready = { command = ["test", "-s", "{dir}/data.sqlite"] }"#,
    ] {
        let folder = RunFolder::new();
        let system = start(&store(ready), &folder).await;
        let listens = async || {
            TcpStream::connect(system.address_of("store"))
                .await
                .map(drop)
        };
        wait_for("the store", PATIENCE, listens)
            .await
            .unwrap_or_else(|error| panic!("{ready}: {error}"));
    }
}

pub(crate) async fn a_sign_that_never_comes_is_named_with_what_was_seen_instead() {
    let signs = [
        (
            r#"ready = { http = "/nowhere" }"#,
            "GET /nowhere answers 404",
        ),
        (
            r#"ready = { log = "no such line" }"#,
            "no line of its log has",
        ),
        (
            r#"ready = { command = ["false"] }"#,
            "the command ended with exit status: 1",
        ),
        (
            r#"ready = { command = ["/no/such"] }"#,
            "the command could not be executed",
        ),
    ]
    .map(async |(ready, seen)| {
        let error = refusal(&store(&format!("{ready}\nwithin = \"2s\""))).await;
        let StartError::Late { limit, last, .. } = &error else {
            panic!("{ready}: {error:?}");
        };
        assert_eq!(*limit, Duration::from_secs(2));
        assert!(last.contains(seen), "{ready}: {last}");
    });
    join_all(signs).await;
}

pub(crate) async fn a_program_that_cannot_run_fails_the_start_at_once() {
    let gone = topology("[node.a]\nrun = [\"no-such-program-anywhere\"]\n");
    let error = refusal(&gone).await;
    assert!(matches!(error, StartError::NoProgram { .. }), "{error:?}");
    assert!(error.to_string().contains("no-such-program-anywhere"));

    let ends = topology("[node.a]\nrun = [\"sh\", \"-c\", \"echo no luck; exit 3\"]\n");
    let StartError::Exited { status, log, .. } = refusal(&ends).await else {
        panic!("it ended while it started");
    };
    assert_eq!(status.code(), Some(3));
    assert!(log.contains("no luck"), "{log}");
}

pub(crate) async fn a_stranger_on_the_port_is_not_taken_for_the_program() {
    let stranger = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = stranger.local_addr().expect("bound").port();
    let taken = topology(&format!(
        "[node.a]\nport = {port}\nrun = [\"sleep\", \"60\"]\n"
    ));
    let error = refusal(&taken).await;
    assert!(matches!(error, StartError::PortTaken { .. }), "{error:?}");

    // It takes the port after the harness has looked, and gives the program's sign.
    drop(stranger);
    let usurper = tokio::spawn(async move {
        loop {
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                return listener;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let slow = topology(&format!(
        "[node.a]\nport = {port}\nwithin = \"2s\"\nrun = [\"sleep\", \"60\"]\n"
    ));
    let error = refusal(&slow).await;
    let said = match &error {
        StartError::PortTaken { .. } => "",
        StartError::Late { last, .. } => last,
        other => panic!("{other:?}"),
    };
    let known = ["", "its sign comes from a process that is not its own"];
    assert!(known.contains(&said), "{said}");
    usurper.abort();
}

pub(crate) async fn a_program_is_killed_and_measured_with_those_it_started() {
    let folder = RunFolder::new();
    let workers = topology(
        r#"
        [node.shell]
        run = ["sh", "-c", "PROGRAM cache --listen={address} & wait"]
        ready = { http = "/health" }
        "#,
    );
    let system = start(&workers, &folder).await;
    let before = system.cpu_time("shell").expect("it runs");
    let url = format!("{}/health", system.url());
    for _ in 0..200 {
        let answer = client().get(&url).send().await.expect("an answer");
        assert!(answer.status().is_success());
    }
    let used = system
        .cpu_time("shell")
        .expect("it runs")
        .saturating_sub(before);
    assert!(used > Duration::ZERO, "the shell itself does nothing");
    system.kill("shell").expect("it runs");
    let gone = async || match nodes_of(folder.path()) {
        nodes if nodes.is_empty() => Ok(()),
        nodes => Err(format!("{nodes:?}")),
    };
    wait_for("the end of all", PATIENCE, gone)
        .await
        .expect("none is left");
    assert!(system.unexpected_exits().is_empty());
}

pub(crate) async fn a_program_that_leaves_its_end_to_the_kernel_has_stopped_in_good_order() {
    for command in [r#"["sleep", "60"]"#, r#"["sh", "-c", "sleep 60 & wait"]"#] {
        let folder = RunFolder::new();
        let idle = topology(&format!(
            "[node.idle]\nrun = {command}\nready = {{ command = [\"true\"] }}\n"
        ));
        let system = start(&idle, &folder).await;
        system.stop().await.expect("it ends when it is told to");
        assert_eq!(nodes_of(folder.path()), [], "{command}");
    }
}
