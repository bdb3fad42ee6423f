//! Containers of anybody's images as nodes: what they use, and how they meet each other.

use std::env;
use std::process::Command;
use std::time::Duration;

use harness::System;
use harness::topology::Topology;
use integration::wait::wait_for;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::no_orphans::containers_of;
use crate::support::{PATIENCE, RunFolder, options};

/// A topology in TOML, in which `IMAGE` is an image with a shell.
fn topology(text: &str) -> Topology {
    let image = env::var("SKEIN_REDIS_IMAGE").expect("a story about images");
    let topology = Topology::from_toml(
        &text
            .replace("IMAGE", &image)
            .replace("PROGRAM", env!("CARGO_BIN_EXE_node")),
    );
    topology.unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn a_container_is_measured_with_all_of_its_processes() {
    let folder = RunFolder::new();
    let lazy = topology(
        r#"
        [node.lazy]
        image = "IMAGE"
        run = ["sh", "-c", "echo at work; exec sleep 1000"]
        ready = { log = "at work" }
        "#,
    );
    let system = System::start(&lazy, options(folder.path())).await;
    let system = system.unwrap_or_else(|error| panic!("{error}"));
    let before = system.usage("lazy").expect("it runs");
    // No descendant of the container's first process, and soon over.
    let names = containers_of(system.nonce());
    let work = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let mut errand = Command::new("docker");
    let done = errand.args(["exec", &names[0], "sh", "-c", work]).status();
    assert!(done.expect("docker is there").success());
    let look = async || {
        let used = system.usage("lazy").expect("it runs").since(&before);
        let total = system.cpu_time("lazy").expect("it runs");
        assert!(total >= used.cpu);
        assert!(used.peak_memory > 1 << 16, "{used:?}");
        assert_eq!(used.throttled, None, "it has no quota");
        match used.cpu > Duration::from_millis(50) {
            true => Ok(()),
            false => Err(format!("{used:?}")),
        }
    };
    let counted = wait_for("the work of the errand", PATIENCE, look).await;
    counted.unwrap_or_else(|overdue| panic!("{overdue}"));
}

pub(crate) async fn replicas_of_an_image_with_a_fixed_port_have_addresses_of_their_own() {
    let folder = RunFolder::new();
    // A program of this machine calls containers, and is called by one.
    let mixed = topology(
        r#"
        [node.store]
        image = "IMAGE"
        run = ["redis-server", "--port", "6379", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]
        network = "bridge"
        port = 6379
        replicas = 2
        url = "redis://{address}"

        [node.counter]
        run = ["PROGRAM", "cache", "--listen={address}", "--beyond-loopback"]
        calls = ["store"]

        [node.asker]
        image = "IMAGE"
        run = ["bash", "-c", """
            for store in store-1 store-2 store; do redis-cli -h $store set asked $store || exit 1; done
            exec 3<>/dev/tcp/counter/$PORT && echo all are reached && exec sleep 1000"""]
        env = { PORT = "{counter.port}", STORES = "{store.addresses}" }
        network = "bridge"
        ready = { log = "all are reached" }
        "#,
    );
    let system = System::start(&mixed, options(folder.path())).await;
    let system = system.unwrap_or_else(|error| panic!("{error}"));
    let [first, second] = ["store-1", "store-2"].map(|store| system.address_of(store));
    assert_ne!(first.ip(), second.ip());
    assert_eq!((first.port(), second.port()), (6379, 6379));
    let counter = system.address_of("counter").ip();
    assert!(
        !counter.is_loopback() && !counter.is_unspecified(),
        "{counter}"
    );
    assert_eq!(networks_of(system.nonce()).len(), 1);

    system.kill("store-1").expect("it runs");
    // An address that is gone refuses nothing: whoever knew it asks for a minute, unanswered.
    let asked = timeout(Duration::from_secs(2), TcpStream::connect(first)).await;
    assert!(!matches!(asked, Ok(Ok(_))), "nobody is there");
    system.restart("store-1").await.expect("it returns");
    assert_eq!(system.address_of("store-1"), first);
    TcpStream::connect(first).await.expect("it is there again");
    let nonce = system.nonce().to_owned();
    drop(system);
    assert_eq!(networks_of(&nonce), [""; 0]);
    assert_eq!(containers_of(&nonce), [""; 0]);
}

pub(crate) async fn the_network_of_a_harness_that_was_killed_is_removed_by_the_next() {
    let mut ended = Command::new("true").spawn().expect("it runs");
    let label = format!("dev.skein.network-of={}", ended.id());
    ended.wait().expect("it ends");
    let name = format!("skein-left-{}", std::process::id());
    docker(&["network", "create", "--label", &label, &name]);
    let folder = RunFolder::new();
    let lazy = topology(
        "[node.lazy]\nimage = \"IMAGE\"\nrun = [\"sleep\", \"1000\"]\nnetwork = \"bridge\"\n\
         ready = { command = [\"true\"] }\n",
    );
    let system = System::start(&lazy, options(folder.path())).await;
    system.unwrap_or_else(|error| panic!("{error}"));
    let listed = docker(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!listed.lines().any(|network| network == name), "{listed}");
}

pub(crate) async fn a_container_with_its_own_address_is_told_that_it_cant_reach_loopback() {
    let folder = RunFolder::new();
    let apart = topology(
        "[node.mail]\nelsewhere = \"http://127.0.0.1:9\"\n\
         [node.lazy]\nimage = \"IMAGE\"\nrun = [\"sleep\", \"1000\"]\nnetwork = \"bridge\"\n\
         calls = [\"mail\"]\nready = { command = [\"true\"] }\n",
    );
    let refused = System::start(&apart, options(folder.path())).await;
    let message = refused.expect_err("it can't").to_string();
    assert!(
        message.contains("lazy has an address of its own and can't reach mail"),
        "{message}"
    );
}

pub(crate) async fn an_image_that_was_built_stays_the_same_when_its_name_is_given_to_another() {
    let name = format!("skein-story-{}", std::process::id());
    let shop = Topology::from_toml(&format!(
        "[node.shop]\nimage = {name:?}\nport = 80\nbuild = \"docker build --tag {name} .\"\n"
    ));
    let shop = shop.expect("a topology");
    let missing = shop.clone().with_images_as_built();
    let message = missing.expect_err("nobody built it").to_string();
    assert!(message.contains("although shop is built"), "{message}");

    let image = env::var("SKEIN_REDIS_IMAGE").expect("a story about images");
    docker(&["tag", &image, &name]);
    let built = shop.with_images_as_built().expect("it is there");
    docker(&["rmi", &name]);
    let number = docker(&["image", "inspect", "--format", "{{.Id}}", &image]);
    assert_eq!(
        built.entry().run.to_string(),
        format!("a container of {}", number.trim())
    );
}

/// The names of a system's networks.
fn networks_of(nonce: &str) -> Vec<String> {
    let filter = format!("name=skein-{}", &nonce[..12]);
    let listed = docker(&[
        "network",
        "ls",
        "--filter",
        &filter,
        "--format",
        "{{.Name}}",
    ]);
    listed.lines().map(str::to_owned).collect()
}

fn docker(words: &[&str]) -> String {
    let output = Command::new("docker").args(words).output();
    let output = output.expect("docker is there");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
