//! A system whose entry somebody else runs.

use std::fs;

use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Told, all_passed, ends_with, run};

const PLAN: &str = r#"
name = "elsewhere"
thresholds = ["error-rate<=0%"]
stage = [{ name = "steady", users = 2, duration = "500ms" }]

[[request]]
path = "/"

[node.shop]
elsewhere = "http://localhost:PORT"
"#;

/// The name says which of several servers at one address is meant.
pub(crate) fn a_server_that_runs_elsewhere_is_asked_by_the_name_that_the_file_has() -> Told {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = MockServer::start().await;
        let port = server.address().port();
        // It answers 404 to whoever asks for another.
        let by_name = Mock::given(any()).and(header("host", format!("localhost:{port}")));
        let fine = by_name.respond_with(ResponseTemplate::new(200));
        fine.mount(&server).await;
        let folder = tempfile::tempdir().expect("a folder");
        let plan = folder.path().join("skein.toml");
        fs::write(&plan, PLAN.replace("PORT", &port.to_string())).expect("written");
        let (output, record) = run(folder.path(), &plan);
        ends_with(&output, &record, 0);
        assert!(all_passed(&record), "{record}");
        let asked = server.received_requests().await.expect("kept");
        assert!(asked.len() > 2, "{asked:?}");
    });
    Ok(())
}
