//! A gate's record to test with: the one whose page is looked at in a browser.

use skein::gate::record::GateRecord;

pub fn example() -> GateRecord {
    let record = include_str!("../../tests/browser/fixtures/gate.json");
    serde_json::from_str(record).expect("the fixture is a gate's record")
}
