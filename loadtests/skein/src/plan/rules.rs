//! Checks that a threshold is about something that its plan has.

use crate::figure::Figure;
use crate::samples::Route;
use crate::threshold::{Metric, Threshold};

use super::{Plan, Requests};

/// Refuses a rule about something that the plan doesn't have.
pub(super) fn check(threshold: &Threshold, plan: &Plan) -> Result<(), String> {
    let subject = threshold.subject.as_deref();
    match &threshold.metric {
        Metric::Unsent | Metric::Late => check_stage(subject, plan),
        Metric::Checks => check_named(subject, plan),
        Metric::Named(figure) => check_figure(figure, subject, plan),
        Metric::Measured(figure, _) => {
            check_figure(figure, subject, plan)?;
            match plan.measures(figure) {
                true => Ok(()),
                false => Err("this plan has no users who count or measure this".to_owned()),
            }
        }
        Metric::CpuPerRequest if plan.requests.is_some() && plan.foreign.is_none() => {
            Err(NO_SYSTEM.to_owned())
        }
        Metric::CpuPerRequest => check_node(subject, plan),
        Metric::Connect(_)
        | Metric::Handshake(_)
        | Metric::StreamWait(_)
        | Metric::Resumed
        | Metric::RequestsPerConnection
            if subject.is_some() =>
        {
            Err("this metric is about all connections and takes no `for`".to_owned())
        }
        _ => subject.map_or(Ok(()), |subject| match is_followed(subject, plan) {
            true => Ok(()),
            false => check_route(subject, plan),
        }),
    }
}

const NO_SYSTEM: &str = "a plan of plain requests knows nothing of the topology behind the server; judge responses, such as `p99<50ms`";

fn check_stage(subject: Option<&str>, plan: &Plan) -> Result<(), String> {
    let mut names: Vec<&str> = Vec::new();
    for stage in plan.stages.iter().filter(|stage| !stage.warm_up) {
        let scenarios = stage.open_loads().filter_map(|(scenario, _)| scenario);
        let stage = stage.open_loads().next().map(|_| stage.name.as_str());
        for name in stage.into_iter().chain(scenarios) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    match subject {
        _ if names.is_empty() => Err(
            "this is about the turns of open load, and no judged stage of this plan has a rate"
                .to_owned(),
        ),
        Some(subject) if !names.contains(&subject) => Err(format!(
            "no judged stage or scenario with a rate is called {subject:?}; there is {}",
            names.join(", ")
        )),
        _ => Ok(()),
    }
}

fn check_named(subject: Option<&str>, plan: &Plan) -> Result<(), String> {
    let names = plan.requests.iter().flat_map(|requests| &requests.checks);
    let names: Vec<&str> = names.map(String::as_str).collect();
    match subject {
        _ if names.is_empty() => Err(
            "no check of this plan has a name; give one, as in `check = [{ json = \"/id\", exists = true, name = \"has-id\" }]`"
                .to_owned(),
        ),
        Some(subject) if !names.contains(&subject) => Err(format!(
            "no check is called {subject:?}; there is {}",
            names.join(", ")
        )),
        _ => Ok(()),
    }
}

fn check_figure(name: &str, subject: Option<&str>, plan: &Plan) -> Result<(), String> {
    let is_of_all = || match subject {
        Some(_) => Err("this metric is about the whole system and takes no `for`".to_owned()),
        None => Ok(()),
    };
    if plan.equations.figures().any(|figure| figure.name == name) {
        return is_of_all();
    }
    if !plan.is_at_home() {
        return Err(format!(
            "{name} is a figure of {}'s own system, and this is another; name a plan for this one with --plan",
            plan.application.name
        ));
    }
    if plan.requests.is_some() {
        return Err(NO_SYSTEM.to_owned());
    }
    is_of_all()?;
    let figures = &plan.application.figures;
    let known: Option<&Figure> = figures.iter().find(|figure| figure.name == name);
    let missing = known.and_then(|figure| (figure.missing?)(plan));
    missing.map_or(Ok(()), |why| Err(format!("this plan {why}")))
}

fn check_node(subject: Option<&str>, plan: &Plan) -> Result<(), String> {
    let topology = plan.topology();
    let nodes = topology.iter().flat_map(|topology| topology.nodes());
    let mut roles: Vec<&str> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for node in nodes {
        if !roles.contains(&node.role.as_str()) {
            roles.push(&node.role);
        }
        names.push(node.name.as_str());
    }
    // The role of several nodes shows what a rule may be about.
    let several = roles.iter().find(|role| !names.contains(role));
    let example = several.or(roles.first()).copied().unwrap_or("api");
    match subject {
        None => Err(format!(
            "say of whom, such as `cpu-per-request<2ms for {example}`"
        )),
        Some(subject) if roles.contains(&subject) || names.contains(&subject) => Ok(()),
        Some(subject) => {
            let mut of_role = topology.iter().flat_map(|topology| topology.named(example));
            let node = of_role.next().map_or(example, |node| node.name.as_str());
            Err(format!(
                "no service or node of this plan is called {subject:?}; try {example} or {node}"
            ))
        }
    }
}

impl Plan {
    /// True when users of the plan count or measure the figure that is called so.
    pub(crate) fn measures(&self, figure: &str) -> bool {
        let kinds = self.scenarios.iter();
        let mut followed = kinds.filter(|kind| is_followed(&kind.key(), self));
        followed.any(|kind| kind.figures.iter().any(|own| own.name == figure))
    }
}

/// True for a scenario that has users, in the mix or by a load of its own.
fn is_followed(scenario: &str, plan: &Plan) -> bool {
    let has_mix = plan.stages.iter().any(|stage| stage.scenarios.is_empty());
    let in_mix = has_mix && plan.mix.weight(scenario) > 0;
    in_mix
        || plan
            .stages
            .iter()
            .any(|stage| stage.load_of(scenario).is_some())
}

pub(super) fn check_route(subject: &str, plan: &Plan) -> Result<(), String> {
    let scenarios = &plan.application.scenarios;
    let mixed = scenarios
        .iter()
        .filter(|kind| plan.requests.is_none() && is_followed(&kind.key(), plan));
    let of_scenarios = mixed.flat_map(|kind| kind.routes).map(Route::name);
    let told = plan.requests.iter().flat_map(Requests::routes);
    let routes: Vec<_> = of_scenarios.chain(told.map(|route| route.name())).collect();
    if routes.iter().any(|route| route == subject) {
        return Ok(());
    }
    Err(format!(
        "this plan sends no {subject:?}; it sends {}",
        routes.join(", ")
    ))
}
