//! A small program for the framework's own tests: a shop with a door, two shops and a store.

use std::sync::Arc;

use harness::Topology;

use crate::figure::Figure;
use crate::plan::{InvalidPlan, Plan, PlanOf};
use crate::program::application::Application;
use crate::samples::Route;
use crate::scenario::{Scenario, ScenarioKind};
use crate::threshold::Unit;
use crate::user::User;

/// The route of most users.
pub(crate) const READ: Route = Route::new("GET", "/items/{key}");

/// Users of one route.
macro_rules! users {
    ($type:ident, $name:literal, $route:expr) => {
        pub(crate) struct $type;

        impl Scenario for $type {
            const NAME: &str = $name;
            const ROUTES: &[Route] = &[$route];

            fn of(_: &mut User) -> Self {
                $type
            }

            async fn turn(&mut self, user: &mut User) {
                let request = user.get("/items/1");
                let check = |answer: &crate::user::Answer| answer.expect_status(200);
                user.send(Self::ROUTES[0], request, check).await;
            }
        }
    };
}

users!(Browsers, "browsers", READ);
users!(
    WindowShoppers,
    "window shoppers",
    Route::new("GET", "/items")
);
users!(Buyers, "buyers", Route::new("POST", "/orders"));

/// The system of the small program.
pub(crate) const TOPOLOGY: &str = r#"
[node.door]
run = ["door", "{shop.urls}"]
[node.shop]
run = ["shop", "{store.url}", "{shelf.url}"]
replicas = 2
[node.shelf]
run = ["shelf"]
[node.store]
run = ["store"]
"#;

const SMOKE: &str = r#"
name = "smoke"
description = "A few seconds of every kind of user."
thresholds = ["error-rate<1%", "p99<1s for GET /items/{key}"]
[mix]
browsers = 6
buyers = 1
[[stage]]
name = "warm-up"
users = 4
duration = "1s"
warm_up = true
[[stage]]
name = "steady"
users = 8
duration = "4s"
"#;

const GATE: &str = r#"
name = "gate"
thresholds = ["error-rate<1%"]
[mix]
browsers = 1
[[stage]]
name = "steady"
users = 8
duration = "4s"
"#;

/// The small program.
pub(crate) fn application() -> Arc<Application> {
    let mut application = Application::new("shop".to_owned());
    application.scenarios = vec![
        ScenarioKind::of::<Browsers>(),
        ScenarioKind::of::<WindowShoppers>(),
        ScenarioKind::of::<Buyers>(),
    ];
    application.figures = vec![
        Figure::new("fresh-ratio", Unit::Percent, "fresh answers")
            .labelled("fresh answers")
            .better_high(),
        Figure::new("orders-lost", Unit::Count, "orders lost").unless(|plan| {
            let nobody = plan.mix.weight("buyers") == 0;
            nobody.then_some("has nobody who buys")
        }),
    ];
    application.system = Some(Box::new(|_| {
        Topology::from_toml(TOPOLOGY).expect("a topology")
    }));
    application.plans = vec![SMOKE, GATE];
    Arc::new(application)
}

/// A built-in plan of the small program.
pub(crate) fn plan(name: &str) -> Plan {
    Plan::load(name, PlanOf::program(&application())).expect("built in")
}

/// A plan of the small program.
pub(crate) fn parse(source: &str) -> Plan {
    try_parse(source).expect("a plan")
}

/// The plan, or what is wrong with it.
pub(crate) fn try_parse(source: &str) -> Result<Plan, String> {
    parse_file("tiny.toml", source).map_err(|error| error.to_string())
}

/// A plan of the small program, which errors call `file`.
pub(crate) fn parse_file(file: &str, source: &str) -> Result<Plan, InvalidPlan> {
    Plan::parse(file, source, PlanOf::program(&application()))
}

/// The message by which `valid`, with the text `to` in place of the first `from`, is refused:
/// it begins with the file and `place`, a line and a column, and contains `says`.
#[track_caller]
pub(crate) fn refusal(
    file: &str,
    valid: &str,
    (from, to, place, says): (&str, &str, &str, &str),
) -> String {
    assert!(valid.contains(from), "{from}");
    let refused = parse_file(file, &valid.replacen(from, to, 1)).expect_err(to);
    let message = refused.to_string();
    assert!(
        message.starts_with(&format!("{file}:{place}: ")),
        "{to}: {message}"
    );
    assert!(message.contains(says), "{to}: {message}");
    message
}
