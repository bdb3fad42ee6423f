//! The `[topology]` table of a plan: the laboratory that a run starts.

use std::time::Duration;

use clap::Args;
use humantime::format_duration;
use integration::Topology;
use integration::real::{Parts, Place};
use serde::{Deserialize, Serialize};
use services::contract::Service;
use skein::plan::{Mistake, Span, Spanned, within};
use skein::{Amending, Plan, PlanTable, counted};

use crate::behaviour::Behaviour;
use crate::machines::{self, MachineFlags, Machines};
use crate::parts::{self, PartFlags};

/// The laboratory that a plan asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// API gateways behind the balancer, 1 to 32.
    pub(crate) gateways: usize,
    /// Cache nodes, 0 to 32.
    pub(crate) caches: usize,
    /// The time that each read and write of the database waits, to stand for a disk or a
    /// network.
    pub(crate) storage_latency: Duration,
    /// The number of reads and writes that the storage does at the same time, 1 to 1024; `None` is
    /// any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) storage_channels: Option<u32>,
    /// The time that the worker's executor takes for a task.
    pub(crate) task_duration: Duration,
    /// The time that caches keep a value; zero means for ever.
    pub(crate) cache_ttl: Duration,
    /// The time that gateways give a cache before they ask the database instead; `None` is
    /// theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cache_timeout: Option<Duration>,
    /// The number of tasks that the worker runs at the same time, 1 to 1024.
    #[serde(default = "usual_executors")]
    pub(crate) executors: u32,
    /// The cache that serves a key: any one, or always the same.
    #[serde(default)]
    pub(crate) cache_choice: CacheChoice,
    /// True when a task is done within the request that submits it, as without a queue.
    #[serde(default)]
    pub(crate) tasks_within_requests: bool,
    /// The real things in place of ours.
    #[serde(default)]
    pub(crate) parts: Parts,
    /// The small machines of its nodes.
    #[serde(default)]
    pub(crate) cpus: Machines,
}

/// The cache that serves a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CacheChoice {
    /// Any one, drawn for each request.
    #[default]
    Random,
    /// Always the same one for a key.
    ConsistentHashing,
}

fn positive(span: &Spanned<Span>) -> Result<Duration, Mistake> {
    match span.get_ref().0 {
        Duration::ZERO => Err(Mistake::at(
            span,
            "a cache needs some time, such as \"100ms\"",
        )),
        time => Ok(time),
    }
}

fn usual_executors() -> u32 {
    4
}

/// Flags of `run` and `gate` that change it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    parts: PartFlags,
    #[command(flatten)]
    machines: MachineFlags,
}

impl Flags {
    /// The laboratory with other parts and machines.
    pub(crate) fn applied_to(&self, parts: Parts, cpus: Machines) -> (Parts, Machines) {
        (self.parts.applied_to(parts), self.machines.applied_to(cpus))
    }
}

impl Amending for Flags {
    type Table = Shape;

    fn amend(&self, shape: Shape) -> Shape {
        let (parts, cpus) = self.applied_to(shape.parts.clone(), shape.cpus.clone());
        Shape {
            parts,
            cpus,
            ..shape
        }
    }

    fn arguments(&self) -> String {
        self.parts.arguments() + &self.machines.arguments()
    }
}

/// The table as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    gateways: Option<Spanned<usize>>,
    caches: Option<Spanned<usize>>,
    storage_latency: Option<Span>,
    storage_channels: Option<Spanned<u32>>,
    task_duration: Option<Span>,
    cache_ttl: Option<Span>,
    cache_timeout: Option<Spanned<Span>>,
    executors: Option<Spanned<u32>>,
    cache_choice: Option<CacheChoice>,
    #[serde(default)]
    tasks_within_requests: bool,
    balancer: Option<Spanned<String>>,
    cache: Option<Spanned<String>>,
    queue: Option<Spanned<String>>,
    database: Option<Spanned<String>>,
    cpus: Option<machines::Written>,
}

impl PlanTable for Shape {
    const NAME: &str = "topology";
    type Written = Written;

    fn check(written: Written) -> Result<Self, Mistake> {
        let time = |span: Option<Span>, usual| span.map_or(usual, |span| span.0);
        let parts = parts::check([
            (Place::Balancer, written.balancer),
            (Place::Cache, written.cache),
            (Place::Queue, written.queue),
            (Place::Database, written.database),
        ])?;
        Ok(Shape {
            cpus: Machines::check(written.cpus, &parts)?,
            parts,
            gateways: within(written.gateways, 1..=32, 3, "`gateways`")?,
            caches: within(written.caches, 0..=32, 2, "`caches`")?,
            storage_latency: time(written.storage_latency, Duration::from_millis(5)),
            storage_channels: written
                .storage_channels
                .map(|channels| within(Some(channels), 1..=1024, 1, "`storage_channels`"))
                .transpose()?,
            task_duration: time(written.task_duration, Duration::from_millis(100)),
            cache_ttl: time(written.cache_ttl, Duration::from_secs(60)),
            cache_timeout: written.cache_timeout.as_ref().map(positive).transpose()?,
            executors: within(
                written.executors,
                1..=1024,
                usual_executors(),
                "`executors`",
            )?,
            cache_choice: written.cache_choice.unwrap_or_default(),
            tasks_within_requests: written.tasks_within_requests,
        })
    }
}

/// The laboratory of a plan.
pub(crate) fn topology(plan: &Plan) -> Topology {
    let shape = plan.table::<Shape>();
    let duration = |duration: Duration| format_duration(duration).to_string();
    let laboratory = Topology::laboratory()
        .gateways(shape.gateways)
        .caches(shape.caches)
        .parts(shape.parts.clone())
        .with(
            Service::Database,
            "storage-latency",
            duration(shape.storage_latency),
        )
        .with(
            Service::Worker,
            "task-duration",
            duration(shape.task_duration),
        )
        .with(Service::Cache, "ttl", duration(shape.cache_ttl))
        // Readers expect every item that they may ask for.
        .with(Service::Database, "items", plan.table::<Behaviour>().items);
    let laboratory = laboratory.with(Service::Worker, "executors", shape.executors);
    let laboratory = match shape.storage_channels {
        None => laboratory,
        Some(channels) => laboratory.with(Service::Database, "storage-channels", channels),
    };
    let laboratory = match shape.cache_choice {
        CacheChoice::Random => laboratory,
        CacheChoice::ConsistentHashing => {
            laboratory.with(Service::ApiGateway, "cache-choice", "consistent-hashing")
        }
    };
    let laboratory = match shape.cache_timeout {
        None => laboratory,
        Some(most) => laboratory.with(Service::ApiGateway, "cache-timeout", duration(most)),
    };
    let laboratory = match shape.tasks_within_requests {
        false => laboratory,
        true => laboratory.with_switch(Service::Worker, "within-request"),
    };
    shape.cpus.given_to(laboratory)
}

impl Shape {
    /// The laboratory in a few words, for reports.
    pub(crate) fn in_words(&self) -> String {
        let kept = match self.cache_ttl.is_zero() {
            true => "never expire".to_owned(),
            false => format!("expire after {}", format_duration(self.cache_ttl)),
        };
        let shape = format!(
            "{}, {}, simulated storage latency {}, task duration {}, values in caches {kept}",
            counted(self.gateways as u64, "gateway", "gateways"),
            counted(self.caches as u64, "cache", "caches"),
            format_duration(self.storage_latency),
            format_duration(self.task_duration),
        );
        let channels = self.storage_channels;
        let channels = channels.map(|channels| {
            let channels = counted(u64::from(channels), "channel", "channels");
            format!("{channels} of the storage")
        });
        let real = parts::in_words(&self.parts);
        let hashed = self.cache_choice == CacheChoice::ConsistentHashing;
        let hashed = hashed.then(|| "caches chosen by consistent hashing".to_owned());
        let patience = self.cache_timeout;
        let patience = patience.map(|most| format!("caches given {}", format_duration(most)));
        let within = self.tasks_within_requests;
        let within = within.then(|| "tasks done within their requests".to_owned());
        [shape]
            .into_iter()
            .chain(channels)
            .chain(hashed)
            .chain(patience)
            .chain(within)
            .chain(real)
            .chain(self.cpus.in_words())
            .collect::<Vec<_>>()
            .join(", ")
    }
}
