//! The TOML form of a plan, and the check that it makes sense.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;
use harness::Topology;
use harness::topology::FileError;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::capacity_file::{CapacityFile, VariantTables};
use super::connection_file::ConnectionFile;
use super::gate_file::GateFile;
use super::mistake::{InvalidPlan, Mistake, ToldPlan, within};
use super::request::{DataFile, RequestFile, Sources, StoryFile, UsersFile, ValuesFile};
use super::span::{Size, Span, check_timeout};
use super::stage_file::{Loadable, StageFile, check_stages};
use super::tables::OwnTables;
use super::words::plainly;
use super::{ForeignSystem, Mix, Plan, PlanOf, Requests, Stage, SystemError, rules};
use crate::client::{AnswerLimits, ConnectionSettings};
use crate::equations::{Equations, Written};
use crate::evidence::Limits;
use crate::plain::Plain;
use crate::program::application::Application;
use crate::samples::Route;
use crate::scenario::ScenarioKind;
use crate::text::printable;
use crate::threshold::Threshold;

/// Reads and checks a plan; files that it names are beside its own.
pub(super) fn parse(file: &str, source: &str, of: PlanOf<'_>) -> Result<Plan, InvalidPlan> {
    read(Path::new(file), source, of).map_err(|problem| problem.locate(file, source))
}

/// Reads and checks a plan that was told on the command line.
pub(super) fn parse_told(told: &ToldPlan, of: PlanOf<'_>) -> Result<Plan, InvalidPlan> {
    read(Path::new(""), told.source(), of).map_err(|problem| problem.blame(told))
}

/// Reads a system's file, which may be that of a plan for it too; its load is then not read.
pub(super) fn parse_system(path: &Path, source: &str) -> Result<ForeignSystem, SystemError> {
    let mut written = match DeTable::parse(source) {
        Ok(written) => written,
        // In the words of whoever reads nodes.
        Err(_) => Spanned::new(0..0, DeTable::new()),
    };
    let written = written.get_mut();
    let has_load = written.contains_key(STAGE);
    let others = |name: &str| has_load || Written::TABLES.contains(&name);
    let topology = Topology::from_toml_beside(source, &others)?;
    let equations = Written::take(written).and_then(|written| written.check(Some(&topology)));
    let equations = equations.map_err(|error| error.locate(&path.to_string_lossy(), source))?;
    Ok(ForeignSystem {
        path: path.to_owned(),
        topology,
        equations,
    })
}

const NODE: &str = "node";
const STAGE: &str = "stage";

fn read(file: &Path, source: &str, of: PlanOf<'_>) -> Result<Plan, Mistake> {
    let wrong = |error: toml::de::Error| wrong_form(&error, source);
    let mut written = DeTable::parse(source).map_err(wrong)?;
    let nodes = written.get_mut().remove(NODE);
    let own_system = match (nodes, of.system) {
        (Some(nodes), Some(other)) => {
            let sentence = format!(
                "this plan has a system of its own, and {} is another; leave out one of them",
                other.path.display()
            );
            return Err(Mistake::at(&nodes, sentence));
        }
        (Some(_), None) => Some(ForeignSystem {
            path: file.to_owned(),
            topology: Topology::from_toml_beside(source, &|_| true)
                .map_err(|error| wrong_nodes(error, source))?,
            equations: Equations::default(),
        }),
        (None, _) => None,
    };
    let of = PlanOf {
        system: own_system.as_ref().or(of.system),
        ..of
    };
    let varied = VariantTables::take(written.get_mut(), source)?;
    let equations = Written::take(written.get_mut())?;
    let own = OwnTables::take(&mut written, source, of.application)?;
    let mut plan = PlanFile::deserialize(Deserializer::from(written)).map_err(wrong)?;
    let thresholds = std::mem::take(&mut plan.thresholds);
    let promised = plan.capacity.promised()?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut plan = plan.check((source, folder), own, of)?;
    plan.file = file.to_owned();
    plan.equations = check_equations(equations, &plan)?;
    plan.thresholds = check_thresholds(thresholds, &plan)?;
    if let Some((at, promise)) = promised {
        promise.check_against(&plan).map_err(|error| Mistake {
            at,
            ..Mistake::somewhere(error.to_string())
        })?;
    }
    (plan.variants, plan.reliefs) = varied.check(&plan)?;
    Ok(plan)
}

/// A mistake in the nodes of a plan's own system.
fn wrong_nodes(error: FileError, source: &str) -> Mistake {
    let (at, sentence) = match error {
        FileError::Text { sentence, at, .. } => {
            let sentence = plainly(&sentence, source, at.start);
            (at, sentence)
        }
        FileError::Nodes { at, mistake, .. } => (at..at, mistake.to_string()),
        FileError::Read(error) => (0..0, error.to_string()),
    };
    Mistake {
        at,
        ..Mistake::somewhere(sentence)
    }
}

/// The equations of the plan and of its system's file, which are about what there is.
fn check_equations(written: Written, plan: &Plan) -> Result<Equations, Mistake> {
    for route in written.routes() {
        let sent = rules::check_route(route.get_ref(), plan);
        sent.map_err(|sentence| Mistake::at(&route, sentence))?;
    }
    let own = written.check(plan.topology().as_ref())?;
    let Some(system) = &plan.foreign else {
        return Ok(own);
    };
    own.with(&system.equations).map_err(|twice| {
        Mistake::somewhere(format!(
            "{twice} is both here and in {}; leave out one of them",
            system.path.display()
        ))
    })
}

/// A mistake in the form of a plan, which serde or the TOML parser found.
pub(super) fn wrong_form(error: &toml::de::Error, source: &str) -> Mistake {
    let at = error.span().unwrap_or(0..0);
    let sentence = plainly(error.message(), source, at.start);
    Mistake {
        at,
        ..Mistake::somewhere(sentence)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    seed: Option<u64>,
    #[serde(default)]
    stop_early: bool,
    timeout: Option<Spanned<Span>>,
    stage: Spanned<Vec<StageFile>>,
    mix: Option<Spanned<BTreeMap<Spanned<String>, u32>>>,
    #[serde(default)]
    request: Vec<Spanned<RequestFile>>,
    #[serde(default)]
    scenario: Vec<Spanned<StoryFile>>,
    #[serde(default)]
    setup: Vec<Spanned<RequestFile>>,
    #[serde(default)]
    cleanup: Vec<Spanned<RequestFile>>,
    #[serde(default)]
    values: BTreeMap<Spanned<String>, Spanned<ValuesFile>>,
    #[serde(default)]
    data: BTreeMap<Spanned<String>, Spanned<DataFile>>,
    thresholds: Vec<Spanned<String>>,
    #[serde(default)]
    answer: AnswerFile,
    connection: Option<Spanned<ConnectionFile>>,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    gate: GateFile,
    #[serde(default)]
    capacity: CapacityFile,
}

/// Those of [`AnswerLimits`] that the plan sets, but for the time limit.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerFile {
    fields: Option<Spanned<usize>>,
    head: Option<Spanned<Size>>,
    body: Option<Spanned<Size>>,
}

/// Those of [`Limits`] that the plan sets; percentages are numbers.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    send_lag: Option<Span>,
    missed: Option<Spanned<f64>>,
    generator_load: Option<Spanned<f64>>,
    stolen: Option<Spanned<f64>>,
    busy: Option<Spanned<f64>>,
    waiting: Option<Spanned<f64>>,
    unread: Option<Spanned<f64>>,
    disagreement: Option<Spanned<f64>>,
    drift: Option<Spanned<f64>>,
}

impl PlanFile {
    /// The plan that is meant by a `source`, whose files are in a `folder`.
    fn check(
        self,
        (source, folder): (&str, &Path),
        own: OwnTables,
        of: PlanOf<'_>,
    ) -> Result<Plan, Mistake> {
        let application = of.application;
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.get_ref().is_empty() || !self.name.get_ref().chars().all(is_plain) {
            return Err(Mistake::at(
                &self.name,
                "a plan's name is made of lowercase letters, digits and `-`, for it names the run's folder",
            ));
        }
        let users = UsersFile {
            requests: self.request,
            stories: self.scenario,
            set_up: self.setup,
            clean_up: self.cleanup,
            sources: Sources {
                values: self.values,
                data: self.data,
            },
        };
        let (mix, requests) = match self.mix {
            Some(mix) => (check_mix(mix, &users, application)?, None),
            // Each scenario in Rust that has a load is named with it.
            None if users.is_empty()
                && self
                    .stage
                    .get_ref()
                    .iter()
                    .any(StageFile::has_scenario_loads) =>
            {
                (Mix::of(BTreeMap::new(), &application.scenarios), None)
            }
            None if users.is_empty() => {
                return Err(Mistake::somewhere(
                    "a plan says what users do: a [mix] of scenarios in Rust, plain requests, each a [[request]], or a [[scenario]] of several steps",
                ));
            }
            None => {
                let requests = users.check(source, folder)?;
                let weights = requests.stories.iter();
                let weights = weights.map(|story| (story.name.to_owned(), story.weight));
                (Mix::of(weights.collect(), &[]), Some(requests))
            }
        };
        let reads_it = application
            .tables
            .iter()
            .any(|kind| kind.name == "topology");
        let why = match requests {
            Some(_) => Some("a plan of plain requests is for any system"),
            None if !reads_it => Some("this program's system has nothing that a plan could set"),
            None => None,
        };
        if let Some((at, why)) = own.topology_at.zip(why) {
            return Err(Mistake {
                at,
                ..Mistake::somewhere(format!(
                    "{why}, so it has no [topology]; name a system with --topology FILE"
                ))
            });
        }
        let usual = match requests {
            Some(_) => AnswerLimits::OF_PLAIN_REQUESTS,
            None => AnswerLimits::OF_A_MIX,
        };
        let loadable = Loadable {
            names: &loadable(requests.as_ref(), application),
            has_mix: requests.is_some() || !mix.is_empty(),
        };
        let stages = check_stages(self.stage, &loadable)?;
        let timeout = self.timeout.as_ref().map(check_timeout).transpose()?;
        let answers = self.answer.check(usual)?;
        let mut plan = Plan {
            thresholds: Vec::new(),
            scenarios: scenarios(requests.as_ref(), application, &stages),
            stages,
            name: self.name.into_inner(),
            description: printable(&self.description).into_owned(),
            seed: self.seed,
            stop_early: self.stop_early,
            application: Arc::clone(application),
            foreign: of.system.cloned(),
            tables: own.tables,
            kept_tables: own.kept,
            think_time: own.think_time,
            mix,
            requests,
            answers: answers.within(timeout.unwrap_or(usual.timeout)),
            connection: ConnectionSettings::default(),
            limits: self.limits.check()?,
            gate: self.gate.check()?,
            capacity: self.capacity.check()?,
            variants: Vec::new(),
            reliefs: Vec::new(),
            file: PathBuf::new(),
            equations: Equations::default(),
            source: source.to_owned(),
        };
        if let Some(connection) = self.connection {
            let at = connection.span();
            plan.connection = connection.into_inner().settings(folder);
            plan.check_connection().map_err(|sentence| Mistake {
                at,
                ..Mistake::somewhere(sentence)
            })?;
        }
        Ok(plan)
    }
}

impl AnswerFile {
    fn check(self, usual: AnswerLimits) -> Result<AnswerLimits, Mistake> {
        let bytes = |size: Option<Spanned<Size>>, least, most, usual, what| match size {
            Some(size) if !(least..=most).contains(&size.get_ref().0) => {
                let (least, most) = (ByteSize(least), ByteSize(most));
                let sentence = format!("{what} is between {least} and {most}");
                Err(Mistake::at(&size, sentence))
            }
            Some(size) => Ok(size.into_inner().0),
            None => Ok(usual),
        };
        Ok(AnswerLimits {
            fields: within(self.fields, 1..=100_000, usual.fields, "`fields`")?,
            head: bytes(self.head, 1 << 10, 1 << 30, usual.head, "`head`")?,
            body: bytes(self.body, 0, 1 << 50, usual.body, "`body`")?,
            timeout: usual.timeout,
        })
    }
}

impl LimitsFile {
    fn check(self) -> Result<Limits, Mistake> {
        let usual = Limits::default();
        let percent = |value, usual, what| within(value, 0.0..=1000.0, usual, what);
        Ok(Limits {
            send_lag: self.send_lag.map_or(usual.send_lag, |span| span.0),
            missed: percent(self.missed, usual.missed, "`missed`")?,
            generator_load: percent(
                self.generator_load,
                usual.generator_load,
                "`generator_load`",
            )?,
            stolen: percent(self.stolen, usual.stolen, "`stolen`")?,
            busy: percent(self.busy, usual.busy, "`busy`")?,
            waiting: percent(self.waiting, usual.waiting, "`waiting`")?,
            unread: percent(self.unread, usual.unread, "`unread`")?,
            disagreement: percent(self.disagreement, usual.disagreement, "`disagreement`")?,
            drift: percent(self.drift, usual.drift, "`drift`")?,
        })
    }
}

/// The names of scenarios that may have loads of their own; of plain requests, their routes.
fn loadable(requests: Option<&Requests>, application: &Application) -> Vec<String> {
    match requests {
        None => application
            .scenarios
            .iter()
            .map(ScenarioKind::key)
            .collect(),
        Some(requests) if requests.stories.is_empty() => {
            let mut routes: Vec<String> = Vec::new();
            for route in requests.routes().map(|route| route.name()) {
                if !routes.contains(&route) {
                    routes.push(route);
                }
            }
            routes
        }
        Some(requests) => {
            let stories = requests.stories.iter();
            stories.map(|story| story.name.to_owned()).collect()
        }
    }
}

/// The scenarios that users may follow in these stages.
fn scenarios(
    requests: Option<&Requests>,
    application: &Application,
    stages: &[Stage],
) -> Vec<ScenarioKind> {
    match requests {
        None => application.scenarios.clone(),
        Some(requests) if requests.stories.is_empty() => {
            let loads = || stages.iter().flat_map(|stage| &stage.scenarios);
            let mut routes: Vec<Route> = requests.routes().collect();
            routes.sort();
            routes.dedup();
            routes.retain(|route| loads().any(|load| load.scenario == route.name()));
            let of_routes = routes.into_iter().map(ScenarioKind::of_route);
            std::iter::once(ScenarioKind::of::<Plain>())
                .chain(of_routes)
                .collect()
        }
        Some(requests) => {
            let stories = requests.stories.iter().enumerate();
            let kinds = stories.map(|(place, story)| ScenarioKind::of_story(place, story));
            kinds.collect()
        }
    }
}

/// The mix of scenarios in Rust, beside which there is nothing else that users do.
fn check_mix(
    mix: Spanned<BTreeMap<Spanned<String>, u32>>,
    others: &UsersFile,
    application: &Application,
) -> Result<Mix, Mistake> {
    if !others.is_empty() {
        return Err(Mistake::at(
            &mix,
            "a plan has either a [mix] of scenarios in Rust, or plain requests or scenarios of its own, not both",
        ));
    }
    let keys: Vec<String> = application
        .scenarios
        .iter()
        .map(|kind| kind.key())
        .collect();
    let mut names = mix.get_ref().keys();
    if let Some(unknown) = names.find(|name| !keys.contains(name.get_ref())) {
        let known = match keys.is_empty() {
            true => "this program has none; write plain requests, each a [[request]]".to_owned(),
            false => format!("there is {}", keys.join(", ")),
        };
        let sentence = format!("no scenario is called {:?}; {known}", unknown.get_ref());
        return Err(Mistake::at(unknown, sentence));
    }
    if mix.get_ref().values().all(|weight| *weight == 0) {
        let example = keys.first().map_or("readers", String::as_str);
        return Err(Mistake::at(
            &mix,
            format!(
                "the mix has no users; give at least one scenario a weight, such as `{example} = 1`"
            ),
        ));
    }
    if let Some(at) = others.any() {
        return Err(Mistake {
            at,
            ..Mistake::somewhere(
                "only plain requests and scenarios of the plan's own have a use for this",
            )
        });
    }
    let weights = mix.into_inner().into_iter();
    let weights = weights.map(|(name, weight)| (name.into_inner(), weight));
    Ok(Mix::of(weights.collect(), &application.scenarios))
}

fn check_thresholds(rules: Vec<Spanned<String>>, plan: &Plan) -> Result<Vec<Threshold>, Mistake> {
    let figures = plan.figures();
    rules
        .into_iter()
        .map(|rule| {
            let threshold = Threshold::read(rule.get_ref(), &figures)
                .map_err(|error| Mistake::at(&rule, format!("{error}")))?;
            rules::check(&threshold, plan).map_err(|sentence| Mistake::at(&rule, sentence))?;
            Ok(threshold)
        })
        .collect()
}

#[cfg(test)]
mod tests;
