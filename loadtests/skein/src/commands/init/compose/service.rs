//! One service of a compose file as a node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::topology::Cpus;
use serde_json::{Map, Value};

use super::values::{list, listed, pairs, referring, shell_word, text, without_value, words};
use super::variables::assignments;
use super::why_not;
use crate::text::in_toml;

/// A service, as far as a node can be it.
#[derive(Debug, Default)]
pub(super) struct Service {
    /// Its name in the compose file, and the node's.
    pub(super) name: String,
    pub(super) node: String,
    /// The port that it listens on, which is fixed in its image.
    pub(super) port: Option<u16>,
    pub(super) is_published: bool,
    /// The number of equal containers, where there are several.
    pub(super) replicas: Option<u64>,
    pub(super) calls: Vec<String>,
    /// The nodes among them that are to end with success before it starts.
    pub(super) awaits: Vec<String>,
    pub(super) is_entry: bool,
    /// True when others wait for its success.
    pub(super) runs_once: bool,
    /// The volumes that have a name, in place of a folder.
    pub(super) data: Vec<String>,
    image: String,
    build: Option<String>,
    run: Vec<String>,
    command: Vec<String>,
    env: BTreeMap<String, String>,
    volumes: Vec<String>,
    ready: Option<String>,
    within: Option<String>,
    workdir: Option<String>,
    stop: Option<String>,
    stop_within: Option<String>,
    cpus: Option<Cpus>,
}

/// The reason why nothing that restarts is taken over.
const NO_RESTART: &str = "nobody restarts a node, so that its end is seen";

/// A reader of one service: its folder, and a list of what it says in vain.
struct Reader<'a> {
    name: &'a str,
    folder: &'a Path,
    left_out: &'a mut Vec<String>,
}

impl Service {
    pub(super) fn read(
        name: &str,
        written: &Value,
        folder: &Path,
        left_out: &mut Vec<String>,
    ) -> Self {
        let none = Map::new();
        let members = written.as_object().unwrap_or(&none);
        let mut reader = Reader {
            name,
            folder,
            left_out,
        };
        let mut service = Service {
            name: name.to_owned(),
            node: name.to_lowercase().replace(['_', '.'], "-"),
            ..Service::default()
        };
        // Where it listens decides on other things.
        for ports in ["ports", "expose"] {
            if let Some(ports) = members.get(ports) {
                service.listen(ports, &mut reader);
            }
        }
        let files = members.get("env_file").map(listed).unwrap_or_default();
        for file in files {
            service.read_environment(&file, &mut reader);
        }
        for (member, value) in members {
            service.take(member, value, &mut reader);
        }
        if service.image.is_empty() {
            service.image = format!("{}:skein", service.node);
        }
        if let Some(options) = &mut service.build {
            let image = shell_word(&service.image);
            *options = format!("docker build --tag {image}{options}");
        }
        if service.port.is_none() {
            reader.leave_out(
                "ports",
                "it names no port, so that nobody can tell when it is ready",
            );
            service.ready = Some("{ command = [\"true\"] }".to_owned());
        }
        service
    }

    fn take(&mut self, member: &str, value: &Value, reader: &mut Reader<'_>) {
        match member {
            // Read already.
            "ports" | "expose" | "env_file" => {}
            "image" => self.image = text(value),
            "build" => self.build = Some(Self::built(value, reader)),
            "entrypoint" => self.run = words(value),
            "command" => self.command = words(value),
            "environment" => {
                self.env.extend(pairs(value));
                for name in without_value(value) {
                    self.env.remove(&name);
                    let why = "its value is that of a shell, which nobody knows here: write it";
                    reader.leave_out(&format!("environment.{name}"), why);
                }
            }
            "depends_on" => self.depend_on(value),
            "healthcheck" => self.check_health(value, reader),
            "volumes" => self.mount(value, reader),
            "working_dir" => self.workdir = Some(text(value)),
            "stop_signal" => self.stop = Some(text(value)),
            "stop_grace_period" => self.stop_within = Some(text(value)),
            "deploy" => self.deploy(value, reader),
            "scale" => self.replicate(value),
            "cpus" => self.give_cpus(member, value, reader),
            "restart" => reader.leave_out(member, NO_RESTART),
            "user" => reader.leave_out(member, "a container is the user that its image says"),
            _ => reader.leave_out(member, why_not(member)),
        }
    }

    fn deploy(&mut self, value: &Value, reader: &mut Reader<'_>) {
        for (member, value) in value.as_object().into_iter().flatten() {
            match member.as_str() {
                "replicas" => self.replicate(value),
                "resources" => self.give_resources(value, reader),
                "restart_policy" => reader.leave_out("deploy.restart_policy", NO_RESTART),
                _ => reader.leave_out(&format!("deploy.{member}"), "all nodes are on this machine"),
            }
        }
    }

    fn replicate(&mut self, value: &Value) {
        let replicas = value.as_u64();
        self.replicas = replicas.filter(|replicas| *replicas > 1).or(self.replicas);
    }

    fn give_resources(&mut self, value: &Value, reader: &mut Reader<'_>) {
        for (kind, amounts) in value.as_object().into_iter().flatten() {
            for (member, value) in amounts.as_object().into_iter().flatten() {
                let member = format!("deploy.resources.{kind}.{member}");
                match (kind.as_str(), member.rsplit('.').next()) {
                    ("limits", Some("cpus")) => self.give_cpus(&member, value, reader),
                    ("limits", _) => reader.leave_out(&member, "only CPU time is limited here"),
                    _ => reader.leave_out(&member, "nothing is set aside for a node"),
                }
            }
        }
    }

    /// The share of CPU time that it may take.
    fn give_cpus(&mut self, member: &str, value: &Value, reader: &mut Reader<'_>) {
        let written = text(value);
        match written.parse::<Cpus>() {
            Ok(cpus) => self.cpus = Some(cpus),
            Err(error) => reader.leave_out(member, &error.to_string()),
        }
    }

    /// The words of `docker build` behind the name of the image.
    fn built(value: &Value, reader: &mut Reader<'_>) -> String {
        let context = value.get("context").map_or_else(|| text(value), text);
        let context = reader.place(&context);
        let mut all = String::new();
        for (member, value) in value.as_object().into_iter().flatten() {
            let options: Vec<(&str, String)> = match member.as_str() {
                "context" => Vec::new(),
                "dockerfile" => {
                    vec![("--file", format!("{context}/{}", text(value)))]
                }
                "target" => vec![("--target", text(value))],
                "args" => pairs(value)
                    .into_iter()
                    .map(|(name, value)| ("--build-arg", format!("{name}={value}")))
                    .collect(),
                other => {
                    let why = "write it into the command of `build`";
                    reader.leave_out(&format!("build.{other}"), why);
                    Vec::new()
                }
            };
            for (option, value) in options {
                all.push_str(&format!(" {option} {}", shell_word(&value)));
            }
        }
        format!("{all} {}", shell_word(&context))
    }

    /// `"8080:80"`, `"127.0.0.1:8080:80/tcp"`, `80`, or a table with `target`.
    fn listen(&mut self, value: &Value, reader: &mut Reader<'_>) {
        for port in value.as_array().into_iter().flatten() {
            let short = text(port);
            let mut parts = short.split('/').next().unwrap_or_default().rsplit(':');
            let target = port.get("target").map(text);
            let target = target.or_else(|| parts.next().map(str::to_owned));
            let published = port.get("published").map(text);
            let published = published.or_else(|| parts.next().map(str::to_owned));
            let Some(number) = target.and_then(|target| target.parse().ok()) else {
                reader.leave_out("ports", &format!("{short} is no single port"));
                continue;
            };
            if self.port.is_some_and(|known| known != number) {
                reader.leave_out(
                    "ports",
                    &format!("a node has one port, and {number} is another"),
                );
                continue;
            }
            self.port = Some(number);
            self.is_published |= published.is_some();
            if let Some(published) = published.filter(|text| *text != number.to_string()) {
                let why = format!(
                    "it has an address of its own, and listens on {number} there, not on {published}"
                );
                reader.leave_out("ports", &why);
            }
        }
    }

    fn read_environment(&mut self, file: &str, reader: &mut Reader<'_>) {
        match std::fs::read_to_string(reader.folder.join(file)) {
            Ok(file) => self.env.extend(assignments(&file)),
            Err(error) => reader.leave_out("env_file", &format!("{file} can't be read: {error}")),
        }
    }

    fn depend_on(&mut self, value: &Value) {
        for name in listed(value) {
            let condition = value.get(&name).and_then(|of| of.get("condition"));
            let node = name.to_lowercase().replace(['_', '.'], "-");
            if condition.map(text).as_deref() == Some("service_completed_successfully") {
                self.awaits.push(node.clone());
            }
            self.calls.push(node);
        }
    }

    /// A request of its own is asked from outside; of other commands nobody knows that they
    /// are there outside of the container.
    fn check_health(&mut self, value: &Value, reader: &mut Reader<'_>) {
        let test = value.get("test").map(|test| listed(test).join(" "));
        let test = test.unwrap_or_default();
        let hosts = ["localhost", "127.0.0.1", "0.0.0.0"];
        let asked = hosts.iter().find_map(|host| {
            let (_, behind) = test.split_once(&format!("http://{host}"))?;
            let end = behind.find([' ', '"', '\'', ';']).unwrap_or(behind.len());
            Some(
                behind[..end]
                    .split_once('/')
                    .map_or("", |(_, path)| path)
                    .to_owned(),
            )
        });
        match asked {
            Some(path) => {
                self.ready = Some(format!("{{ http = {} }}", in_toml(&format!("/{path}"))));
            }
            None if test.is_empty() || test == "NONE" => {}
            None => reader.leave_out(
                "healthcheck.test",
                "it is ready when it accepts connections, for commands are not run in containers",
            ),
        }
        if value.get("timeout").is_some() {
            reader.leave_out("healthcheck.timeout", "it is asked again until it is ready");
        }
        let length = |name: &str| {
            let written = value.get(name).map(text);
            written.and_then(|text| humantime::parse_duration(&text).ok())
        };
        let retries = value.get("retries").and_then(Value::as_u64).unwrap_or(3) as u32;
        let tried = length("interval").map_or(Duration::ZERO, |interval| interval * retries);
        let within = tried + length("start_period").unwrap_or_default();
        if !within.is_zero() {
            self.within = Some(humantime::format_duration(within).to_string());
        }
    }

    fn mount(&mut self, value: &Value, reader: &mut Reader<'_>) {
        for volume in value.as_array().into_iter().flatten() {
            let member = |name| volume.get(name).map(text);
            let short = match (member("source"), member("target"), volume.as_str()) {
                (_, _, Some(short)) => short.to_owned(),
                (Some(source), Some(target), None) => format!("{source}:{target}"),
                _ => {
                    reader.leave_out("volumes", "one without a source begins empty anyway");
                    continue;
                }
            };
            let Some((source, rest)) = short.split_once(':') else {
                reader.leave_out("volumes", &format!("{short} begins empty anyway"));
                continue;
            };
            let source = match source.starts_with(['.', '/', '~']) {
                true => reader.place(source),
                // Data is the node's own, and new each time.
                false => {
                    self.data.push(source.to_owned());
                    format!("{{dir}}/{source}")
                }
            };
            self.volumes.push(format!("{source}:{rest}"));
        }
    }

    /// Puts references in place of `NAME:PORT` in what it is told.
    pub(super) fn refer_to(&mut self, ports: &[(String, String, u16)]) {
        let told = self
            .env
            .values_mut()
            .chain(&mut self.run)
            .chain(&mut self.command);
        for text in told {
            *text = text.replace('{', "{{").replace('}', "}}");
            for (name, node, port) in ports.iter().filter(|(name, ..)| *name != self.name) {
                *text = referring(
                    text,
                    &format!("{name}:{port}"),
                    &format!("{{{node}.address}}"),
                );
            }
        }
    }

    /// The table `[node.NAME]`.
    pub(super) fn table(&self) -> String {
        let mut table = format!("\n[node.{}]\n", self.node);
        let mut say = |member: &str, value: String| table += &format!("{member} = {value}\n");
        if self.is_entry {
            say("entry", "true".to_owned());
        }
        say("image", in_toml(&self.image));
        if let Some(build) = &self.build {
            say("build", in_toml(build));
        }
        // A command is what an entry point is told.
        match self.run.is_empty() {
            true if self.command.is_empty() => {}
            true => say("command", list(self.command.iter())),
            false => say("run", list(self.run.iter().chain(&self.command))),
        }
        // Each has its own address, as with Compose, and is found by its name.
        say("network", in_toml("bridge"));
        if let Some(replicas) = self.replicas {
            say("replicas", replicas.to_string());
        }
        if let Some(cpus) = self.cpus {
            say("cpus", cpus.get().to_string());
        }
        if self.runs_once {
            say("once", "true".to_owned());
        }
        if let Some(port) = self.port.filter(|_| !self.runs_once) {
            say("port", port.to_string());
        }
        for (member, value) in [
            ("workdir", &self.workdir),
            ("within", &self.within),
            ("stop", &self.stop),
            ("stop_within", &self.stop_within),
        ] {
            if let Some(value) = value {
                say(member, in_toml(value));
            }
        }
        if let Some(ready) = self.ready.as_ref().filter(|_| !self.runs_once) {
            say("ready", ready.clone());
        }
        for (member, values) in [("calls", &self.calls), ("volumes", &self.volumes)] {
            if !values.is_empty() {
                say(member, list(values.iter()));
            }
        }
        for (name, value) in &self.env {
            say(&format!("env.{}", in_toml(name)), in_toml(value));
        }
        table
    }
}

impl Reader<'_> {
    /// The place that is meant by one seen from the folder, as it is seen from here.
    fn place(&self, path: &str) -> String {
        let home = || std::env::var("HOME").unwrap_or_default();
        let path = match path.strip_prefix('~') {
            Some(rest) => format!("{}{rest}", home()),
            None => path.to_owned(),
        };
        let place: PathBuf = self.folder.join(path).components().collect();
        match place.is_absolute() {
            true => place.display().to_string(),
            false => {
                let place = place.strip_prefix(".").unwrap_or(&place).display();
                format!("./{place}").trim_end_matches('/').to_owned()
            }
        }
    }

    fn leave_out(&mut self, member: &str, why: &str) {
        self.left_out
            .push(format!("services.{}.{member}: {why}", self.name));
    }
}
