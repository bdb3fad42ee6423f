//! A gate over a system of somebody's own, between a revision and the working tree: each side is
//! what its build made of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Missing, Told, git, kept, loadtests, said, with_preamble};

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
    fails_what_the_revision_serves(folder.path());
    Ok(())
}

fn fails_what_the_revision_serves(folder: &Path) {
    let gate = [
        "gate",
        "--plan",
        "skein.toml",
        "--baseline",
        "HEAD",
        "--budget",
        "2m",
    ];
    let output = loadtests(folder, &gate);
    let record = kept(folder, "gates/*/gate.json", &output);
    let judged = &record["judgement"];
    assert_eq!(judged["verdict"], "fail", "{}", said(&output));
    let sentence = judged["sentence"].as_str().expect("a sentence");
    let says = "The candidate fails requests that the baseline serves.";
    assert!(sentence.starts_with(says), "{sentence}");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

const COMPOSE: &str = r#"
services:
  web:
    build: ./web
    image: skein-story-web
    command: ["nginx", "-g", "daemon off;"]
    volumes: ["./conf/nginx.conf:/etc/nginx/nginx.conf:ro"]
    ports: ["8080:8080"]
"#;

/// The working tree has another page in its image, and another status in the folder that is mounted.
pub(crate) fn images_and_folders_of_a_compose_file_are_those_of_each_revision() -> Told {
    let image = "bookshop:bookworm";
    let inspected = Command::new("docker")
        .args(["image", "inspect", image])
        .output();
    if !inspected.is_ok_and(|inspected| inspected.status.success()) {
        return Err(Missing(format!("no Docker engine has {image}")));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    let conf = |status: u16| {
        format!(
            "events {{}} http {{ access_log off; server {{ listen 8080; \
             location = /status {{ return {status}; }} location / {{ root /srv/pages; }} }} }}"
        )
    };
    write("compose.yaml", COMPOSE);
    write(
        "web/Dockerfile",
        &format!("FROM {image}\nCOPY page.html /srv/pages/\n"),
    );
    write("web/page.html", "of the revision");
    write("conf/nginx.conf", &conf(200));
    write(".gitignore", "reports/\n");
    let made = loadtests(folder.path(), &["init", "--from", "compose.yaml"]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let path = folder.path().join("skein.toml");
    let plan = fs::read_to_string(&path).expect("it was written");
    let asked =
        "path = \"/status\"\n\n[[request]]\npath = \"/page.html\"\ncontains = \"revision\"\n";
    fs::write(&path, plan.replace("path = \"/\"\n", asked)).expect("written");
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "-m", "serves"]);

    write("web/page.html", "of the working tree");
    write("conf/nginx.conf", &conf(404));
    fails_what_the_revision_serves(folder.path());
    let _ = Command::new("docker")
        .args(["image", "rm", "skein-story-web"])
        .output();
    Ok(())
}
