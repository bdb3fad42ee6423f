use crate::testing::{parse_file, refusal};

const VALID: &str = r#"
name = "shop"
thresholds = ["p99<50ms for GET /items/{item}"]
[[stage]]
name = "steady"
users = 4
duration = "2s"
[[request]]
path = "/items/{item}"
weight = 3
[[request]]
method = "POST"
path = "/basket"
headers = { content-type = "application/json" }
body = '{"item": {item}}'
status = 201
[values.item]
from = 1
to = 9
"#;

#[test]
fn a_plan_of_plain_requests_is_read_with_defaults_for_the_rest() {
    let plan = parse_file("shop.toml", VALID).expect("valid");
    let requests = plan.requests.expect("plain requests").requests;
    let names: Vec<_> = requests.iter().map(|r| r.route.name()).collect();
    assert_eq!(names, ["GET /items/{item}", "POST /basket"]);
    let are = requests.iter().map(|request| {
        let rights = [200, 201].map(|status| request.status.contains(status));
        (request.weight, rights)
    });
    let are: Vec<_> = are.collect();
    assert_eq!(are, [(3, [true, false]), (1, [false, true])]);
}

#[test]
fn a_name_tells_requests_of_one_path_apart_for_rules_too() {
    let named = VALID.replace(
        "path = \"/items/{item}\"\n",
        "path = \"/items/{item}\"\nname = \"one\"\n",
    );
    let rule = [
        "p99<50ms for GET /items/{item}",
        "p99<50ms for GET /items/{item} (one)",
    ];
    let unknown = parse_file("shop.toml", &named).expect_err("there is only the other");
    assert!(
        unknown.to_string().contains("GET /items/{item} (one)"),
        "{unknown}"
    );
    let plan = parse_file("shop.toml", &named.replace(rule[0], rule[1])).expect("valid");
    let requests = plan.requests.expect("plain requests").requests;
    assert_eq!(requests[0].route.name(), "GET /items/{item} (one)");
}

#[test]
fn nonsense_is_refused_with_its_place_and_what_would_be_right() {
    for (from, to, place, says) in [
        (
            "path = \"/items",
            "path = \"items",
            "9:8",
            "begins with `/`",
        ),
        ("values.item", "values.itme", "9:8", "[values.item]"),
        ("\"POST\"", "\"PO ST\"", "12:10", "no method"),
        ("content-type =", "\"content type\" =", "14:13", "no name"),
        (
            "status = 201",
            "status = 20",
            "16:10",
            "between 200 and 599",
        ),
        ("weight = 3", "weight = 0", "10:10", "between 1 and"),
        (
            "weight = 3",
            "name = \"a (b)\"",
            "10:8",
            "without parentheses",
        ),
        ("weight = 3", "wieght = 3", "10:1", "unknown field"),
        ("to = 9", "to = 0", "19:6", "at least `from`"),
        ("to = 9", "", "17:1", "list = ["),
        (
            "GET /items/{item}\"",
            "GET /item\"",
            "3:15",
            "GET /items/{item}, POST",
        ),
        (
            "p99<50ms for GET /items/{item}",
            "fresh-ratio>=1%",
            "3:15",
            "topology",
        ),
        (
            "[[stage]]",
            "[topology]\nshops = 1\n[[stage]]",
            "4:1",
            "no [topology]",
        ),
        (
            "'{\"item\": {item}}'",
            "'{\"item\": {itme}}'",
            "15:8",
            "write {{itme}}",
        ),
        (
            "'{\"item\": {item}}'",
            "\"\"\"\n{\n  \"item\": {itme}}\"\"\"",
            "17:11",
            "[values.itme]",
        ),
        (
            "to = 9",
            "to = 9\n[values.other]\nlist = [\"a\"]",
            "20:9",
            "no request has {other}",
        ),
        ("values.item", "values.\"it em\"", "17:9", "letters, digits"),
        (
            "to = 9",
            "to = 9\n[values.\"ot her\"]\nlist = [\"a\"]",
            "20:9",
            "letters, digits",
        ),
        (
            "\"application/json\"",
            "\"a\\nb\"",
            "14:28",
            "one line of text",
        ),
        (
            "from = 1\nto = 9",
            "list = [\"a\\r\\nX: b\"]\n[[request]]\npath = \"/\"\nheaders = { X = \"{item}\" }",
            "21:17",
            "one line of text",
        ),
        ("status = 201", "status = [201, 20]", "16:16", "between 200"),
        ("status = 201", "status = []", "16:10", "at least one"),
        ("status = 201", "status = \"201\"", "16:10", "`[200, 404]`"),
        (
            "status = 201",
            "status = 204\ncontains = \"a\"",
            "17:12",
            "never a body",
        ),
        (
            "\"POST\"",
            "\"HEAD\"\ncontains = \"a\"",
            "13:12",
            "never a body",
        ),
        ("\"POST\"", "\"CONNECT\"", "12:10", "tunnel"),
        (
            "status = 201",
            "timeout = \"0s\"",
            "16:11",
            "between 1ms and 1h",
        ),
        ("[values", "[mix]\nreaders = 1\n[values", "17:1", "either"),
    ] {
        refusal("shop.toml", VALID, (from, to, place, says));
    }
}

/// The header fields of the second request, as they are sent.
fn fields(headers: &str) -> Vec<(String, String)> {
    let written = "headers = { content-type = \"application/json\" }";
    let source = VALID.replace(written, headers);
    let plan = parse_file("shop.toml", &source).expect("valid");
    let requests = plan.requests.expect("plain requests").requests;
    let fields = requests[1].headers.iter().map(|field| {
        let value = field.value.constant().expect("no placeholder");
        (field.written.clone(), value)
    });
    fields.collect()
}

#[test]
fn header_fields_are_written_as_a_table_or_as_pairs_and_sent_in_their_order() {
    let expected = [
        ("Cookie", "b"),
        ("X", ""),
        ("cookie", "a"),
        ("cookie", "\u{fc}"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for headers in [
        "headers = { Cookie = \"b\", X = \"\", cookie = [\"a\", \"\u{fc}\"] }",
        "headers.Cookie = \"b\"\nheaders.X = \"\"\nheaders.cookie = [\"a\", \"\u{fc}\"]",
        "headers = [[\"Cookie\", \"b\"], [\"X\", \"\"], [\"cookie\", \"a\"], [\"cookie\", \"\u{fc}\"]]",
    ] {
        assert_eq!(fields(headers), expected, "{headers}");
    }
}

#[test]
fn limits_of_answers_are_those_of_the_plan_and_of_the_request() {
    let source = VALID
        .replace("thresholds", "timeout = \"3s\"\nthresholds")
        .replace(
            "status = 201",
            "timeout = \"1m\"\n[answer]\nfields = 7\nhead = \"1 MiB\"\nbody = 5",
        );
    let plan = parse_file("shop.toml", &source).expect("valid");
    let answers = plan.answers;
    assert_eq!(answers.timeout.as_secs(), 3);
    assert_eq!(
        (answers.fields, answers.head, answers.body),
        (7, 1 << 20, 5)
    );
    let requests = plan.requests.expect("plain requests").requests;
    let limits: Vec<_> = requests
        .iter()
        .map(|r| r.timeout.map(|t| t.as_secs()))
        .collect();
    assert_eq!(limits, [None, Some(60)]);
}
