//! The laboratory's members of a record, for tests of what is made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use integration::real::Parts;

use crate::machines::Machines;
use crate::prediction::{HitPrediction, PredictedPart};
use crate::record::{
    CacheNodeRecord, CacheRecord, GatewayRecord, IntruderRecord, LaboratoryRecord, TaskRecord,
};
use crate::sections::About;
use crate::shape::Shape;

/// A record with a bit of everything.
pub(crate) fn record() -> LaboratoryRecord {
    LaboratoryRecord {
        gateways: vec![GatewayRecord {
            name: "api-gateway-1".to_owned(),
            answers: 12_344,
            attempts: Some(12_345),
            seen: None,
        }],
        retries: Some(0),
        caches: Some(CacheRecord {
            counted_by_gateways: true,
            hits: 9,
            misses: 1,
            failed: 0,
            by_cache: vec![CacheNodeRecord {
                name: "cache-1".to_owned(),
                hits: 9,
                misses: 1,
                failed: 0,
            }],
            prediction: Some(HitPrediction {
                hit_ratio: 88.0,
                items: PredictedPart {
                    lookups: 9,
                    hits: 8.8,
                },
                listings: PredictedPart::default(),
                read_backs: PredictedPart {
                    lookups: 1,
                    hits: 0.0,
                },
            }),
        }),
        tasks: TaskRecord {
            accepted: 5,
            done: 5,
            dead: 0,
            gone: 0,
            life: None,
            at_worker: Some(BTreeMap::from([("done".to_owned(), 5)])),
            attempts: BTreeMap::from([("done".to_owned(), 5)]),
        },
        intruders: IntruderRecord {
            sent: 7,
            answered: 7,
            refused: 7,
            admitted: 0,
            by_flaw: Vec::new(),
            reasons: None,
        },
    }
}

/// The plan of that record.
pub(crate) fn about() -> About {
    About {
        popularity: Some((1000, 1.0)),
        poll_interval: Some(Duration::from_millis(25)),
        shape: Some(Shape {
            cpus: Machines::default(),
            gateways: 1,
            caches: 1,
            executors: 4,
            cache_timeout: None,
            cache_choice: crate::shape::CacheChoice::Random,
            tasks_within_requests: false,
            storage_latency: Duration::from_millis(5),
            storage_channels: None,
            task_duration: Duration::from_millis(100),
            cache_ttl: Duration::from_secs(60),
            parts: Parts::default(),
        }),
    }
}
