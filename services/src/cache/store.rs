//! The values that the cache keeps, and the one race it has to win.
//!
//! A reader that missed fetches the old value from the database; meanwhile a writer
//! changes the database and deletes the key here; then the reader stores what it
//! fetched, and the old value is back, for as long as it may live. So a deletion
//! that names its write leaves a note of the write's version in the value's place,
//! and a value older than the note, or than the value already here, is refused.

use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::contract::Key;

/// Values and notes of writes, by key. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Store(Cache<Key, Entry>);

#[derive(Clone, Debug)]
struct Entry {
    /// Absent in the note of a write.
    value: Option<Bytes>,
    version: u64,
}

/// The content of the store under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// A value and the write it came from.
    Value { bytes: Bytes, version: u64 },
    /// The note of a write: only values of `version` or newer will be stored.
    Replaced { version: u64 },
    /// Nothing.
    Nothing,
}

/// A value was not stored, because the write `known` is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) known: u64,
}

/// The amount that is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl Store {
    /// The time that a write is remembered: longer than anybody waits for a read of the
    /// database, and whatever the values' own life, since it guards against reads.
    const NOTE_LIFE: Duration = Duration::from_secs(60);

    /// An estimate of what an entry costs beside its key and value, in bytes.
    const BOOKKEEPING: usize = 128;

    /// Keeps up to `capacity` bytes, each value for `ttl`, or for ever without one.
    pub(super) fn new(capacity: u64, ttl: Option<Duration>) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .weigher(|key: &Key, entry: &Entry| {
                let value = entry.value.as_ref().map_or(0, Bytes::len);
                u32::try_from(key.as_bytes().len() + value + Self::BOOKKEEPING).unwrap_or(u32::MAX)
            })
            // The frequency filter that is moka's default may turn a new entry away
            // when the store is full. A note of a write must never be turned away.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Lives { value: ttl })
            .build();
        Store(cache)
    }

    /// The content under `key`.
    pub(super) fn look_up(&self, key: &Key) -> Lookup {
        match self.0.get(key) {
            Some(Entry {
                value: Some(bytes),
                version,
            }) => Lookup::Value { bytes, version },
            Some(Entry {
                value: None,
                version,
            }) => Lookup::Replaced { version },
            None => Lookup::Nothing,
        }
    }

    /// Keeps a value of `version`, unless something newer is known of its key.
    pub(super) fn put(&self, key: Key, bytes: &[u8], version: u64) -> Result<(), Refused> {
        let new = Entry {
            // A copy, since the bytes may be a small part of a read buffer, which would be
            // kept with them and counted nowhere.
            value: Some(Bytes::copy_from_slice(bytes)),
            version,
        };
        self.0
            .entry(key)
            .and_try_compute_with(|known| match known {
                Some(known) if known.value().version > version => Err(Refused {
                    known: known.value().version,
                }),
                _ => Ok(Op::Put(new)),
            })
            .map(drop)
    }

    /// Drops a value that the write of `version` replaced, and notes the write.
    /// What is as new as the write stays.
    pub(super) fn replace(&self, key: Key, version: u64) {
        let note = Entry {
            value: None,
            version,
        };
        self.0.entry(key).and_compute_with(|known| match known {
            Some(known) if known.value().version >= version => Op::Nop,
            _ => Op::Put(note),
        });
    }

    /// Forgets whatever is known of `key`.
    pub(super) fn remove(&self, key: &Key) {
        self.0.invalidate(key);
    }

    /// The amount that is kept, once everything that expired or was crowded out is gone.
    pub(super) fn size(&self) -> Size {
        self.0.run_pending_tasks();
        Size {
            entries: self.0.entry_count(),
            bytes: self.0.weighted_size(),
        }
    }
}

/// The life of an entry, from when it was last written; `None` means for ever.
struct Lives {
    value: Option<Duration>,
}

impl Lives {
    fn of(&self, entry: &Entry) -> Option<Duration> {
        match entry.value {
            Some(_) => self.value,
            None => Some(Store::NOTE_LIFE),
        }
    }
}

impl Expiry<Key, Entry> for Lives {
    fn expire_after_create(&self, _: &Key, entry: &Entry, _: Instant) -> Option<Duration> {
        self.of(entry)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.of(entry)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::seeded_key;

    const PLENTY: u64 = 1 << 20;

    fn key() -> Key {
        seeded_key(0)
    }

    fn value(version: u64) -> Lookup {
        Lookup::Value {
            bytes: bytes(version),
            version,
        }
    }

    fn bytes(version: u64) -> Bytes {
        Bytes::from(version.to_string())
    }

    #[test]
    fn a_value_is_found_until_it_is_deleted() {
        let store = Store::new(PLENTY, None);
        assert_eq!(store.look_up(&key()), Lookup::Nothing);
        store.put(key(), &bytes(3), 3).expect("nothing is newer");
        assert_eq!(store.look_up(&key()), value(3));
        store.remove(&key());
        assert_eq!(store.look_up(&key()), Lookup::Nothing);
        store.put(key(), &bytes(1), 1).expect("nothing is noted");
    }

    #[test]
    fn a_reader_cannot_bring_back_what_a_write_replaced() {
        let store = Store::new(PLENTY, None);
        store.replace(key(), 7);
        assert_eq!(store.put(key(), &bytes(6), 6), Err(Refused { known: 7 }));
        assert_eq!(store.look_up(&key()), Lookup::Replaced { version: 7 });
        store.put(key(), &bytes(7), 7).expect("the write itself");
        assert_eq!(store.put(key(), &bytes(6), 6), Err(Refused { known: 7 }));
        assert_eq!(store.look_up(&key()), value(7));
    }

    #[test]
    fn a_late_deletion_leaves_the_newer_value() {
        let store = Store::new(PLENTY, None);
        store.put(key(), &bytes(9), 9).expect("nothing is newer");
        store.replace(key(), 8);
        assert_eq!(store.look_up(&key()), value(9));
    }

    #[test]
    fn values_expire_and_notes_of_writes_outlive_them() {
        let ttl = Duration::from_millis(50);
        let store = Store::new(PLENTY, Some(ttl));
        store.put(key(), &bytes(1), 1).expect("nothing is newer");
        store.replace(seeded_key(1), 2);
        std::thread::sleep(ttl + Duration::from_millis(10));
        assert_eq!(store.look_up(&key()), Lookup::Nothing);
        assert_eq!(
            store.look_up(&seeded_key(1)),
            Lookup::Replaced { version: 2 }
        );
    }

    #[test]
    fn a_value_in_the_place_of_a_note_lives_as_long_as_a_value() {
        let ttl = Duration::from_millis(50);
        let store = Store::new(PLENTY, Some(ttl));
        store.replace(key(), 2);
        store.put(key(), &bytes(2), 2).expect("as new as the note");
        std::thread::sleep(ttl + Duration::from_millis(10));
        assert_eq!(store.look_up(&key()), Lookup::Nothing);
    }

    #[test]
    fn the_bound_holds_and_the_newest_stay() {
        let capacity = 64 * 1024;
        let store = Store::new(capacity, None);
        for index in 0..1000 {
            store
                .put(seeded_key(index), &[b'x'; 1024], 1)
                .expect("nothing is newer");
        }
        store.replace(seeded_key(1000), 2);
        let size = store.size();
        assert!(size.bytes <= capacity, "{size:?}");
        assert!(size.bytes > capacity / 2, "{size:?}");
        assert_eq!(
            store.look_up(&seeded_key(1000)),
            Lookup::Replaced { version: 2 }
        );
        assert_ne!(store.look_up(&seeded_key(999)), Lookup::Nothing);
        assert_eq!(store.look_up(&seeded_key(0)), Lookup::Nothing);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Put(u64),
        Replace(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..8u64).prop_map(Step::Put),
            (0..8u64).prop_map(Step::Replace)
        ]
    }

    proptest! {
        #[test]
        fn the_version_under_a_key_never_falls(steps in prop::collection::vec(step(), 1..32)) {
            let store = Store::new(PLENTY, None);
            let mut newest = 0;
            for step in steps {
                match step {
                    Step::Put(version) => {
                        let stored = store.put(key(), &bytes(version), version);
                        prop_assert_eq!(stored.is_ok(), version >= newest);
                        newest = newest.max(version);
                    }
                    Step::Replace(version) => {
                        store.replace(key(), version);
                        newest = newest.max(version);
                    }
                }
                let known = match store.look_up(&key()) {
                    Lookup::Value { bytes: found, version } => {
                        prop_assert_eq!(found, bytes(version));
                        version
                    }
                    Lookup::Replaced { version } => version,
                    Lookup::Nothing => 0,
                };
                prop_assert_eq!(known, newest);
            }
        }
    }
}
