//! A study of a system that can take more than the generator can be trusted to send.

use std::fs;

use crate::support::{Told, kept, loadtests, said, with_preamble};

const PLAN: &str = r#"
name = "outrun"
thresholds = ["error-rate<=0%"]
stage = [{ name = "steady", users = 4, duration = "1s" }]

[[request]]
path = "/"

[behaviour]
think_time = "0s"

[capacity]
promise = ["p99<1s"]
slot = "500ms"
lead = "200ms"
warm_up = "500ms"
users = 8

[node.web]
run = ["nginx", "-e", "stderr", "-p", "{dir}", "-c", "nginx.conf"]
ready = "tcp"
files."nginx.conf" = '''
PREAMBLE
  server { listen {address}; location / { return 200 "a page"; } }
}'''
"#;

/// A server that only says 200 has more to give than one who asks, times and checks.
pub(crate) fn a_system_that_outruns_the_generator_can_take_at_least_what_that_can_show() -> Told {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("skein.toml"), with_preamble(PLAN)).expect("written");
    let study = [
        "capacity",
        "--plan",
        "skein.toml",
        "--budget",
        "60s",
        "--seed",
        "3",
        "--quiet",
    ];
    let output = loadtests(folder.path(), &study);
    let record = kept(folder.path(), "capacity/*/capacity.json", &output);
    let system = &record["systems"][0];
    let capacity = &system["finding"]["capacity"];
    let text = said(&output);
    let ceiling = record["ceiling_turns"]
        .as_f64()
        .expect("the generator's limit");
    let at_least = capacity["at_least"].as_f64();
    let at_least = at_least.unwrap_or_else(|| panic!("{capacity}\n{text}"));
    assert!(at_least <= ceiling * 1.001, "{at_least} {ceiling}\n{text}");
    assert_eq!(system["limit"]["by"]["limit"], "generator", "{text}");
    Ok(())
}
