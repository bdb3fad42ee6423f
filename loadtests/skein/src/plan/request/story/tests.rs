use crate::plan::Plan;
use crate::plan::request::{Order, Slot};
use crate::testing::{parse_file, refusal};

const VALID: &str = r#"
name = "shop"
thresholds = ["p99<50ms for GET /orders/{order}", "checks>=99% for is-mine"]
[[stage]]
name = "steady"
users = 2
duration = "1s"

[[setup]]
method = "POST"
path = "/reset"
capture = { run = { header = "X-Run" } }

[[scenario]]
name = "buyers"
weight = 3
[[scenario.once]]
method = "POST"
path = "/login"
form = { user = "{users.name}", run = "{run}" }
capture = { token = { json = "/token" } }
[[scenario.step]]
method = "POST"
path = "/orders"
headers = { Authorization = "Bearer {token}" }
json = { item = "{item}", amount = 2 }
status = ["2xx", 409]
capture = { order = { json = "/id" }, next = { header = "Link", otherwise = "" } }
think = "1s"
[[scenario.step]]
path = "/orders/{order}"
repeat = { from = 1, to = 3 }
check = [{ json = "/id", equals = "{order}", name = "is-mine" }]
[[scenario.step]]
path = "/next/{next}"
if = "next"
chance = 0.5

[[scenario]]
name = "readers"
cookies = false
[[scenario.step]]
path = "/"

[values.item]
from = 1
to = 9
[data.users]
rows = [{ name = "ann" }, { name = "bob" }]
order = "per-user"
"#;

fn plan(source: &str) -> Plan {
    parse_file("shop.toml", source).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_scenario_is_read_with_what_each_step_needs_and_takes() {
    let plan = plan(VALID);
    let requests = plan.requests.as_ref().expect("what users send");
    let [buyers, readers] = &requests.stories[..] else {
        panic!("two scenarios");
    };
    assert_eq!((buyers.weight, readers.weight), (3, 1));
    assert!(buyers.keeps_cookies && !readers.keeps_cookies);
    assert_eq!((buyers.once.len(), buyers.steps.len()), (1, 3));
    let captured = buyers.steps[0].captures.iter();
    assert_eq!(captured.filter(|c| c.otherwise.is_some()).count(), 1);
    assert_eq!(buyers.steps[1].repeat, 1..=3);
    assert_eq!(requests.tables[0].order, Order::PerUser);
    assert_eq!(requests.checks, ["is-mine"]);
    let captures = requests
        .slots
        .iter()
        .filter(|slot| **slot == Slot::Captured);
    assert_eq!(captures.count(), 4);
    // Four users of five follow each their scenario by weight.
    assert_eq!(plan.roster(4), [0, 0, 1, 0]);
    let names: Vec<_> = plan.scenarios.iter().map(|kind| kind.name).collect();
    assert_eq!(names, ["buyers", "readers"]);
}

#[test]
fn a_secret_of_the_environment_is_known_by_its_name_alone() {
    // Every test has a path.
    let source = VALID.replace("Bearer {token}", "Bearer {env.PATH}");
    let plan = plan(&source);
    let requests = plan.requests.expect("what users send");
    let path = std::env::var("PATH").expect("a path");
    assert_eq!(requests.secrets().collect::<Vec<_>>(), [path]);
    assert!(plan.source.contains("{env.PATH}"));
}

#[test]
fn a_scenario_that_makes_no_sense_is_refused_with_its_place_and_what_would() {
    for (from, to, place, says) in [
        (
            "{token}\"",
            "{tokne}\"",
            "25:29",
            "`capture` it in an earlier step",
        ),
        (
            "Bearer {token}",
            "Bearer {order}",
            "22:1",
            "isn't always known here",
        ),
        (
            "think = \"1s\"",
            "chance = 0.5",
            "30:1",
            "only `if = \"order\"`",
        ),
        ("if = \"next\"", "if = \"nxet\"", "36:6", "without braces"),
        (
            "if = \"next\"",
            "if = \"next\"\nunless = \"next\"",
            "37:10",
            "not both",
        ),
        (
            "{users.name}",
            "{users.nmae}",
            "20:17",
            "has the columns name",
        ),
        (
            "{users.name}",
            "{env.NO_SUCH_VARIABLE}",
            "20:17",
            "set NO_SUCH_VARIABLE",
        ),
        ("chance = 0.5", "chance = 1.5", "37:10", "between 0 and 1"),
        (
            "chance = 0.5",
            "weight = 2",
            "37:10",
            "only scenarios have a weight",
        ),
        (
            "name = \"readers\"",
            "name = \"buyers\"",
            "40:8",
            "is called so",
        ),
        (
            "name = \"readers\"",
            "name = \"two words\"",
            "40:8",
            "lowercase",
        ),
        (
            "[[scenario.step]]\npath = \"/\"",
            "",
            "39:1",
            "at least one step",
        ),
        ("{ from = 1, to = 3 }", "0", "32:10", "up to a million"),
        (
            "{ json = \"/token\" }",
            "{ }",
            "21:13",
            "captured from one of",
        ),
        (
            "{ json = \"/token\" }",
            "{ json = \"token\" }",
            "21:30",
            "begins with `/`",
        ),
        ("token = {", "item = {", "21:13", "has values already"),
        (
            "[values.item]",
            "[[request]]\npath = \"/\"\n[values.item]",
            "45:1",
            "a single step",
        ),
        (
            "[values.item]",
            "[mix]\nbuyers = 1\n[values.item]",
            "45:1",
            "not both",
        ),
        ("is-mine\"]", "mine\"]", "3:51", "there is is-mine"),
        (
            ", name = \"is-mine\"",
            "",
            "3:51",
            "no check of this plan has a name",
        ),
        (
            "order = \"per-user\"",
            "order = \"each\"",
            "50:9",
            "per-user",
        ),
        (
            "rows = [",
            "file = \"no.csv\"\n# [",
            "49:8",
            "can't be read",
        ),
        ("form = {", "body = \"a\"\nform = {", "21:8", "one body"),
    ] {
        refusal("shop.toml", VALID, (from, to, place, says));
    }
}
