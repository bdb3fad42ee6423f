//! Two runs side by side: which figures differ, by how much, and whether the two may be
//! held against each other at all.
//!
//! A comparison is no gate. There is one run on each side, and nothing here knows how
//! much two runs of the same build differ; so it has no verdict.

mod caution;
mod figure;
mod quantile;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::gate::record::Side;
use crate::record::{Document, ProcessRecord, Record, RouteRecord};
use crate::threshold::Unit;
use crate::verdict::Judgement;

pub use caution::Caution;
pub use figure::{Better, Figure};
pub use quantile::Curve;

/// Two runs side by side, with everything that their page shows. Ratios are
/// candidate ÷ baseline.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The version of this form.
    pub schema_version: u32,
    /// The name of the comparison's folder.
    pub id: String,
    /// When the two were compared.
    pub made: Timestamp,
    /// The command that compares them again.
    pub command: String,
    /// The run compared against.
    pub baseline: Run,
    /// The run that is held against it.
    pub candidate: Run,
    /// What speaks against comparing the two, the gravest first.
    pub cautions: Vec<Caution>,
    /// Figures of the whole run.
    pub totals: Vec<Figure>,
    /// Figures by route, in the candidate's order, then those that only the baseline has.
    pub routes: Vec<Route>,
    /// CPU time per request that was sent, by service, the generator last.
    pub services: Vec<Figure>,
}

impl Document for Comparison {
    const FILE: &str = "comparison.json";
    const SCHEMA_VERSION: u32 = 1;
}

/// One of the two runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The name of its folder.
    pub id: String,
    /// Whether that folder is among the same reports, so that its page can be linked.
    pub is_at_home: bool,
    /// The plan's name.
    pub plan: String,
    /// What the run came to.
    pub judgement: Judgement,
    /// When its load began.
    pub started: Timestamp,
    /// How long the stages that are no warm-up lasted, in seconds.
    pub measured_seconds: f64,
    /// The seed of its random choices.
    pub seed: u64,
    /// Where it was made, and of what build.
    pub environment: Environment,
}

/// What a route did in both runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// `GET /items/{key}`.
    pub name: String,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// Response times of the baseline, unless it had none.
    pub baseline: Option<Curve>,
    /// Response times of the candidate, unless it had none.
    pub candidate: Option<Curve>,
}

/// A run to compare: its record, and where it was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The name of its folder.
    pub id: &'a str,
    /// Whether that folder is among the reports that the comparison will be among.
    pub is_at_home: bool,
    /// Its record.
    pub record: &'a Record,
}

impl Comparison {
    /// Compares two runs.
    pub fn of(baseline: Found<'_>, candidate: Found<'_>, made: Timestamp, command: &str) -> Self {
        let (a, b) = (baseline.record, candidate.record);
        Comparison {
            schema_version: Self::SCHEMA_VERSION,
            id: format!("{}..{}", baseline.id, candidate.id),
            made,
            command: command.to_owned(),
            cautions: caution::cautions(a, b),
            totals: totals(a, b),
            routes: routes(a, b),
            services: services(&a.processes, &b.processes),
            baseline: Run::new(baseline),
            candidate: Run::new(candidate),
        }
    }

    /// Whether the two are alike enough for a difference to be one of the builds.
    pub fn is_fair(&self) -> bool {
        !self.cautions.iter().any(Caution::forbids)
    }

    /// One of the two runs.
    pub fn run(&self, side: Side) -> &Run {
        match side {
            Side::Baseline => &self.baseline,
            Side::Candidate => &self.candidate,
        }
    }
}

impl Run {
    fn new(found: Found<'_>) -> Self {
        let record = found.record;
        Run {
            id: found.id.to_owned(),
            is_at_home: found.is_at_home,
            plan: record.plan.name.clone(),
            judgement: record.judgement.clone(),
            started: record.started,
            measured_seconds: record.measured_seconds,
            seed: record.seed,
            environment: record.environment.clone(),
        }
    }
}

fn totals(baseline: &Record, candidate: &Record) -> Vec<Figure> {
    let both = |figure: &dyn Fn(&Record) -> Option<f64>| (figure(baseline), figure(candidate));
    let sent = |record: &Record| record.routes.iter().map(|r| r.requests.count).sum::<u64>();
    let failed = |record: &Record| record.routes.iter().map(|r| r.requests.failed).sum::<u64>();
    let rate = |record: &Record| {
        (record.measured_seconds > 0.0).then(|| sent(record) as f64 / record.measured_seconds)
    };
    let failed = |record: &Record| {
        (sent(record) > 0).then(|| failed(record) as f64 / sent(record) as f64 * 100.0)
    };
    let figures = [
        Figure::new(
            "Requests a second",
            Unit::PerSecond,
            Better::More,
            both(&rate),
        ),
        Figure::new(
            "Failed requests",
            Unit::Percent,
            Better::Less,
            both(&failed),
        ),
    ];
    let named = named(baseline, candidate);
    let all = figures.into_iter().chain(named);
    all.filter(Figure::is_known).collect()
}

/// The figures of the program that have a name for people.
fn named(baseline: &Record, candidate: &Record) -> Vec<Figure> {
    let value = |record: &Record, name: &str| {
        let known = record.figures.iter().find(|figure| figure.name == name);
        known.and_then(|figure| figure.value)
    };
    let labelled = candidate.figures.iter();
    let labelled = labelled.filter_map(|figure| Some((figure, figure.label.as_ref()?)));
    let figures = labelled.map(|(figure, label)| {
        let better = match figure.is_better_high {
            true => Better::More,
            false => Better::Less,
        };
        let both = (value(baseline, &figure.name), figure.value);
        Figure::new(&crate::words::capitalised(label), figure.unit, better, both)
    });
    figures.collect()
}

fn routes(baseline: &Record, candidate: &Record) -> Vec<Route> {
    let named = |record: &'_ Record, name: &str| {
        let mut routes = record.routes.iter();
        routes.find(|route| route.name == name).cloned()
    };
    let of_candidate = candidate.routes.iter();
    let lost = baseline.routes.iter();
    let lost = lost.filter(|route| named(candidate, &route.name).is_none());
    let names = of_candidate.chain(lost).map(|route| route.name.as_str());
    names
        .map(|name| {
            route(
                name,
                named(baseline, name).as_ref(),
                named(candidate, name).as_ref(),
            )
        })
        .collect()
}

fn route(name: &str, baseline: Option<&RouteRecord>, candidate: Option<&RouteRecord>) -> Route {
    let curve = |route: Option<&RouteRecord>| Curve::of(route?);
    let (a, b) = (curve(baseline), curve(candidate));
    let rate = |route: Option<&RouteRecord>| route?.requests.per_second;
    let rates = (rate(baseline), rate(candidate));
    let mut figures = vec![Figure::new("Rate", Unit::PerSecond, Better::More, rates)];
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        figures.push(Figure::quantile(name, share, a.as_ref(), b.as_ref()));
    }
    Route {
        name: name.to_owned(),
        figures,
        baseline: a,
        candidate: b,
    }
}

fn services(baseline: &[ProcessRecord], candidate: &[ProcessRecord]) -> Vec<Figure> {
    let (a, b) = (by_service(baseline), by_service(candidate));
    let mut names: Vec<&str> = Vec::new();
    for process in candidate.iter().chain(baseline) {
        let name = service(&process.name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let figure = |name: &str| {
        let both = (a.get(name).copied(), b.get(name).copied());
        Figure::new(name, Unit::Microseconds, Better::Less, both)
    };
    names.into_iter().map(figure).collect()
}

fn by_service(processes: &[ProcessRecord]) -> BTreeMap<&str, f64> {
    let mut sums = BTreeMap::new();
    for process in processes {
        if let Some(micros) = process.cpu_micros_per_request {
            *sums.entry(service(&process.name)).or_default() += micros;
        }
    }
    sums
}

/// The service of a node: `shop` of `shop-2`.
fn service(node: &str) -> &str {
    match node.rsplit_once('-') {
        Some((service, number)) if number.bytes().all(|b| b.is_ascii_digit()) => service,
        _ => node,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    fn compare(baseline: &Record, candidate: &Record) -> Comparison {
        let found = |id, record| Found {
            id,
            is_at_home: true,
            record,
        };
        let (a, b) = (found("a", baseline), found("b", candidate));
        Comparison::of(a, b, Timestamp::UNIX_EPOCH, "loadtests compare a b")
    }

    #[test]
    fn a_run_is_as_fast_as_itself() {
        let comparison = compare(&example(), &example());
        assert!(comparison.is_fair(), "{:?}", comparison.cautions);
        let routes = comparison.routes.iter().flat_map(|route| &route.figures);
        let figures = routes.chain(&comparison.totals).chain(&comparison.services);
        let ratios: Vec<_> = figures.filter_map(|figure| figure.ratio).collect();
        assert!(
            ratios.len() > 5 && ratios.iter().all(|ratio| *ratio == 1.0),
            "{ratios:?}"
        );
    }

    #[test]
    fn a_route_that_one_of_them_has_not_is_shown_without_a_ratio() {
        let (baseline, mut candidate) = (example(), example());
        candidate.routes[0].name = "GET /new".to_owned();
        let comparison = compare(&baseline, &candidate);
        let names: Vec<_> = comparison.routes.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["GET /new", "GET /items/{key}"]);
        let mut figures = comparison.routes.iter().flat_map(|route| &route.figures);
        assert!(figures.all(|figure| figure.ratio.is_none()));
    }

    #[test]
    fn nodes_of_a_service_are_added_up() {
        let node = |name: &str, micros| ProcessRecord {
            name: name.to_owned(),
            cpu_seconds: 1.0,
            cpu_micros_per_request: Some(micros),
        };
        let two = [
            node("shop-1", 10.0),
            node("shop-2", 20.0),
            node("generator", 5.0),
        ];
        let three = [
            node("shop-1", 30.0),
            node("shop-2", 15.0),
            node("shop-10", 15.0),
        ];
        let figures = services(&two, &three);
        assert_eq!(figures[0].name, "shop");
        assert_eq!(figures[0].ratio, Some(2.0));
        assert_eq!(figures[1].name, "generator");
        assert_eq!(figures[1].candidate, None);
    }

    #[test]
    fn a_comparison_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let comparison = compare(&example(), &example());
        comparison.write(folder.path()).expect("written");
        let back = Comparison::read(folder.path()).expect("readable");
        assert_eq!(
            serde_json::to_value(back).expect("JSON"),
            serde_json::to_value(comparison).expect("JSON")
        );
    }
}
