use std::time::Duration;

use crate::arrivals::Spacing;
use crate::evidence::Limits;
use crate::plan::Stage;
use crate::testing::{parse_file, refusal};

const VALID: &str = r#"
name = "tiny"
thresholds = ["p99<50ms for GET /items/{key}", "fresh-ratio>=1%"]

[[stage]]
name = "steady"
users = 4
duration = "2s"

[mix]
browsers = 1
"#;

fn error(source: &str) -> String {
    parse_file("tiny.toml", source)
        .expect_err("invalid")
        .to_string()
}

#[test]
fn a_small_plan_is_read_with_defaults_for_the_rest() {
    let plan = parse_file("tiny.toml", VALID).expect("valid");
    assert_eq!(plan.think_time, Duration::from_millis(5));
    assert_eq!(plan.stages[0].users, 4);
    assert_eq!(plan.thresholds.len(), 2);
    assert_eq!(plan.limits, Limits::default());
}

#[test]
fn a_plan_sets_the_limits_that_it_names_and_no_others() {
    let source = format!("{VALID}[limits]\nsend_lag = \"5ms\"\nbusy = 90.0\n");
    let limits = parse_file("tiny.toml", &source).expect("valid").limits;
    let expected = Limits {
        send_lag: Duration::from_millis(5),
        busy: 90.0,
        ..Limits::default()
    };
    assert_eq!(limits, expected);
}

#[test]
fn a_rate_makes_a_stage_open_and_gives_it_users_enough() {
    let stages = r#"rate = "2000/s"
arrivals = "poisson"
duration = "2s"

[[stage]]
name = "up"
rate = "3000/s"
users = 7
ramp = "1s"
"#;
    let source = VALID.replace("users = 4\n", stages);
    let plan = parse_file("tiny.toml", &source).expect("valid");
    let open = |stage: usize| plan.stages[stage].open.expect("open load");
    assert_eq!(open(0).spacing, Spacing::Poisson);
    assert_eq!(open(0).curve.expected(), 4000.0);
    assert_eq!(plan.stages[0].users, 200);
    assert_eq!((open(1).curve.from, plan.stages[1].users), (2000.0, 7));
}

#[test]
fn the_last_stage_may_end_with_a_number_of_turns() {
    let source = VALID.replace("duration = \"2s\"", "turns = 50");
    let stage = parse_file("tiny.toml", &source).expect("valid").stages;
    assert_eq!(stage[0].turns, Some(50));
    for (from, to, place, says) in [
        ("duration", "turns = 0\nduration", "8:9", "at least one"),
        (
            "users = 4",
            "rate = \"9/s\"\nturns = 1",
            "8:9",
            "have a rate",
        ),
        (
            "users = 4",
            "users = 4\nwarm_up = true\nturns = 1",
            "9:9",
            "warm-up lasts",
        ),
        (
            "[mix]",
            "turns = 1\n[[stage]]\nname = \"b\"\nusers = 1\nduration = \"1s\"\n[mix]",
            "12:8",
            "put it last",
        ),
    ] {
        refusal("tiny.toml", VALID, (from, to, place, says));
    }
}

#[test]
fn a_stage_may_be_a_pause_or_shorter_than_a_second() {
    let pauses = "users = 4\nduration = \"250ms\"\n[[stage]]\nname = \"pause\"\nusers = 0\nduration = \"20ms\"\n[[stage]]\nname = \"other\"\nrate = \"0/s\"";
    let plan = parse_file("tiny.toml", &VALID.replace("users = 4", pauses)).expect("valid");
    let pauses: Vec<_> = plan.stages.iter().map(Stage::is_pause).collect();
    assert_eq!(pauses, [false, true, true]);
    assert_eq!(plan.stages[0].duration, Duration::from_millis(250));
}

#[test]
fn wrong_types_are_told_in_the_words_of_plans() {
    for (from, to, place, says) in [
        (
            "users = 4",
            "users = \"4\"",
            "7:9",
            "this is the text \"4\"; write a whole number of 0 or more",
        ),
        (
            "users = 4",
            "users = -4",
            "7:9",
            "this is the number -4; write a whole number of 0 or more",
        ),
        (
            "users = 4",
            "users = 4.5",
            "7:9",
            "this is the number 4.5; write a whole number",
        ),
        (
            "users = 4",
            "users = 4\nwarm_up = 1",
            "8:11",
            "this is the number 1; write true or false",
        ),
        (
            "\"2s\"",
            "2",
            "8:12",
            "this is the number 2; write a length of time with its unit",
        ),
        (
            "users = 4",
            "rate = 5",
            "7:8",
            "this is the number 5; write a rate in quotes",
        ),
        (
            "users = 4",
            "rate = \"5/s\"\narrivals = \"often\"",
            "8:12",
            "`often` is not known here; write `constant` or `poisson`",
        ),
        (
            "users = 4",
            "rate = \"5/s\"\narrivals = 3",
            "8:12",
            "write one of the words",
        ),
        (
            "[[stage]]",
            "[stage]",
            "5:1",
            "`[stage]` is written `[[stage]]`",
        ),
        (
            "[mix]",
            "[[limits]]\nbusy = 1.0\n[mix]",
            "10:1",
            "`[[limits]]` is written `[limits]`",
        ),
        ("[mix]", "[[mix]]", "10:1", "`[[mix]]` is written `[mix]`"),
        (
            "[mix]",
            "[request]\npath = \"/\"\n[mix]",
            "10:1",
            "`[request]` is written `[[request]]`",
        ),
        (
            "[\"p99<50ms for GET /items/{key}\", \"fresh-ratio>=1%\"]",
            "\"p99<50ms\"",
            "3:14",
            "this is the text \"p99<50ms\"; write a list",
        ),
        ("duration = \"2s\"\n", "", "6:8", "a stage has a `duration`"),
        (
            "browsers = 1",
            "readers = true",
            "11:11",
            "this is true; write a whole number",
        ),
        (
            "[mix]",
            "[limits]\nbusy = \"much\"\n[mix]",
            "11:8",
            "this is the text \"much\"; write a number",
        ),
        (
            "[mix]",
            "[gate.margin]\np50 = [1]\n[mix]",
            "11:7",
            "this is a list; write a number",
        ),
        (
            "[mix]",
            "[answer]\nhead = true\n[mix]",
            "11:8",
            "this is true; write a size such as",
        ),
        (
            "[mix]",
            "[answer]\nhead = \"large\"\n[mix]",
            "11:8",
            "is no size",
        ),
        (
            "[mix]",
            "[answer]\nfields = 0\n[mix]",
            "11:10",
            "between 1 and",
        ),
        (
            "[mix]\nbrowsers = 1",
            "[[request]]\npath = \"/\"\nheaders = \"a\"",
            "12:11",
            "this is the text \"a\"; write a table such as",
        ),
        (
            "[mix]\nbrowsers = 1",
            "[[request]]\npath = \"/\"\nheaders = [\"a\"]",
            "12:12",
            "write a pair such as",
        ),
        (
            "[mix]\nbrowsers = 1",
            "[[request]]\npath = \"/\"\nheaders = [[\"a\"]]",
            "12:12",
            "write a pair such as",
        ),
        (
            "[mix]\nbrowsers = 1",
            "[[request]]\npath = \"/\"\nstatus = true",
            "12:10",
            "this is true; write a status such as `200`",
        ),
        (
            "[mix]\nbrowsers = 1",
            "[[request]]\npath = 5",
            "11:8",
            "this is the number 5; write a text in quotes",
        ),
    ] {
        let message = refusal("tiny.toml", VALID, (from, to, place, says));
        let foreign = [
            "u16", "u32", "u64", "usize", "f64", "struct", "sequence", " map", "tuple", "integer",
            "enum",
        ];
        let sentence = message.lines().next().unwrap_or_default();
        assert!(
            !foreign.iter().any(|word| sentence.contains(word)),
            "{message}"
        );
    }
}

#[test]
fn an_unknown_setting_is_shown_where_it_stands() {
    let message = error(&VALID.replace("users = 4", "users = 4\nuser = 5"));
    assert!(
        message.starts_with("tiny.toml:8:1: unknown field `user`"),
        "{message}"
    );
    assert!(message.contains("8 | user = 5\n"), "{message}");
    assert!(message.ends_with("  | ^"), "{message}");
}

#[test]
fn nonsense_is_refused_with_its_place_and_what_would_be_right() {
    for (from, to, place, says) in [
        ("\"2s\"", "\"2 seconds long\"", "8:12", "no duration"),
        ("\"2s\"", "\"9ms\"", "8:12", "10ms or longer"),
        ("users = 4", "users = 0", "7:9", "nothing to judge"),
        ("users = 4", "rate = \"0/min\"", "7:8", "nothing to judge"),
        (
            "users = 4",
            "rate = \"9/s\"\nusers = 0",
            "8:9",
            "nobody is there",
        ),
        ("users = 4", "users = 100001", "7:9", "0 to 100000 users"),
        ("browsers = 1", "browsers = 0", "10:1", "no users"),
        (
            "browsers = 1",
            "readers = 1",
            "11:1",
            "there is browsers, window_shoppers, buyers",
        ),
        ("\"tiny\"", "\"../tiny\"", "2:8", "lowercase letters"),
        (
            "p99<50ms for GET /items/{key}",
            "p99<50ms for GET /nowhere",
            "3:15",
            "GET /nowhere",
        ),
        (
            "p99<50ms for GET /items/{key}",
            "p990<50ms",
            "3:15",
            "percentile",
        ),
        (
            "fresh-ratio>=1%",
            "fresh-ratios>=1%",
            "3:48",
            "fresh-ratios",
        ),
        (
            "fresh-ratio>=1%",
            "orders-lost<=0",
            "3:48",
            "nobody who buys",
        ),
        ("fresh-ratio>=1%", "cpu-per-request<1ms", "3:48", "of whom"),
        (
            "fresh-ratio>=1%",
            "cpu-per-request<1ms for shop-3",
            "3:48",
            "shop-3",
        ),
        (
            "users = 4",
            "users = 4\nwarm_up = true",
            "5:1",
            "nothing to judge",
        ),
        ("users = 4\n", "", "6:8", "users or a rate"),
        ("users = 4", "rate = \"fast\"", "7:8", "1000/s"),
        (
            "users = 4",
            "users = 4\narrivals = \"poisson\"",
            "8:12",
            "for open load",
        ),
        (
            "users = 4",
            "rate = \"9/s\"\nramp_from = \"1/s\"",
            "8:13",
            "without a ramp",
        ),
        ("users = 4", "users = 4\nramp = \"3s\"", "8:8", "longer"),
        ("name = \"tiny\"", "name = \"tiny", "2:13", ""),
        (
            "[mix]",
            "[limits]\nstolen = -1.0\n[mix]",
            "11:10",
            "between 0 and 1000",
        ),
        (
            "[mix]",
            "[topology]\nshops = 33\n[mix]",
            "10:1",
            "name a system with --topology FILE",
        ),
    ] {
        refusal("tiny.toml", VALID, (from, to, place, says));
    }
}
