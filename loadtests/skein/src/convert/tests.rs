use proptest::prelude::*;
use serde_json::json;

use super::draft::{Draft, plain};
use super::*;
use crate::plan::{PlainRequest, Plan, Template};
use crate::testing;

/// The plan that a draft is written as, which can be read.
fn plan(draft: &Draft) -> Plan {
    let toml = draft.to_toml("converted");
    testing::try_parse(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"))
}

/// The requests of a plan, in order.
fn requests(plan: &Plan) -> Vec<&PlainRequest> {
    plan.requests.as_ref().expect("requests").all().collect()
}

fn sent(request: &PlainRequest) -> String {
    let body = request.body.as_ref().map(|body| body.fill(&[]));
    String::from_utf8(body.unwrap_or_default().to_vec()).expect("text")
}

fn made_by() -> String {
    "convert".to_owned()
}

#[test]
fn a_recording_becomes_a_story_of_one_user_with_its_pauses_and_without_its_secrets() {
    let entry = |at: &str, url: &str, more: serde_json::Value| {
        let mut entry = json!({
            "startedDateTime": at, "time": 100.0,
            "request": { "method": "GET", "url": url, "headers": [] },
            "response": { "status": 200 },
        });
        for (pointer, value) in more.as_object().expect("changes") {
            *entry.pointer_mut(pointer).expect("a place") = value.clone();
        }
        entry
    };
    let headers = json!([
        { "name": ":authority", "value": "shop" }, { "name": "Host", "value": "shop" },
        { "name": "Authorization", "value": "Bearer abc" }, { "name": "Cookie", "value": "a=b" },
        { "name": "X-Tag", "value": "{tag}" }, { "name": "Content-Type", "value": "application/json" },
    ]);
    let post = json!({
        "/request": { "method": "POST", "url": "https://shop/orders?x={y}", "headers": headers,
            "postData": { "mimeType": "application/json", "text": "{\"item\": \"{n}\", \"amount\": 2}" } },
        "/response/status": 201,
    });
    let form = json!({ "/request": { "method": "POST", "url": "https://shop/login", "postData": {
        "mimeType": "application/x-www-form-urlencoded; charset=utf-8", "text": "a=b+c&d=%26",
        "params": [{ "name": "a", "value": "b+c" }] } } });
    let har = json!({ "log": { "entries": [
        entry("2026-01-01T00:00:00Z", "https://shop/", json!({})),
        entry("2026-01-01T00:00:00.3Z", "https://cdn/style.css", json!({})),
        entry("2026-01-01T00:00:02.1Z", "https://shop/orders", post),
        entry("2026-01-01T00:00:02.3Z", "https://shop/login", form),
        entry("2026-01-01T00:00:02.3Z", "data:abc", json!({})),
    ] } });
    let draft = har::read(&har.to_string(), made_by()).expect("a recording");
    assert_eq!(draft.target.as_deref(), Some("https://shop"));
    assert!(
        draft.notes[0].contains("1 for https://cdn"),
        "{:?}",
        draft.notes
    );
    assert_eq!(draft.requests[0].think.as_secs(), 2);
    assert!(draft.requests[1].think.is_zero());
    assert!(!draft.to_toml("x").contains("abc"));

    // The plan wants the secret from the environment.
    let toml = draft
        .to_toml("converted")
        .replace("{env.TOKEN}", "{env.PATH}");
    let plan = testing::parse(&toml);
    let [home, order, login] = requests(&plan)[..] else {
        panic!("three steps");
    };
    assert_eq!(home.route.name(), "GET /");
    assert_eq!(order.path.constant().as_deref(), Some("/orders?x={y}"));
    assert_eq!(sent(order), r#"{"amount":2,"item":"{n}"}"#);
    assert!(order.status.contains(201) && !order.status.contains(200));
    let names: Vec<_> = order.headers.iter().map(|field| &*field.written).collect();
    assert_eq!(names, ["Authorization", "X-Tag", "Content-Type"]);
    assert_eq!(sent(login), "a=b%20c&d=%26");
}

#[test]
fn command_lines_of_curl_become_requests_as_curl_would_send_them() {
    let lines = r#"
curl 'http://shop:8080/items?page=2' -H 'Accept: text/html' --compressed -s
/usr/bin/curl -XPOST http://shop:8080/orders \
  --header "Content-Type: application/json" -d '{"item": 7}'
curl http://shop:8080/login -d user=ann --data-urlencode 'password=a b' -b sid=1
curl http://shop:8080/upload -F title=one -F 'photo=@/dev/null;type=image/png'
curl -I http://shop:8080/
curl -G http://shop:8080/find -d q=x
curl -u ann:secret http://shop:8080/mine
curl http://elsewhere/
"#;
    let draft = curl::read(lines, made_by()).expect("command lines");
    assert_eq!(draft.target.as_deref(), Some("http://shop:8080"));
    assert!(draft.notes.iter().any(|note| note.contains("elsewhere")));
    let toml = draft.to_toml("converted");
    assert!(!toml.contains("secret"), "{toml}");
    let plan = testing::parse(&toml.replace("{env.TOKEN}", "{env.PATH}"));
    let requests = requests(&plan);
    let names: Vec<_> = requests
        .iter()
        .map(|request| request.route.name())
        .collect();
    assert_eq!(
        names,
        [
            "GET /items?page=2",
            "POST /orders",
            "POST /login",
            "POST /upload",
            "HEAD /",
            "GET /find?q=x",
            "GET /mine",
        ]
    );
    assert_eq!(sent(requests[1]), r#"{"item":7}"#);
    assert_eq!(sent(requests[2]), "user=ann&password=a+b");
    assert!(sent(requests[3]).contains("filename=\"null\"\r\nContent-Type: image/png"));
}

#[test]
fn each_operation_of_an_interface_becomes_a_request_with_values_of_its_kind() {
    let description = json!({
        "openapi": "3.0.3",
        "servers": [{ "url": "https://shop.example/api/" }],
        "paths": {
            "/items/{item-id}": {
                "parameters": [{ "$ref": "#/components/parameters/item" }],
                "get": { "responses": { "200": {}, "404": {} } },
                "put": {
                    "requestBody": { "content": { "application/json": {
                        "schema": { "$ref": "#/components/schemas/Item" } } } },
                    "responses": { "2XX": {} },
                },
            },
            "/find": { "get": {
                "parameters": [
                    { "name": "kind", "in": "query", "required": true, "schema": { "enum": ["a", "b"] } },
                    { "name": "page", "in": "query", "schema": { "type": "integer" } },
                ],
                "responses": { "default": {} },
            } },
        },
        "components": {
            "parameters": { "item": { "name": "item-id", "in": "path", "required": true,
                "schema": { "type": "integer", "minimum": 5, "maximum": 9 } } },
            "schemas": { "Item": { "properties": {
                "name": { "type": "string" }, "tags": { "type": "array", "items": { "type": "string" } },
                "price": { "type": "number", "example": 1.25 }, "parent": { "$ref": "#/components/schemas/Item" },
            } } },
        },
    });
    let mut flat = description.clone();
    flat["components"]["schemas"]["Item"]["properties"]
        .as_object_mut()
        .expect("properties")
        .remove("parent");
    let draft = openapi::read(&flat.to_string(), made_by()).expect("a description");
    assert_eq!(draft.target.as_deref(), Some("https://shop.example"));
    assert!(
        draft.notes[0].starts_with("1 of these requests"),
        "{:?}",
        draft.notes
    );
    let plan_of = plan(&draft);
    let requests = requests(&plan_of);
    let names: Vec<_> = requests
        .iter()
        .map(|request| request.route.name())
        .collect();
    assert_eq!(
        names,
        [
            "GET /api/find?kind={kind}",
            "GET /api/items/{item_id}",
            "PUT /api/items/{item_id}",
        ]
    );
    assert_eq!(
        sent(requests[2]),
        r#"{"name":"text","price":1.25,"tags":["text"]}"#
    );
    assert!(requests[2].status.contains(204));
    // One that is made of itself comes to an end, too.
    let endless = openapi::read(&description.to_string(), made_by()).expect("a description");
    assert_eq!(endless.requests.len(), 3);
}

#[test]
fn what_is_something_else_is_refused_with_what_is_wrong() {
    for (error, says) in [
        (har::read("{}", made_by()), "no HTTP archive"),
        (
            har::read(r#"{"log": {"entries": []}}"#, made_by()),
            "no entry",
        ),
        (curl::read("curl -s", made_by()), "names no URL"),
        (curl::read("wget x", made_by()), "no line begins"),
        (curl::read("curl 'http://x", made_by()), "isn't closed"),
        (curl::read("", made_by()), "no line begins"),
        (
            openapi::read(r#"{"swagger": "2.0"}"#, made_by()),
            "3.0 or 3.1",
        ),
        (
            openapi::read(r#"{"openapi": "3.1.0"}"#, made_by()),
            "no operation",
        ),
    ] {
        let message = error.expect_err(says).to_string();
        assert!(message.contains(says), "{message}");
    }
}

proptest! {
    #[test]
    fn a_plain_text_is_sent_as_it_was(text in r#"([{}]{0,3}[a-z_.:" \\-]{0,4}){0,5}"#) {
        let names: [&str; 0] = [];
        let template = Template::parse(&plain(&text), &names).expect("no placeholder");
        prop_assert_eq!(template.constant(), Some(text));
    }
}
