//! A doubt as a gate's record has it: typed, and a sentence in records of earlier programs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::doubt::Doubt;

/// A doubt about a gate's measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RecordedDoubt {
    /// A doubt by its kind.
    Typed(Doubt),
    /// A sentence for people, in records of the first version.
    Sentence(String),
}

impl From<Doubt> for RecordedDoubt {
    fn from(doubt: Doubt) -> Self {
        RecordedDoubt::Typed(doubt)
    }
}

impl fmt::Display for RecordedDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordedDoubt::Typed(doubt) => doubt.fmt(f),
            RecordedDoubt::Sentence(sentence) => f.write_str(sentence),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gate::record::GateRecord;
    use crate::record::Document;
    use crate::report::{Kind, Reports};

    /// A record of version 1, as its program wrote it.
    const FIRST: &str = include_str!("../../../../tests/browser/fixtures/gate.json");
    const SENTENCE: &str = "2 % of the machine's time was stolen in round 3.";

    #[test]
    fn a_record_whose_doubts_are_sentences_is_read_and_shown_as_it_was() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join(GateRecord::FILE), FIRST).expect("written");
        let record = GateRecord::read(folder.path()).expect("an older record");
        let sentence = RecordedDoubt::Sentence(SENTENCE.to_owned());
        assert_eq!(
            (record.schema_version, &record.doubts[..]),
            (1, &[sentence][..])
        );
        let again = serde_json::to_value(&record).expect("JSON");
        assert_eq!(again["doubts"], json!([SENTENCE]));

        let reports = Reports::new(folder.path());
        let losses = reports.write_again(Kind::Gate, folder.path());
        assert!(losses.expect("readable").is_empty());
        for page in ["index.html", "summary.md", "junit.xml"] {
            let page = std::fs::read_to_string(folder.path().join(page)).expect("written");
            assert!(page.contains("time was stolen in round 3."), "{page}");
        }
    }

    #[test]
    fn a_doubt_is_kept_by_its_kind() {
        let doubt = RecordedDoubt::from(Doubt::OthersBusy { percent: 12 });
        let kept = serde_json::to_value(&doubt).expect("JSON");
        assert_eq!(kept, json!({ "kind": "others_busy", "percent": 12 }));
        let opened: RecordedDoubt = serde_json::from_value(kept).expect("a doubt");
        assert_eq!(opened, doubt);
        let says = "other processes used 12 % of the machine meanwhile.";
        assert_eq!(opened.to_string(), says);
    }
}
