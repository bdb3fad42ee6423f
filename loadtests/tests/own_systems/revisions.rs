//! A gate over a system of somebody's own, between a revision and the working tree: each side is
//! what its build made of it.

use std::fs;

use crate::support::{Told, git, kept, loadtests, said, with_preamble};

const PLAN: &str = r#"
name = "pages"
thresholds = ["error-rate<=0%"]
stage = [{ name = "steady", users = 4, duration = "1s" }]

[[request]]
path = "/"

[node.web]
build = "sed \"s/STATUS/$(cat status)/\" nginx.in >built.conf"
run = ["sh", "-c", "sed s/ADDRESS/{address}/ built.conf >{dir}/nginx.conf; exec nginx -e stderr -p {dir} -c nginx.conf"]
"#;

const NGINX: &str = r#"
PREAMBLE
  server { listen ADDRESS; location / { return STATUS "a page"; } }
}
"#;

/// It takes neither an idle machine nor many rounds to see that.
pub(crate) fn a_working_tree_that_fails_what_a_revision_serves_fails_the_gate() -> Told {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("written");
    };
    write("skein.toml", PLAN);
    write("nginx.in", &with_preamble(NGINX));
    write("status", "200");
    write(".gitignore", "built.conf\nreports/\n");
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "-m", "serves"]);
    write("status", "404");
    let gate = [
        "gate",
        "--plan",
        "skein.toml",
        "--baseline",
        "HEAD",
        "--budget",
        "2m",
    ];
    let output = loadtests(folder.path(), &gate);
    let record = kept(folder.path(), "gates/*/gate.json", &output);
    let judged = &record["judgement"];
    assert_eq!(judged["verdict"], "fail", "{}", said(&output));
    let sentence = judged["sentence"].as_str().expect("a sentence");
    let says = "The candidate fails requests that the baseline serves.";
    assert!(sentence.starts_with(says), "{sentence}");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    Ok(())
}
