//! The JSON schema of a record, made from the types. It is checked in as
//! `loadtests/run.schema.json`, so that a change to the form shows in review.

use super::Record;

/// The JSON schema (draft 2020-12) of `run.json`, as text that ends with a newline.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Record);
    let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    format!("{text}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::record::example::example;

    fn problems(record: &Value) -> Vec<String> {
        let schema: Value = serde_json::from_str(&schema()).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors = validator.iter_errors(record);
        errors.map(|error| error.to_string()).collect()
    }

    #[test]
    fn the_schema_that_is_checked_in_is_the_one_of_the_types() {
        let checked_in = include_str!("../../run.schema.json");
        assert!(
            schema() == checked_in,
            "make it again: cargo run -p loadtests -- schema > loadtests/run.schema.json"
        );
    }

    #[test]
    fn a_record_is_as_the_schema_says_and_a_damaged_one_is_not() {
        let record = serde_json::to_value(example()).expect("JSON");
        assert_eq!(problems(&record), Vec::<String>::new());
        for (pointer, wrong) in [
            ("/judgement/verdict", json!("maybe")),
            ("/routes/0/requests/count", json!("many")),
            ("/ledger/0/balance", json!({ "off": "by a bit" })),
            ("/started", json!(7)),
            ("/stages", json!(null)),
        ] {
            let mut damaged = record.clone();
            *damaged.pointer_mut(pointer).expect(pointer) = wrong;
            assert!(!problems(&damaged).is_empty(), "{pointer} may be anything");
        }
    }
}
