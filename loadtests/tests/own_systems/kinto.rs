//! Kinto behind nginx, services of others that know nothing of Skein.

use std::path::{Path, PathBuf};

use crate::support::{Told, all_passed, ends_with, line, run};

/// The example's files, with the plan changed by `change`, in a folder of their own.
fn example(change: impl Fn(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kinto");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(from.join("people.csv"), folder.path().join("people.csv")).expect("copied");
    let plan = std::fs::read_to_string(from.join("skein.toml")).expect("the example");
    let path = folder.path().join("skein.toml");
    std::fs::write(&path, change(plan)).expect("written");
    (folder, path)
}

pub(crate) fn a_service_of_others_is_held_to_its_own_counters() -> Told {
    let (folder, path) = example(|plan| plan);
    let (output, record) = run(folder.path(), &path);
    let ledger = record["ledger"].as_array().expect("a ledger");
    assert_eq!(ledger.len(), 4);
    for line in ledger {
        assert_eq!(line["balance"], "even", "{line}");
    }
    let refused = line(
        &record,
        "A note that has changed isn't removed by whoever doesn't know.",
    );
    assert!(refused["left"]["count"].as_u64() > Some(0), "{refused}");
    assert_eq!(record["overall"]["requests"]["failed"], 0, "{record}");
    let tiers = serde_json::json!([["door"], ["kinto"]]);
    assert_eq!(record["traffic"]["tiers"], tiers);
    ends_with(&output, &record, i32::from(!all_passed(&record)));
    Ok(())
}

pub(crate) fn a_wrong_password_fails_the_run_and_leaves_the_ledger_even() -> Told {
    let (folder, path) = example(|plan| plan.replace("a passphrase", "another one"));
    let (output, record) = run(folder.path(), &path);
    let requests = &record["overall"]["requests"];
    assert!(requests["failed"].as_u64() > Some(0), "{requests}");
    for claim in [
        "What the generator sent, nginx took in.",
        "Nginx passed on each request to Kinto once.",
    ] {
        let line = line(&record, claim);
        assert_eq!(line["balance"], "even", "{line}");
    }
    ends_with(&output, &record, 1);
    Ok(())
}
