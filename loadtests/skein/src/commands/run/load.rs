//! The amount of load, told on the command line: of one request, or in place of what a plan says.

use std::time::Duration;

use anyhow::Context;
use clap::Args;

use crate::commands::quoted;
use crate::plan::{Amendment, Plan};

/// The amount of load, and what must hold; of a plan, its only judged stage is changed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How much load, also in place of what a plan says")]
pub(super) struct Load {
    /// Open load: turns a second, such as 1000, whatever the answers do. A turn of --get and
    /// the like is one request.
    #[arg(long, value_name = "N")]
    pub(super) rate: Option<String>,

    /// Closed load: users who each wait for the answer before the next turn; with a rate, the
    /// most turns under way at once [default: the plan's; of --get and the like 32; with
    /// --rate, enough].
    #[arg(long, value_name = "N")]
    pub(super) users: Option<usize>,

    /// The length of the load, such as 30s or 500ms [default: the plan's; of --get and the like 10s, after a
    /// second of warm-up].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) duration: Option<Duration>,

    /// A rule that must hold, such as 'p99<50ms', beside those of the plan; can be repeated
    /// [default of --get and the like: error-rate<=0%].
    #[arg(long = "threshold", value_name = "RULE")]
    pub(super) thresholds: Vec<String>,

    /// Stop the load as soon as some rule surely fails, whatever would still come, as the key
    /// `stop_early = true` of a plan does; what wasn't run is not judged.
    #[arg(long)]
    pub(super) stop_early: bool,
}

impl Load {
    /// Changes a plan to what is said here.
    pub(super) fn apply_to(&self, plan: &mut Plan) -> anyhow::Result<()> {
        let rate = self.rate.as_ref().map(|rate| {
            let parsed = rate.parse();
            parsed.with_context(|| format!("--rate {}", quoted(rate)))
        });
        let amendment = Amendment {
            rate: rate.transpose()?,
            users: self.users,
            duration: self.duration,
            stop_early: self.stop_early,
            thresholds: self.thresholds.clone(),
        };
        let amended = plan.amend(&amendment);
        amended.map_err(|why| anyhow::anyhow!("{}: {why}", self.arguments().trim_start()))
    }

    /// The arguments that say the same again, ready for a shell.
    pub(super) fn arguments(&self) -> String {
        let duration = self.duration.map(humantime::format_duration);
        let single = [
            ("rate", self.rate.clone()),
            ("users", self.users.map(|users| users.to_string())),
            ("duration", duration.map(|text| text.to_string())),
        ];
        let single = single
            .into_iter()
            .filter_map(|(flag, value)| Some((flag, value?)));
        let rules = self
            .thresholds
            .iter()
            .map(|rule| ("threshold", rule.clone()));
        let all = single.chain(rules);
        let all = all.map(|(flag, value)| format!(" --{flag} {}", quoted(&value)));
        let stop_early = self.stop_early.then(|| " --stop-early".to_owned());
        all.chain(stop_early).collect()
    }
}
