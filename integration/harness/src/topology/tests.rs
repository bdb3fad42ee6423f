//! Tests of what is a topology and what isn't, in Rust and in TOML.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::*;

fn name(text: &str) -> NodeName {
    text.parse().expect("a name")
}

fn text(text: &str) -> Text {
    text.parse().expect("a text")
}

fn node(called: &str) -> NodePlan {
    NodePlan::program(name(called), text("serve"), [text("{port}")])
}

fn mistake(nodes: impl IntoIterator<Item = NodePlan>) -> String {
    Topology::of(nodes).expect_err("a mistake").to_string()
}

fn names(topology: &Topology, level: &[usize]) -> Vec<String> {
    let names = level.iter().map(|&i| topology.nodes()[i].name.to_string());
    names.collect()
}

const SHOP: &str = r#"
[node.store]
run = ["serve", "{port}"]
ready = { log = "listening" }
within = "5s"

[node.shop]
replicas = 2
run = ["serve", "{port}", "{store.address}"]
env = { NUMBER = "{index}" }
ready = { http = "/health" }
counters = "/metrics"
pool.threads = { busy = "busy_seconds_total", size = 8 }

[node.door]
port = 8080
run = ["door", "{shop.urls}"]
ready = "tcp"
"#;

#[test]
fn rust_and_toml_give_the_same_topology() {
    let built = Topology::of([
        node("store")
            .ready(Ready::Log("listening".to_owned()))
            .within(Duration::from_secs(5)),
        NodePlan::program(
            name("shop"),
            text("serve"),
            [text("{port}"), text("{store.address}")],
        )
        .replicas(2)
        .env("NUMBER", text("{index}"))
        .ready(Ready::Http("/health".to_owned()))
        .counters("/metrics")
        .pool(
            "threads",
            Pool {
                busy: "busy_seconds_total".to_owned(),
                size: PoolSize::Of(NonZeroU32::new(8).expect("not zero")),
                labels: BTreeMap::new(),
            },
        ),
        NodePlan::program(name("door"), text("door"), [text("{shop.urls}")]).port(8080),
    ]);
    let read = Topology::from_toml(SHOP).expect("a topology");
    assert_eq!(built, Ok(read));
}

#[test]
fn a_pool_needs_counters_that_tell_of_it() {
    let refused = Topology::from_toml(
        "[node.shop]\nrun = [\"shop\"]\npool.threads = { busy = \"busy_seconds_total\", size = 8 }\n",
    );
    let refused = refused.expect_err("no counters").to_string();
    assert!(
        refused.contains("shop has a pool and shows no counters"),
        "{refused}"
    );
}

#[test]
fn counters_are_a_page_or_what_a_server_tells_in_its_own_way() {
    let counters = |written: &str| {
        let toml = format!("[node.part]\nrun = [\"part\"]\ncounters = {written}\n");
        let topology = Topology::from_toml(&toml)?;
        Ok(topology.entry().counters.clone())
    };
    for (written, place) in [
        (r#""/metrics""#, CountersAt::Page("/metrics".to_owned())),
        (
            r#"{ page = "http://127.0.0.1:9/metrics" }"#,
            CountersAt::PageAt(text("http://127.0.0.1:9/metrics")),
        ),
        (
            r#"{ nginx = "/status" }"#,
            CountersAt::Nginx("/status".to_owned()),
        ),
        (
            r#"{ redis = "redis://{address}" }"#,
            CountersAt::Redis(text("redis://{address}")),
        ),
        (
            r#"{ postgres = "postgres://skein:{nonce}@{address}/skein" }"#,
            CountersAt::Postgres(text("postgres://skein:{nonce}@{address}/skein")),
        ),
    ] {
        let read: Result<_, FileError> = counters(written);
        assert_eq!(read.expect(written), Some(place));
    }
    for (written, says) in [
        (r#"{ mysql = "x" }"#, "one of `page`, `nginx`"),
        ("true", "a path such as"),
        (r#"{ redis = "{nobody.url}" }"#, "refers to nobody"),
    ] {
        let error = counters(written).expect_err(written).to_string();
        assert!(error.contains(says), "{written}: {error}");
    }
}

#[test]
fn a_server_of_others_has_files_ports_a_user_and_a_signal_of_its_own() {
    let topology = Topology::from_toml(
        r#"
        [node.shop]
        replicas = 2
        run = ["serve", "{port}"]

        [node.door]
        run = ["nginx", "-c", "{dir}/nginx.conf", "{port.status}"]
        image = "nginx:1"
        workdir = "{dir}"
        unprivileged = true
        stop = "SIGQUIT"
        stop_within = "20s"
        url = "http://{address}/shop"
        files."nginx.conf" = "http { {each shop}server {it.address}; {/each}listen {port.admin}; }"

        [node.store]
        elsewhere = "postgres://me@db.example/shop"
        calls = ["door"]
        entry = true
        "#,
    )
    .expect("a topology");
    let [_, _, door, store] = topology.nodes() else {
        panic!("{topology:?}")
    };
    let Run::Container { image, program } = &door.run else {
        panic!("{door:?}")
    };
    assert_eq!(image, "nginx:1");
    assert!(program.unprivileged);
    assert_eq!(
        (program.stop, door.stop_within),
        (Signal::SIGQUIT, Duration::from_secs(20))
    );
    assert_eq!(door.calls, [name("shop-1"), name("shop-2")]);
    let ports: Vec<&str> = door.further_ports().into_iter().collect();
    assert_eq!(ports, ["admin", "status"]);
    assert!(store.is_elsewhere());
}

#[test]
fn a_node_that_settles_on_a_server_elsewhere_shows_only_what_its_url_leads_to() {
    let elsewhere = || Run::Elsewhere("redis://127.0.0.1:6379".to_owned());
    let settled = |place: CountersAt| {
        let cache = NodePlan::running(name("cache"), elsewhere()).counters_at(place);
        let topology = Topology::of([cache]).expect("a topology");
        topology.settled(vec![elsewhere()]).entry().counters.clone()
    };
    let info = CountersAt::Redis(text("{url}"));
    assert_eq!(settled(info.clone()), Some(info));
    assert_eq!(settled(CountersAt::Page("/metrics".to_owned())), None);
}

#[test]
fn nodes_start_after_those_that_their_texts_refer_to_and_the_load_goes_to_whom_nobody_calls() {
    let topology = Topology::from_toml(SHOP).expect("a topology");
    let levels: Vec<Vec<String>> = topology
        .levels()
        .iter()
        .map(|level| names(&topology, level))
        .collect();
    assert_eq!(
        levels,
        [vec!["store"], vec!["shop-1", "shop-2"], vec!["door"]]
    );
    assert_eq!(topology.entry().name.as_str(), "door");
}

#[test]
fn a_circle_is_named_without_those_who_only_wait_for_it() {
    let calling = |called: &str, calls: &[&str]| {
        node(called).calling(calls.iter().map(|called| name(called)))
    };
    let nodes = [
        calling("door", &["a"]),
        calling("a", &["b"]),
        calling("b", &["a", "store"]),
        calling("store", &[]),
    ];
    assert_eq!(
        mistake(nodes),
        "a and b call each other in a circle, so none of them can start first"
    );
}

#[test]
fn nodes_that_could_not_all_be_started_are_refused_with_a_way_out() {
    assert_eq!(mistake([]), "a topology has at least one node");
    assert_eq!(mistake([node("a"), node("a")]), "two nodes are called a");
    assert_eq!(
        mistake([node("a").port(80), node("b").port(80)]),
        "port 80 is asked for by both a and b"
    );
    assert_eq!(
        mistake([node("a"), node("b")]),
        "the load could go to a or b: say of one of them that it is the entry"
    );
    assert_eq!(
        mistake([node("a").env("STORE", text("{stroe.url}")), node("store")]),
        "a refers to stroe, which is no node; there are a, store"
    );
    assert_eq!(
        mistake([node("a").env("B", text("{b.url}")), node("b").replicas(2)]),
        "a refers to b, of which there are several: name one of them, such as b-1, or all, as in \
         {b.urls}"
    );
    assert_eq!(
        mistake([node("a").replicas(0)]),
        "a has 0 replicas, and may have 1 to 64"
    );
    assert_eq!(
        mistake([node("a").replicas(2).port(80)]),
        "a has several replicas, which can't all listen on port 80; containers can, on a network of \
         their own (`network = \"bridge\"`)"
    );
}

#[test]
fn a_mistake_in_a_file_has_a_line() {
    let mistake = |text: &str| {
        let error = Topology::from_toml(text).expect_err("a mistake");
        error.to_string()
    };
    let unknown = SHOP.replace("{store.address}", "{stroe.address}");
    assert!(
        mistake(&unknown).starts_with("line 7: shop-1 refers to stroe, which is no node"),
        "{}",
        mistake(&unknown)
    );
    for (wrong, right) in [
        ("runs = 1", "line 2"),
        ("run = [\"a{\"]", "a brace has no partner"),
        ("run = [\"a\"]\nwithin = \"5\"", "is no duration such as"),
        ("run = [\"a\"]\nready = \"soon\"", "line 3, column 9"),
        ("run = []", "line 1: a has no program to run"),
        ("image = \"redis:7\"", "line 1: a runs what redis:7 runs"),
        (
            "run = [\"a\"]\ncommand = [\"b\"]",
            "line 1: a has no program",
        ),
        ("run = [\"a\"]\n[[ledger]]\nof = 1", "line 3, column 3"),
        (
            "run = [\"a\"]\nelsewhere = \"redis://b\"",
            "line 1: a has no program",
        ),
        (
            "run = [\"a\"]\nstop = \"SIGNAL\"",
            "is no signal such as \"SIGTERM\"",
        ),
        (
            "run = [\"a\"]\nfiles.conf = \"listen {prot}\"",
            "{prot} in \"listen {prot}\" is not known",
        ),
    ] {
        let said = mistake(&format!("[node.a]\n{wrong}\n"));
        assert!(said.contains(right), "{said}");
    }
}

#[test]
fn tiers_lead_from_the_entry_inwards_and_who_isnt_asked_for_it_is_last() {
    let shop = Topology::from_toml(SHOP).expect("a topology");
    let aside = shop.nodes().iter().cloned().chain([node("aside")]);
    // Replicas are nodes of their own by now.
    let shop = Topology::of(aside.map(|node| match node.name.as_str() {
        "door" => node.entry(),
        _ => node,
    }));
    let shop = shop.expect("a topology");
    let tiers = shop.tiers().into_iter();
    let tiers: Vec<Vec<&str>> = tiers
        .map(|tier| tier.iter().map(|node| node.name.as_str()).collect())
        .collect();
    assert_eq!(
        tiers,
        [
            vec!["door"],
            vec!["shop-1", "shop-2"],
            vec!["store"],
            vec!["aside"]
        ]
    );
}

#[test]
fn a_node_is_given_a_share_of_a_cpu_and_a_variable_that_tells_it() {
    let read = Topology::from_toml(
        "[node.shop]\nrun = [\"serve\", \"{port}\"]\ncpus = 0.25\ncpus_variable = \"SHARE\"\n",
    );
    let quarter = Cpus::of(0.25).expect("a share");
    let built = Topology::of([node("shop").cpus(quarter).cpus_told_by("SHARE")]);
    assert_eq!(built, Ok(read.expect("a topology")));
    for (written, says) in [
        (
            "run = [\"serve\"]\ncpus = 0",
            ["line 3, column 8", "0 is no share of CPUs"],
        ),
        (
            "run = [\"serve\"]\ncpus = \"1\"",
            ["line 3, column 8", "invalid type"],
        ),
        (
            "elsewhere = \"http://a\"\ncpus = 1",
            ["line 1: shop runs elsewhere", "leave `cpus` out"],
        ),
    ] {
        let mistake = Topology::from_toml(&format!("[node.shop]\n{written}\n"));
        let mistake = mistake.expect_err(written).to_string();
        for says in says {
            assert!(mistake.contains(says), "{written}: {mistake}");
        }
    }
}

#[test]
fn a_node_that_runs_once_comes_before_those_that_call_it_and_takes_no_requests() {
    let read = Topology::from_toml(
        r#"
        [node.schema]
        once = true
        run = ["migrate", "{store.address}"]

        [node.store]
        run = ["serve", "{port}"]

        [node.shop]
        run = ["serve", "{port}"]
        calls = ["schema"]
        "#,
    );
    let schema = NodePlan::program(name("schema"), text("migrate"), [text("{store.address}")]);
    let topology = Topology::of([
        schema.once(),
        node("store"),
        node("shop").calling([name("schema")]),
    ]);
    let topology = topology.expect("a topology");
    assert_eq!(topology, read.expect("the same"));
    assert_eq!(topology.entry().name, name("shop"));
    let levels = topology.levels();
    let started: Vec<_> = levels.iter().map(|level| names(&topology, level)).collect();
    assert_eq!(started, [["store"], ["schema"], ["shop"]]);
    // Nobody asks it, nor anybody behind it, on behalf of the entry.
    let tiers = topology.tiers();
    let tiers: Vec<Vec<&str>> = tiers
        .iter()
        .map(|tier| tier.iter().map(|node| node.name.as_str()).collect())
        .collect();
    assert_eq!(tiers, [vec!["shop"], vec!["schema", "store"]]);
}

#[test]
fn what_a_node_that_has_ended_cant_be_is_refused() {
    let once = |node: NodePlan| mistake([node.once(), self::node("shop")]);
    for (node, member) in [
        (node("schema").port(8080), "port"),
        (node("schema").counters("/metrics"), "counters"),
        (node("schema").entry(), "entry"),
    ] {
        let mistake = once(node);
        assert!(
            mistake.contains(&format!("it can have no `{member}`")),
            "{mistake}"
        );
    }
    let told = NodePlan::program(name("shop"), text("serve"), [text("{schema.url}")]);
    let mistaken = mistake([node("schema").once(), told]);
    assert!(mistaken.contains("name it in `calls`"), "{mistaken}");
    let mistaken = mistake([node("schema").once()]);
    assert!(
        mistaken.contains("nobody that the load could go to"),
        "{mistaken}"
    );
    let written = "[node.schema]\nonce = true\nready = \"tcp\"\nrun = [\"migrate\"]\n";
    let mistaken = Topology::from_toml(written).expect_err("both").to_string();
    assert!(mistaken.contains("line 1: schema runs once"), "{mistaken}");
}

#[test]
fn containers_with_addresses_of_their_own_may_all_have_the_port_of_their_image() {
    let read = |shop: &str| {
        let text = format!(
            "[node.store]\nimage = \"store\"\nport = 80\nreplicas = 2\n\
             [node.shop]\nport = 80\nentry = true\ncalls = [\"store\"]\n{shop}\n"
        );
        Topology::from_toml(&text).map_err(|error| error.to_string())
    };
    let topology = read("image = \"shop\"").expect("none shares a port");
    assert!(topology.nodes().iter().all(NodePlan::has_its_own_address));
    let topology = read("image = \"shop\"\nrun = [\"serve\"]").expect("it has this machine's");
    assert!(!topology.entry().has_its_own_address());
    for (shop, says) in [
        (
            "image = \"shop\"\nnetwork = \"host\"\nreplicas = 2",
            "`network = \"bridge\"`",
        ),
        (
            "run = [\"serve\"]\nnetwork = \"bridge\"",
            "line 5: shop is no container",
        ),
        (
            "image = \"shop\"\nnetwork = \"lan\"",
            "unknown variant `lan`",
        ),
    ] {
        let mistake = read(shop).expect_err(shop);
        assert!(mistake.contains(says), "{shop}: {mistake}");
    }
}

#[test]
fn an_image_is_built_in_the_folder_that_a_system_was_moved_to_and_may_get_another_name() {
    let text = "[node.shop]\nimage = \"shop\"\nport = 80\nworkdir = \"/shop\"\n\
                build = \"docker build --tag shop .\"\n";
    let topology = Topology::from_toml(text).expect("a topology");
    assert_eq!(topology.builds()[0].1, None, "it is built here");
    let then = topology.moved_to(Path::new("/then"));
    assert_eq!(then.builds()[0].1, Some("/then".into()));
    let renamed = then.with_built_images(|node, image| Ok::<_, ()>(format!("{node} of {image}")));
    let renamed = renamed.expect("renamed");
    assert_eq!(
        renamed.entry().run.to_string(),
        "a container of shop of shop"
    );
}
