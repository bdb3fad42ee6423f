//! Items in the database's own SQLite, with nothing to be installed.

use integration::Topology;

use crate::item_stories::{ItemHome, items_over};

items_over!(Embedded:
    an_empty_database_is_seeded_and_one_with_items_is_not,
    writes_are_numbered_one_by_one_however_many_come_at_once,
    a_restarted_database_has_its_items_and_its_counter,
    any_bytes_in_a_key_come_back_as_they_went_in,
    keys_that_look_alike_are_told_apart,
    a_value_that_a_client_could_not_read_is_refused_in_one_sentence,
    large_values_make_no_listing_that_is_too_large_to_cache,
);

/// The database's own file.
struct Embedded;

impl ItemHome for Embedded {
    async fn fresh() -> Self {
        Embedded
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology
    }
}
