//! Bounds of answers on the command line, in place of the plan's.

use std::time::Duration;

use clap::Args;

use crate::client::AnswerLimits;
use crate::commands::quoted;
use crate::plan;

/// How long answers may take, and how large they may be.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What answers may be")]
pub(super) struct Answers {
    /// How long a whole answer may take, such as 3s; requests of a plan that have a
    /// limit of their own keep it [default: the plan's, else 10s].
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Duration>,

    /// How many header fields an answer may have [default: the plan's, else 1000 of a plan
    /// of plain requests].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_fields: Option<u32>,

    /// How large an answer's head may be [default: the plan's, else 256 KiB].
    #[arg(long, value_name = "SIZE", value_parser = head)]
    max_head: Option<u64>,

    /// How large an answer's body may be [default: the plan's, else 1 GiB of a plan of
    /// plain requests].
    #[arg(long, value_name = "SIZE", value_parser = plan::size)]
    max_body: Option<u64>,
}

impl Answers {
    pub(super) fn apply_to(&self, limits: &mut AnswerLimits) {
        let AnswerLimits {
            timeout,
            fields,
            head,
            body,
        } = limits;
        *timeout = self.timeout.unwrap_or(*timeout);
        *fields = self.max_fields.map_or(*fields, |most| most as usize);
        *head = self.max_head.unwrap_or(*head);
        *body = self.max_body.unwrap_or(*body);
    }

    /// The arguments that say the same again, ready for a shell.
    pub(super) fn arguments(&self) -> String {
        let size = |size: Option<u64>| size.map(|bytes| bytes.to_string());
        let timeout = self.timeout.map(humantime::format_duration);
        let all = [
            ("timeout", timeout.map(|timeout| timeout.to_string())),
            ("max-fields", self.max_fields.map(|most| most.to_string())),
            ("max-head", size(self.max_head)),
            ("max-body", size(self.max_body)),
        ];
        let given = all.into_iter().filter_map(|(flag, value)| {
            let value = value?;
            Some(format!(" --{flag} {}", quoted(&value)))
        });
        given.collect()
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = humantime::parse_duration(text).map_err(|_| {
        format!("{text:?} is no duration; write a number with a unit, such as 3s or 500ms")
    })?;
    plan::check_timeout_of(timeout).map_err(str::to_owned)
}

fn head(text: &str) -> Result<u64, String> {
    match plan::size(text)? {
        size @ 0x400..=0x4000_0000 => Ok(size),
        _ => Err("a head is between 1 KiB and 1 GiB".to_owned()),
    }
}
