//! Equations of a plan, from their text to the ledger's lines and the readings of figures.

use harness::counters::{Counters, Format};
use proptest::prelude::*;

use super::*;
use crate::ledger::Balance;
use crate::plan::{Amendment, Plan};
use crate::program::NodeCounts;
use crate::run::seen::Sights;
use crate::samples::{Latency, Route, RouteSamples, Series};
use crate::testing;

/// A plan for a door and two shops, with these equations and rules.
fn try_plan(equations: &str, rules: &str) -> Result<Plan, String> {
    testing::try_parse(&format!(
        r#"
name = "mine"
thresholds = [{rules}]
[[stage]]
name = "steady"
users = 1
duration = "1s"
[[request]]
path = "/items"
[node.door]
run = ["door", "{{shop.urls}}"]
counters = "/metrics"
[node.shop]
run = ["shop", "{{store.url}}"]
replicas = 2
counters = "/metrics"
[node.store]
run = ["store"]
{equations}"#
    ))
}

fn plan(equations: &str) -> Plan {
    try_plan(equations, "").expect("a plan")
}

/// The growth of a node's counters between two pages.
fn counted(name: &str, role: &str, pages: [&str; 2]) -> NodeCounts {
    let read = |page: &str| Counters::parse(page.as_bytes(), Format::Prometheus).expect("a page");
    NodeCounts {
        name: name.parse().expect("a name"),
        role: role.to_owned(),
        counters: read(pages[1]).since(&read(pages[0])),
    }
}

/// A run of this number of right answers, and what nodes counted meanwhile.
fn sights(answers: u64, whole: Vec<NodeCounts>) -> Sights {
    let mut latency = Latency::default();
    for _ in 0..answers {
        latency.service.record(5).expect("within range");
    }
    let mut items = RouteSamples::default();
    items.statuses.insert(200, answers);
    items.series.push(Series {
        fault: None,
        node: None,
        latency,
    });
    let mut sights = Sights {
        whole: Some(whole),
        ..Sights::default()
    };
    let route = Route::new("GET", "/items");
    sights.samples.routes.insert((Some(0), 0, route), items);
    sights
}

fn line(plan: &Plan, sights: &Sights) -> Line {
    let seen = Seen::new(plan, sights, true);
    let account = plan.equations.account(&seen, plan.topology().as_ref());
    account.lines[0].clone()
}

const SHOPS: &str = r#"
[[ledger]]
claim = "Shops answered what was sent."
of = { "sent" = "generator:sent" }
is = { "answered" = 'shop:requests_total{path=~"/items.*"}' }
"#;

#[test]
fn a_line_sums_over_replicas_and_over_the_labels_that_are_meant() {
    let one = [
        "requests_total{path=\"/items\"} 1\n",
        "requests_total{path=\"/items\"} 8\nrequests_total{path=\"/metrics\"} 90\n",
    ];
    let other = ["", "requests_total{path=\"/items/7\"} 3\n"];
    let whole = vec![
        counted("shop-1", "shop", one),
        counted("shop-2", "shop", other),
    ];
    let line = line(&plan(SHOPS), &sights(10, whole));
    assert_eq!((line.left.count, line.right[0].count), (10, 10));
    assert_eq!(line.balance, Balance::Even);
}

#[test]
fn what_isnt_shown_is_not_observable_and_zero_only_where_the_plan_says_so() {
    let whole = |page| {
        let shops = ["shop-1", "shop-2"];
        shops.map(|name| counted(name, "shop", ["", page])).into()
    };
    let nothing = line(&plan(SHOPS), &sights(10, whole("")));
    assert_eq!(nothing.balance, Balance::NotObservable);
    assert_eq!(
        nothing.reason.as_deref(),
        Some("shop-1 doesn't show requests_total")
    );
    let unlabelled = line(&plan(SHOPS), &sights(10, whole("requests_total 5\n")));
    let reason = "shop-1 shows requests_total without a label path";
    assert_eq!(unlabelled.reason.as_deref(), Some(reason));
    let plan = plan(&format!("{SHOPS}starts_absent = true"));
    assert_eq!(
        line(&plan, &sights(10, whole(""))).balance,
        Balance::Off(10)
    );
    assert_eq!(
        line(&plan, &Sights::default()).balance,
        Balance::NotObservable
    );
}

#[test]
fn a_node_that_ended_or_began_anew_is_a_difference_with_its_name() {
    let page = |count: u64| format!("requests_total{{path=\"/items\"}} {count}\n");
    let anew = counted("shop-1", "shop", [&page(50), &page(4)]);
    let line = line(&plan(SHOPS), &sights(10, vec![anew]));
    assert_eq!((line.right[0].count, line.balance), (4, Balance::Even));
    let names: Vec<&str> = line.differences.iter().map(|d| &*d.name).collect();
    assert_eq!(
        names,
        ["shop-1", "shop-2"]
            .map(|node| format!("taken along by {node}, which ended or began to count anew"))
    );
    assert_eq!(
        (line.differences[0].at_least, line.differences[0].at_most),
        (0, 10)
    );
}

#[test]
fn a_figure_is_a_quotient_that_thresholds_find_by_its_name() {
    let share = r#"
[figure.hit-ratio]
value = 'door:lookups_total{outcome="hit"}'
per = "door:lookups_total"
unit = "percent"
more_is_better = true"#;
    let mut plan = try_plan(share, r#""hit-ratio>=80%""#).expect("a plan");
    let further = Amendment {
        thresholds: vec!["hit-ratio<=99%".to_owned()],
        ..Amendment::default()
    };
    plan.amend(&further)
        .expect("found from the command line too");
    assert_eq!(plan.thresholds.len(), 2);
    let formula = &plan.equations.formulas[0];
    let reading = |page: &str| {
        let nodes = vec![counted("door", "door", ["", page])];
        let sights = sights(1, nodes);
        let seen = Seen::new(&plan, &sights, true);
        let topology = plan.topology();
        formula.reading(&Books::new(&seen, topology.as_ref(), Over::Run))
    };
    let lookups = |hits: u64, misses: u64| {
        format!(
            "lookups_total{{outcome=\"hit\"}} {hits}\nlookups_total{{outcome=\"miss\"}} {misses}\n"
        )
    };
    assert_eq!(reading(&lookups(3, 1)), Reading::Value(75.0));
    assert_eq!(reading(&lookups(0, 0)), Reading::NoSamples);
    assert_eq!(reading("lookups_total 7\n"), Reading::OutOfSight);
    let unknown = try_plan("", r#""hit-ratio>=80%""#).expect_err("there is no such figure");
    assert!(unknown.contains("hit-ratio"), "{unknown}");
}

#[test]
fn a_mistake_in_an_equation_has_its_place_and_says_what_to_write() {
    let line = |members: &str| format!("[[ledger]]\nclaim = \"c\"\n{members}\n");
    for (equations, place, says) in [
        (line("of = \"generator:sent\""), "19:1", "has no `is`"),
        (
            line("of = \"shop\""),
            "21:6",
            "such as `shop:requests_total`",
        ),
        (
            line("of = \"generator:made\""),
            "21:6",
            "sent, answered, failed",
        ),
        (
            line("of = { a = \"generator:sent{path=\\\"/\\\"}\" }"),
            "21:12",
            "by route, and not by path",
        ),
        (
            line("of = \"shelf:a\""),
            "21:6",
            "no node is called \"shelf\"; there are generator, door",
        ),
        (line("of = \"store:a\""), "21:6", "store shows no counters"),
        (
            line("of = \"door:a - door:b\""),
            "21:6",
            "takes nothing away",
        ),
        (
            line("of = { a = \"door:a\", b = \"door:b\" }"),
            "21:6",
            "add counters within it",
        ),
        (
            line("of = 'generator:sent{route=\"GET /x\"}'"),
            "21:6",
            "it sends GET /items",
        ),
        (line("off = \"door:a\""), "21:1", "`off` is not known here"),
        (
            "[figure.x]\nper = \"door:a\"".to_owned(),
            "19:9",
            "has no `value`",
        ),
        (
            "[figure.p99]\nvalue = \"door:a\"".to_owned(),
            "19:9",
            "lowercase letters",
        ),
        (
            "[figure.unsent]\nvalue = \"door:a\"".to_owned(),
            "19:9",
            "is a metric already",
        ),
        (
            "[figure.x]\nvalue = \"door:a\"\nunit = \"ms\"".to_owned(),
            "21:8",
            "\"seconds\"",
        ),
        (
            "[node.till]\nrun = [\"{shopp.urls}\"]".to_owned(),
            "19:1",
            "shopp, which is no node",
        ),
    ] {
        // A line that is whole but for what is wrong with it.
        let equations = match equations.contains("claim") && !says.contains("`is`") {
            true => format!("{equations}is = \"door:a\"\n"),
            false => equations,
        };
        let message = try_plan(&equations, "").map(|_| ()).expect_err(&equations);
        assert!(message.contains(says), "{equations}: {message}");
        assert!(
            message.contains(&format!(":{place}: ")),
            "{equations}: {message}"
        );
    }
}

#[test]
fn what_a_plan_and_its_systems_file_both_have_is_refused() {
    let own = plan(SHOPS).equations;
    let twice = own
        .clone()
        .with(&own)
        .map(|_| ())
        .expect_err("both have it");
    assert!(twice.contains("Shops answered what was sent."), "{twice}");
    assert!(Equations::default().with(&own).is_ok());
}

proptest! {
    #[test]
    fn a_line_is_off_by_what_is_missing(sent in 0u64..50, answered in 0u64..50) {
        let page = format!("requests_total{{path=\"/items\"}} {answered}\n");
        let nothing = ["", "requests_total{path=\"/\"} 1\n"];
        let whole = vec![
            counted("shop-1", "shop", ["", &page]),
            counted("shop-2", "shop", nothing),
        ];
        let balance = line(&plan(SHOPS), &sights(sent, whole)).balance;
        prop_assert_eq!(balance, match sent as i64 - answered as i64 {
            0 => Balance::Even,
            off => Balance::Off(off),
        });
    }
}
