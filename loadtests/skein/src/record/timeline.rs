//! How a run went, tick by tick: what was over in each, how long it had taken, and
//! what every process used meanwhile.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::events::Event;

/// A run cut into ticks of equal length, from the begin of its load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// How long a tick is, in seconds; zero when there are none.
    pub tick_seconds: f64,
    /// The ticks, in order. Requests belong to the tick in which they were over, to
    /// about 50 ms.
    pub ticks: Vec<TickRecord>,
    /// Where the bands of response time begin, in microseconds, rising; the last one
    /// ends before the last figure, of which there is one more than bands.
    pub bands: Vec<u64>,
    /// CPU time by process, the generator last.
    pub cores: Vec<CoresRecord>,
    /// What happened to nodes meanwhile.
    pub events: Vec<EventRecord>,
}

/// What was over in one tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TickRecord {
    /// Requests.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that a turn of open load began with.
    #[serde(default)]
    pub turns: u64,
    /// Response times; none where nothing was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<TickTimes>,
    /// Requests by band of response time; bands at the end without any are left out.
    #[serde(default)]
    pub bands: Vec<u64>,
}

/// Response times in one tick, in microseconds with two significant digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TickTimes {
    /// The median.
    pub p50: u64,
    /// The 95th percentile.
    pub p95: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// The CPU time of one process, tick by tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoresRecord {
    /// The node, or the generator.
    pub name: String,
    /// CPU seconds a second; `None` where it was not running, or couldn't be seen.
    pub cores: Vec<Option<f64>>,
}

/// Something that happened to a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventRecord {
    /// When it was noticed, in seconds from the begin of the load.
    pub seconds: f64,
    /// What, in a few words: `database ended (signal 9)`.
    pub what: String,
    /// The node that it happened to; `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

impl EventRecord {
    /// The record of an event that the timeline shows; `None` for others.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::NodeEnded {
                node,
                status,
                elapsed_ms,
            } => Some(EventRecord {
                seconds: *elapsed_ms as f64 / 1e3,
                what: format!("{node} ended ({status})"),
                node: Some(node.clone()),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_that_ended_is_on_the_timeline_and_older_records_name_it_in_words_alone() {
        let record = EventRecord::of(&Event::NodeEnded {
            node: "database".to_owned(),
            status: "signal 9".to_owned(),
            elapsed_ms: 1250,
        });
        let record = record.expect("it is shown");
        let mut json = serde_json::to_value(&record).expect("JSON");
        let what = "database ended (signal 9)";
        let all = json!({ "seconds": 1.25, "what": what, "node": "database" });
        assert_eq!(json, all);
        json.as_object_mut().expect("members").remove("node");
        let older: EventRecord = serde_json::from_value(json).expect("an older record");
        assert_eq!(
            older,
            EventRecord {
                node: None,
                ..record
            }
        );
        assert_eq!(EventRecord::of(&Event::Draining), None);
    }
}
