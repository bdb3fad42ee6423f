//! A load test of one request, told on the command line: it becomes a plan as TOML,
//! so that it is checked, recorded and kept like any other.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::commands::quoted;
use crate::plan::{InvalidPlan, Plan};

/// One request, and how often; with `--target`, in place of a plan.
#[derive(Clone, Debug, Default, Args)]
#[group(
    id = "one_line",
    requires = "target",
    conflicts_with = "plan",
    multiple = true
)]
#[command(next_help_heading = "One request in place of a plan, with --target")]
pub(super) struct OneLine {
    /// Send GET requests to this path, such as /items?page=2.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["post", "path"])]
    get: Option<String>,

    /// Send POST requests to this path, with --body.
    #[arg(long, value_name = "PATH", conflicts_with = "path")]
    post: Option<String>,

    /// Send requests with --method to this path.
    #[arg(long, value_name = "PATH", requires = "method")]
    path: Option<String>,

    /// The method of --path, such as PUT.
    #[arg(long, value_name = "METHOD", requires = "path")]
    method: Option<String>,

    /// A header field, such as 'Accept: text/plain'. Kept in the run's record, so give
    /// no secret that the record's readers may not know.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// The requests' body.
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,

    /// The status that is right [default: 200].
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,

    /// What the body of a right answer has in it.
    #[arg(long, value_name = "TEXT")]
    contains: Option<String>,

    /// Open load: requests a second, such as 1000, whatever the answers do.
    #[arg(long, value_name = "N")]
    rate: Option<String>,

    /// Closed load: users who each wait for the answer before the next request; with
    /// --rate, the most requests under way at once [default: 32; with --rate, enough].
    #[arg(long, value_name = "N")]
    users: Option<usize>,

    /// How long, in whole seconds [default: 10s]; a second of warm-up comes before.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,

    /// A rule that must hold, such as 'p99<50ms'; can be repeated [default: error-rate<=0%].
    #[arg(long = "threshold", value_name = "RULE")]
    thresholds: Vec<String>,
}

/// The plan's TOML.
#[derive(Serialize)]
struct PlanText<'a> {
    name: &'a str,
    description: String,
    thresholds: Vec<String>,
    behaviour: BehaviourText<'a>,
    stage: [StageText<'a>; 2],
    request: [RequestText<'a>; 1],
}

#[derive(Serialize)]
struct BehaviourText<'a> {
    think_time: &'a str,
}

#[derive(Serialize)]
struct StageText<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    duration: String,
    warm_up: bool,
}

#[derive(Serialize)]
struct RequestText<'a> {
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contains: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    headers: toml::Table,
}

impl OneLine {
    /// Whether there is a request at all.
    pub(super) fn is_given(&self) -> bool {
        self.request().is_some()
    }

    /// The plan that says the same.
    pub(super) fn plan(&self) -> Result<Plan, InvalidPlan> {
        Plan::parse("(the plan of this command line)", &self.text())
    }

    /// The arguments that say the same again, ready for a shell.
    pub(super) fn arguments(&self) -> String {
        let mut arguments = Vec::new();
        let mut add = |flag: &str, value: Option<String>| {
            arguments.extend(value.map(|value| format!(" --{flag} {}", quoted(&value))));
        };
        add("get", self.get.clone());
        add("post", self.post.clone());
        add("path", self.path.clone());
        add("method", self.method.clone());
        for (name, value) in &self.headers {
            add("header", Some(format!("{name}: {value}")));
        }
        add("body", self.body.clone());
        add("status", self.status.map(|status| status.to_string()));
        add("contains", self.contains.clone());
        add("rate", self.rate.clone());
        add("users", self.users.map(|users| users.to_string()));
        let duration = self.duration.map(humantime::format_duration);
        add("duration", duration.map(|text| text.to_string()));
        for rule in &self.thresholds {
            add("threshold", Some(rule.clone()));
        }
        arguments.concat()
    }

    /// The method and the path, if there is a request.
    fn request(&self) -> Option<(&str, &str)> {
        let get = self.get.as_deref().map(|path| ("GET", path));
        let post = self.post.as_deref().map(|path| ("POST", path));
        let other = self.method.as_deref().zip(self.path.as_deref());
        get.or(post).or(other)
    }

    fn text(&self) -> String {
        let (method, path) = self.request().unwrap_or(("GET", "/"));
        let stage = |name, duration: Duration, warm_up| StageText {
            name,
            users: self.users.or(self.rate.is_none().then_some(32)),
            rate: self.rate.as_ref().map(|rate| with_unit(rate)),
            duration: humantime::format_duration(duration).to_string(),
            warm_up,
        };
        let lasting = self.duration.unwrap_or(Duration::from_secs(10));
        let header = |(name, value): &(String, String)| (name.clone(), value.clone().into());
        let text = PlanText {
            name: "one-line",
            description: format!("{method} {path}, told on the command line."),
            thresholds: if self.thresholds.is_empty() {
                vec!["error-rate<=0%".to_owned()]
            } else {
                self.thresholds.clone()
            },
            behaviour: BehaviourText { think_time: "0s" },
            stage: [
                stage("warm-up", Duration::from_secs(1), true),
                stage("steady", lasting, false),
            ],
            request: [RequestText {
                method,
                path,
                status: self.status,
                contains: self.contains.as_deref(),
                body: self.body.as_deref(),
                headers: self.headers.iter().map(header).collect(),
            }],
        };
        toml::to_string_pretty(&text).expect("strings and numbers are TOML")
    }
}

/// `1000` is `1000/s`.
fn with_unit(rate: &str) -> String {
    if rate.contains('/') {
        rate.to_owned()
    } else {
        format!("{rate}/s")
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("write 'Name: value', such as 'Accept: text/plain'")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::run::Run;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        run: Run,
    }

    fn run(arguments: &[&str]) -> Result<Run, clap::Error> {
        let target = ["run", "--target", "http://127.0.0.1:1"];
        let line = CommandLine::try_parse_from(target.iter().chain(arguments));
        line.map(|line| line.run)
    }

    fn one_line(arguments: &[&str]) -> OneLine {
        run(arguments).expect("valid").one_line
    }

    #[test]
    fn a_line_becomes_a_plan_with_a_warm_up_and_one_stage() {
        let plan = one_line(&["--get", "/items?page=2", "--users", "8", "--duration", "3s"]);
        let plan = plan.plan().expect("a plan");
        let stages: Vec<_> = plan
            .stages
            .iter()
            .map(|s| (s.warm_up, s.users, s.duration.as_secs()))
            .collect();
        assert_eq!(stages, [(true, 8, 1), (false, 8, 3)]);
        assert_eq!(plan.thresholds[0].rule, "error-rate<=0%");
        let requests = plan.requests.expect("requests").requests;
        assert_eq!(requests[0].route.name(), "GET /items?page=2");
    }

    #[test]
    fn what_is_odd_on_the_command_line_is_kept_as_it_is() {
        let odd = "a 'b' \"c\"\n]]> {x}";
        let line = one_line(&["--post", "/x", "--body", odd, "--header", "X-A: it's"]);
        let requests = line.plan().expect("a plan").requests.expect("requests");
        let body = requests.requests[0].body.as_ref().expect("a body");
        assert_eq!(body.fill(&[]), odd);
        assert!(line.arguments().contains(r"--header 'x-a: it'\''s'"));
    }

    #[test]
    fn a_line_that_makes_no_sense_is_refused() {
        for arguments in [
            &["--get", "/a", "--post", "/b"][..],
            &["--path", "/a"],
            &["--get", "/a", "--plan", "smoke"],
            &["--get", "/a", "--header", "no colon"],
        ] {
            assert!(run(arguments).is_err(), "{arguments:?}");
        }
        for (arguments, says) in [
            (&["--get", "a"][..], "begins with `/`"),
            (&["--get", "/{x}"], "stands for"),
            (&["--get", "/", "--threshold", "imbalance<=1"], "topology"),
            (&["--get", "/", "--users", "0"], "1 to 10000"),
            (&["--get", "/", "--duration", "1500ms"], "whole number"),
        ] {
            let message = one_line(arguments).plan().expect_err(says).to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
