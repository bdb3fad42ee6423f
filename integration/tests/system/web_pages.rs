//! A web page that somebody on the machine looks at reaches nodes on loopback, too. The
//! inner nodes ask nobody for a token, and do nothing for it.

use integration::Topology;
use reqwest::header::{HOST, ORIGIN};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::support::Lab;

const TASK: &str = r#"{"task":"report"}"#;

/// What each inner node would do for anybody.
const REQUESTS: [(&str, Method, &str); 8] = [
    ("worker", Method::POST, "/longtask"),
    ("database", Method::PUT, "/db/item-1"),
    ("database", Method::GET, "/db"),
    ("cache-1", Method::DELETE, "/cache/item-1"),
    ("cache-2", Method::GET, "/cache/item-1"),
    ("microservice", Method::POST, "/process"),
    ("database", Method::GET, "/metrics"),
    ("worker", Method::GET, "/health"),
];

pub(crate) async fn no_inner_node_does_anything_for_a_web_page_from_elsewhere() {
    let lab = Lab::start(Topology::laboratory()).await;
    for (node, method, path) in REQUESTS {
        for origin in [
            "http://page.example",
            "https://page.example",
            "null",
            &lab.url(),
        ] {
            let request = request(&lab, node, &method, path).header(ORIGIN, origin);
            refused(request, &format!("{method} {path} of {node} for {origin}")).await;
        }
        // The node's own pages would be no strangers.
        let own = request(&lab, node, &method, path).header(ORIGIN, lab.url_of(node));
        assert_ne!(own.send().await.expect("an answer").status(), 403, "{path}");
    }
    let tasks = lab.counter("worker", "tasks_accepted_total", &[]).await;
    assert_eq!(tasks, 1.0, "only the one in its own name");
}

pub(crate) async fn no_inner_node_answers_to_a_name_that_was_made_to_mean_it() {
    let lab = Lab::start(Topology::laboratory()).await;
    for (node, method, path) in REQUESTS {
        let port = lab.address_of(node).port();
        for host in [
            format!("rebound.example:{port}"),
            format!("127.0.0.1.rebound.example:{port}"),
            "127.0.0.1:1".to_owned(),
        ] {
            let request = request(&lab, node, &method, path).header(HOST, &host);
            refused(request, &format!("{method} {path} of {node} as {host}")).await;
        }
        for host in [format!("localhost:{port}"), format!("[::1]:{port}")] {
            let request = request(&lab, node, &method, path).header(HOST, host);
            assert_ne!(
                request.send().await.expect("an answer").status(),
                403,
                "{path}"
            );
        }
    }
    // The balancer is public, and so are the gateways: they ask for a token.
    let public = lab
        .request(Method::GET, "/data/item-1")
        .header(HOST, "api.example");
    assert_eq!(public.send().await.expect("an answer").status(), 200);
}

fn request(lab: &Lab, node: &str, method: &Method, path: &str) -> RequestBuilder {
    let request = lab.request_to(node, method.clone(), path);
    match *method {
        Method::POST | Method::PUT => request.body(TASK),
        _ => request,
    }
}

async fn refused(request: RequestBuilder, what: &str) {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 403, "{what}");
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], 403, "{what}");
}
