//! A topology made of a compose file: what it says in words of our own, and a list of what was
//! left out and why.

mod service;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use service::Service;
use variables::Variables;

/// A file that describes the same system, and what it doesn't say.
#[derive(Debug)]
pub(super) struct Imported {
    pub(super) toml: String,
    pub(super) left_out: Vec<String>,
}

/// Reads a compose file in its folder, where `.env` and the files of services are.
///
/// # Errors
///
/// A sentence, when it is no compose file.
pub(super) fn import(text: &str, folder: &Path) -> anyhow::Result<Imported> {
    let mut file: Value = serde_saphyr::from_str(text)?;
    let mut left_out = Vec::new();
    let variables = Variables::of(folder);
    variables.fill(&mut file, &mut left_out);
    let none = Map::new();
    let members = file.as_object().unwrap_or(&none);
    let services = members.get("services").and_then(Value::as_object);
    let services = services.filter(|services| !services.is_empty());
    let services = services.ok_or_else(|| anyhow::anyhow!("it has no `services`"))?;
    for name in members.keys() {
        // Names of volumes and networks are only declared there.
        if !["services", "version", "name", "volumes"].contains(&&**name) && !name.starts_with("x-")
        {
            left_out.push(format!("{name}: {}", why_not(name)));
        }
    }
    // As with Compose, whoever has profiles is only there when one of them is asked for.
    let has_profiles = |service: &Value| {
        service
            .get("profiles")
            .is_some_and(|all| *all != Value::Array(Vec::new()))
    };
    let (dormant, services): (Vec<_>, Vec<_>) = services
        .iter()
        .partition(|(_, service)| has_profiles(service));
    for (name, _) in dormant {
        left_out.push(format!(
            "services.{name}: it is only there with one of its profiles"
        ));
    }
    let mut services: Vec<Service> = services
        .into_iter()
        .map(|(name, service)| Service::read(name, service, folder, &mut left_out))
        .collect();
    let ports: Vec<(String, String, u16)> = services
        .iter()
        // Of several, any one is found by their name.
        .filter(|of| of.replicas.is_none())
        .filter_map(|of| Some((of.name.clone(), of.node.clone(), of.port?)))
        .collect();
    for service in &mut services {
        service.refer_to(&ports);
    }
    tell_of_data(&services, &mut left_out);
    mark_those_that_run_once(&mut services);
    mark_entry(&mut services);
    let name = members
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("mine");
    let mut toml = beginning(name);
    for service in &services {
        toml += &service.table();
    }
    Ok(Imported { toml, left_out })
}

/// Volumes with a name: they begin empty each time, and each node has its own.
fn tell_of_data(services: &[Service], left_out: &mut Vec<String>) {
    let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in services {
        for data in &service.data {
            named.entry(data).or_default().push(&service.name);
        }
    }
    for (data, users) in named {
        let why = match &users[..] {
            [_] => "it begins empty at each start, in the node's own folder".to_owned(),
            all => format!(
                "{} share it, and here each has its own: mount a folder (./{data}) in its place",
                all.join(" and ")
            ),
        };
        left_out.push(format!("volumes.{data}: {why}"));
    }
}

/// Nodes whose success others wait for.
fn mark_those_that_run_once(services: &mut [Service]) {
    let awaited: Vec<String> = services.iter().flat_map(|of| of.awaits.clone()).collect();
    for service in services {
        service.runs_once = awaited.contains(&service.node);
    }
}

/// The load goes to whoever is there for the outside; where several are, to the last one.
fn mark_entry(services: &mut [Service]) {
    let callers = services.iter().filter(|of| !of.runs_once);
    let called: Vec<String> = callers.flat_map(|of| of.calls.clone()).collect();
    let is_outermost = |of: &Service| !called.contains(&of.node) && !of.runs_once;
    let outermost = services.iter().filter(|of| is_outermost(of));
    let outermost: u64 = outermost.map(|of| of.replicas.unwrap_or(1)).sum();
    let is_entry = |of: &&mut Service| is_outermost(of) && of.port.is_some();
    if outermost > 1
        && let Some(entry) = services
            .iter_mut()
            .filter(is_entry)
            .max_by_key(|of| of.is_published)
    {
        entry.is_entry = true;
    }
}

/// The load, which is the same for all.
fn beginning(name: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    let name: String = name.chars().filter(is_plain).collect();
    format!(
        "# Made of a compose file. Each container has an address of its own, and the port that is\n\
         # fixed in its image. Values of `.env` and `env_file` stand here as they are: look before\n\
         # you commit it.\n\n\
         name = {name:?}\n\
         thresholds = [\"error-rate<=0%\"]\n\
         stage = [{{ name = \"steady\", rate = \"20/s\", duration = \"5s\" }}]\n\n\
         [[request]]\npath = \"/\"\n"
    )
}

fn why_not(member: &str) -> &'static str {
    match member {
        "networks" => "all containers are on one network",
        "secrets" | "configs" => "give a node `files` or `volumes`",
        "profiles" | "extends" | "include" => "one file describes one system",
        "container_name" | "hostname" => "a node is found by its name in the file",
        "labels" | "annotations" => "nobody here reads them",
        "init" => "the first process of a container is the one that its image says",
        "stdin_open" | "tty" => "nobody types into a node",
        "mem_limit" | "mem_reservation" | "memswap_limit" | "pids_limit" | "cpuset"
        | "cpu_shares" => "only CPU time is limited here, by `cpus`",
        _ => "there is nothing like it here",
    }
}

#[cfg(test)]
mod tests {
    use harness::topology::{Cpus, NodePlan, ProgramFile, Ready, Run};

    use super::*;
    use crate::testing;

    const SHOP: &str = r#"
name: Web_Shop
x-common: &common
  restart: always
services:
  db:
    image: postgres:${PG:-16}
    environment: { POSTGRES_PASSWORD: "p$$w" }
    ports: ["5432"]
    volumes: ["data:/var/lib/postgresql/data", "./init.sql:/init.sql:ro", "both:/b"]
    healthcheck: { test: ["CMD", "pg_isready"], interval: 2s, retries: 10 }
    stop_signal: SIGINT
    stop_grace_period: 1m30s
  web_app:
    <<: *common
    build: { context: ./app, dockerfile: Prod, args: { V: "1 2" }, target: web, cache_from: [a] }
    command: gunicorn --bind "0.0.0.0:5000" 'shop:app'
    working_dir: /app
    env_file: app.env
    environment:
      - DATABASE=postgres://db:5432/shop
      - TZ
    depends_on: { db: { condition: service_healthy }, schema: { condition: service_completed_successfully } }
    expose: [5000]
    deploy:
      replicas: 3
      resources: { limits: { cpus: "0.50", memory: 50M }, reservations: { cpus: "0.25" } }
      update_config: { parallelism: 1 }
  schema:
    image: web-app
    command: flask db upgrade
    depends_on: [db]
    ports: [5001]
  proxy:
    image: nginx
    entrypoint: ["nginx", "-g", "daemon off;"]
    cpus: 0.25
    tty: true
    ports: [{ published: "8080", target: 80 }]
    depends_on: [web_app]
    healthcheck: { test: "curl -f http://localhost:80/health || exit 1" }
    networks: [front]
    volumes: ["both:/b"]
  debug: { image: busybox, profiles: [debug] }
volumes: { data: {}, both: {} }
networks: { front: {} }
"#;

    fn imported() -> Imported {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(
            folder.path().join("app.env"),
            "# ours\nDEBUG=no\n\nexport KEY='a b'\n",
        )
        .expect("written");
        import(SHOP, folder.path()).expect("a compose file")
    }

    #[test]
    fn a_compose_file_becomes_a_plan_with_the_same_system() {
        let Imported { toml, .. } = imported();
        let plan = testing::try_parse(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
        assert_eq!(plan.name, "ebhop");
        let system = plan.system().expect("a system");
        assert_eq!(system.entry().name.as_str(), "proxy");
        let node = |name: &'static str| system.named(name).next().expect("a node");
        let program = |name: &'static str| node(name).run.program().expect("a program");

        let db = node("db");
        assert!(matches!(&db.run, Run::Container { image, .. } if image == "postgres:16"));
        assert_eq!((db.port, &db.ready), (5432, &Ready::Tcp));
        assert_eq!(db.within.as_secs(), 20);
        assert_eq!(db.stop_within.as_secs(), 90);
        assert_eq!(program("db").file, ProgramFile::Image);
        assert_eq!(
            program("db").environment["POSTGRES_PASSWORD"].to_string(),
            "p$w"
        );
        let volumes: Vec<String> = program("db")
            .volumes
            .iter()
            .map(|v| v.to_string())
            .collect();
        assert_eq!(volumes[0], "{dir}/data:/var/lib/postgresql/data");
        assert!(
            volumes[1].ends_with("/init.sql:/init.sql:ro"),
            "{volumes:?}"
        );

        assert_eq!(system.named("web-app").count(), 3);
        let cpus = |name| node(name).cpus.map(Cpus::get);
        assert_eq!(
            (cpus("web-app"), cpus("proxy"), cpus("db")),
            (Some(0.5), Some(0.25), None)
        );
        assert!(system.nodes().iter().all(NodePlan::has_its_own_address));
        let web = program("web-app");
        assert_eq!(
            web.environment["DATABASE"].to_string(),
            "postgres://{db.address}/shop"
        );
        assert_eq!(web.environment["KEY"].to_string(), "a b");
        let build = web.build.as_deref().expect("it is built");
        assert!(
            build.starts_with("docker build --tag web-app:skein --build-arg 'V=1 2' --file "),
            "{build}"
        );
        assert!(build.contains("/app/Prod --target web "), "{build}");
        assert_eq!(web.arguments.len(), 4);
        let called: Vec<&str> = node("web-app")
            .calls
            .iter()
            .map(|name| name.as_str())
            .collect();
        assert_eq!(called, ["db", "schema"]);
        assert_eq!(
            (&node("schema").ready, node("schema").port),
            (&Ready::Done, 0)
        );
        assert_eq!(node("proxy").ready, Ready::Http("/health".to_owned()));
        assert_eq!(
            program("proxy").file,
            ProgramFile::Path("nginx".parse().expect("a text"))
        );
    }

    #[test]
    fn the_load_goes_to_an_outermost_service_also_where_it_has_replicas() {
        let file =
            "services:\n  web:\n    image: web\n    ports: [80]\n    deploy: { replicas: 2 }\n";
        let Imported { toml, .. } = import(file, Path::new("")).expect("a compose file");
        let plan = testing::try_parse(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
        assert_eq!(plan.system().expect("a system").entry().role, "web");
    }

    #[test]
    fn what_is_left_out_is_listed_with_the_reason() {
        let left_out = imported().left_out.join("\n");
        for says in [
            "networks: all containers are on one network",
            "services.web_app.restart: nobody restarts a node",
            "services.web_app.build.cache_from: write it into the command",
            "services.proxy.networks: all containers are on one network",
            "services.proxy.ports: it has an address of its own, and listens on 80 there, not on 8080",
            "services.web_app.deploy.resources.limits.memory: only CPU time is limited here",
            "services.web_app.deploy.resources.reservations.cpus: nothing is set aside",
            "services.web_app.deploy.update_config: ",
            "services.proxy.tty: nobody types into a node",
            "services.debug: it is only there with one of its profiles",
            "services.web_app.environment.TZ: its value is that of a shell",
            "volumes.data: it begins empty at each start",
            "volumes.both: db and proxy share it, and here each has its own",
            "services.db.healthcheck.test: it is ready when it accepts connections",
        ] {
            assert!(left_out.contains(says), "{says}\n{left_out}");
        }
        assert!(!left_out.contains("x-common"), "{left_out}");
    }

    #[test]
    fn what_is_no_compose_file_is_refused() {
        for text in ["", "a: [", "services: {}", "- a", "services: 3"] {
            assert!(import(text, Path::new(".")).is_err(), "{text}");
        }
    }
}
