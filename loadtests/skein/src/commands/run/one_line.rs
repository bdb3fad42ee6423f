//! A load test of one request, told on the command line: it becomes a plan as TOML,
//! so that it is checked, recorded and kept like any other.

use std::time::Duration;

use clap::Args;

use super::load::Load;
use crate::commands::quoted;
use crate::plan::{InvalidPlan, Plan, PlanOf, ToldPlan};
use crate::text::in_toml;

/// One request, and how often; with `--target` or `--topology`, in place of a plan.
#[derive(Clone, Debug, Default, Args)]
#[group(
    id = "one_line",
    requires = "where_to",
    conflicts_with = "plan",
    multiple = true
)]
#[command(next_help_heading = "One request in place of a plan, with --target or --topology")]
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

    /// A header field, such as 'Accept: text/plain'; can be repeated, also with the same
    /// name. What follows the colon and one blank is sent as it is. Kept in the run's
    /// record, so give no secret that the record's readers may not know.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// The requests' body.
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,

    /// The status that is right, or several such as 200,404 [default: 200].
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<u16>,

    /// What the body of a right answer has in it.
    #[arg(long, value_name = "TEXT")]
    contains: Option<String>,
}

impl OneLine {
    /// Whether there is a request at all.
    pub(super) fn is_given(&self) -> bool {
        self.request().is_some()
    }

    /// The plan that says the same. Mistakes name the flag that they are in.
    pub(super) fn plan(&self, load: &Load, of: PlanOf<'_>) -> Result<Plan, InvalidPlan> {
        Plan::parse_told(&self.told(load), of)
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
        let statuses: Vec<_> = self.status.iter().map(u16::to_string).collect();
        add("status", (!statuses.is_empty()).then(|| statuses.join(",")));
        add("contains", self.contains.clone());
        arguments.concat()
    }

    /// The method and the path, if there is a request.
    fn request(&self) -> Option<(&str, &str)> {
        let get = self.get.as_deref().map(|path| ("GET", path));
        let post = self.post.as_deref().map(|path| ("POST", path));
        let other = self.method.as_deref().zip(self.path.as_deref());
        get.or(post).or(other)
    }

    /// The plan's TOML, each line of it with the flag that it comes from.
    fn told(&self, load: &Load) -> ToldPlan {
        let (method, path) = self.request().unwrap_or(("GET", "/"));
        let mut plan = ToldPlan::default();
        plan.line("name = \"one-line\"");
        let description = format!("{method} {path}, told on the command line.");
        plan.line(&format!("description = {}", in_toml(&description)));
        plan.line("thresholds = [");
        for rule in &load.thresholds {
            plan.line_of(&flag("threshold", rule), &format!("    {},", in_toml(rule)));
        }
        if load.thresholds.is_empty() {
            plan.line("    \"error-rate<=0%\",");
        }
        plan.line("]\n\n[behaviour]\nthink_time = \"0s\"");
        self.tell_request(&mut plan, method, path);
        load.tell_stage(&mut plan, "warm-up", Duration::from_secs(1), true);
        let lasting = load.duration.unwrap_or(Duration::from_secs(10));
        load.tell_stage(&mut plan, "steady", lasting, false);
        plan
    }

    fn tell_request(&self, plan: &mut ToldPlan, method: &str, path: &str) {
        plan.line("\n[[request]]");
        let flag_of_path = match (&self.get, &self.post) {
            (Some(_), _) => "get",
            (_, Some(_)) => "post",
            _ => "path",
        };
        plan.line_of(
            &flag("method", method),
            &format!("method = {}", in_toml(method)),
        );
        plan.line_of(
            &flag(flag_of_path, path),
            &format!("path = {}", in_toml(path)),
        );
        if !self.status.is_empty() {
            let statuses: Vec<_> = self.status.iter().map(u16::to_string).collect();
            let line = format!("status = [{}]", statuses.join(", "));
            plan.line_of(&flag("status", &statuses.join(",")), &line);
        }
        if let Some(text) = &self.contains {
            let line = format!("contains = {}", in_toml(text));
            plan.line_of(&flag("contains", text), &line);
        }
        if let Some(body) = &self.body {
            plan.line_of(&flag("body", body), &format!("body = {}", in_toml(body)));
        }
        if !self.headers.is_empty() {
            plan.line("headers = [");
            for (name, value) in &self.headers {
                let flag = flag("header", &format!("{name}: {value}"));
                plan.line_of(
                    &flag,
                    &format!("    [{}, {}],", in_toml(name), in_toml(value)),
                );
            }
            plan.line("]");
        }
    }
}

impl Load {
    /// Adds a stage of this load to a plan of one request.
    fn tell_stage(&self, plan: &mut ToldPlan, name: &str, lasting: Duration, warm_up: bool) {
        plan.line(&format!("\n[[stage]]\nname = {}", in_toml(name)));
        if let Some(users) = self.users.or(self.rate.is_none().then_some(32)) {
            let line = format!("users = {users}");
            plan.line_of(&flag("users", &users.to_string()), &line);
        }
        if let Some(rate) = &self.rate {
            let line = format!("rate = {}", in_toml(&with_unit(rate)));
            plan.line_of(&flag("rate", rate), &line);
        }
        let lasting = humantime::format_duration(lasting).to_string();
        let line = format!("duration = {}", in_toml(&lasting));
        plan.line_of(&flag("duration", &lasting), &line);
        plan.line(&format!("warm_up = {warm_up}"));
    }
}

/// A flag with its value, as it can be written again.
fn flag(name: &str, value: &str) -> String {
    format!("--{name} {}", quoted(value))
}

/// `1000` is `1000/s`.
fn with_unit(rate: &str) -> String {
    if rate.contains('/') {
        rate.to_owned()
    } else {
        format!("{rate}/s")
    }
}

/// The name and the value of a header field. A blank behind the colon is how it is
/// written, and no part of the value.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("write 'Name: value', such as 'Accept: text/plain'")?;
    let value = value.strip_prefix(' ').unwrap_or(value);
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::run::Run;
    use crate::testing;

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

    fn one_line(arguments: &[&str]) -> (OneLine, Load) {
        let run = run(arguments).expect("valid");
        (run.one_line, run.load)
    }

    #[test]
    fn a_line_becomes_a_plan_with_a_warm_up_and_one_stage() {
        let (line, load) =
            one_line(&["--get", "/items?page=2", "--users", "8", "--duration", "3s"]);
        let plan = line
            .plan(&load, PlanOf::program(&testing::application()))
            .expect("a plan");
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
        let odd = "a 'b' \"c\"\n]]> {{x}} {}";
        let (line, load) = one_line(&["--post", "/x", "--body", odd, "--header", "X-A: it's"]);
        let requests = line
            .plan(&load, PlanOf::program(&testing::application()))
            .expect("a plan")
            .requests
            .expect("requests");
        let body = requests.requests[0].body.as_ref().expect("a body");
        let sent = odd.replace("{{x}}", "{x}");
        assert_eq!(body.fill(&[]), sent);
        assert!(line.arguments().contains(r"--header 'X-A: it'\''s'"));
    }

    #[test]
    fn header_fields_are_kept_with_their_case_their_order_and_their_blanks() {
        let written = ["Cookie: a", "X-A:b", "cookie:  c ", "X-Empty:"];
        let arguments = written.iter().flat_map(|field| ["--header", field]);
        let arguments: Vec<_> = ["--get", "/"].into_iter().chain(arguments).collect();
        let (line, load) = one_line(&arguments);
        let plan = line
            .plan(&load, PlanOf::program(&testing::application()))
            .expect("a plan");
        let requests = plan.requests.expect("requests").requests;
        let fields = requests[0].headers.iter();
        let fields: Vec<_> = fields
            .map(|f| (&*f.written, f.value.constant().expect("no placeholder")))
            .collect();
        let kept = [
            ("Cookie", "a"),
            ("X-A", "b"),
            ("cookie", " c "),
            ("X-Empty", ""),
        ];
        assert_eq!(fields, kept.map(|(name, value)| (name, value.to_owned())));
        let again = line.arguments();
        assert!(again.contains("--header 'cookie:  c '"), "{again}");
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
            (&["--get", "a"][..], "--get a: a path begins with `/`"),
            (
                &["--get", "/{x}"],
                "--get '/{x}': nobody says what {x} stands for",
            ),
            (
                &["--get", "/", "--threshold", "imbalance<=1"],
                "--threshold 'imbalance<=1': ",
            ),
            (&["--get", "/", "--users", "100001"], "--users 100001: "),
            (&["--get", "/", "--users", "0"], "nothing to judge"),
            (&["--get", "/", "--rate", "0"], "nothing to judge"),
            (&["--get", "/", "--rate", "fast"], "--rate fast: "),
            (&["--get", "/", "--duration", "1ms"], "--duration 1ms: "),
            (&["--get", "/", "--status", "200,20"], "--status 200,20: "),
            (
                &["--post", "/", "--body", "{\"a\": {itme}}"],
                "--body '{\"a\": {itme}}': nobody says",
            ),
            (
                &["--post", "/", "--header", "Content-Length: 3"],
                "--header 'Content-Length: 3': the body has no bytes",
            ),
            (
                &["--get", "/", "--header", "A: b", "--header", "A : c"],
                "--header 'A : c': this is no name",
            ),
            (
                &["--get", "/", "--header", "A: b\nC: d"],
                "one line of text",
            ),
            (
                &["--path", "/", "--method", "A B"],
                "--method 'A B': this is no method",
            ),
        ] {
            let (line, load) = one_line(arguments);
            let message = line
                .plan(&load, PlanOf::program(&testing::application()))
                .expect_err(says)
                .to_string();
            assert!(message.contains(says), "{message}");
            assert!(!message.contains("toml"), "{message}");
        }
    }
}
