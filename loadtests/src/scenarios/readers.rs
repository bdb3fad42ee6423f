//! Readers ask for seeded items, the first ones far more often than the last, and
//! now and then for the listing.

use http::{Method, StatusCode};
use rand::RngExt;
use rand_distr::Distribution;
use serde::Deserialize;
use serde_json::Value;
use services::contract::{seeded_key, seeded_value};

use crate::samples::{Fault, Route};
use crate::visitor::{Answer, Visitor, Wrong};

/// One item.
pub(super) const READ: Route = Route::new("GET", "/data/{key}");
/// The listing.
pub(super) const LIST: Route = Route::new("GET", "/data");

pub(super) async fn take_turn(visitor: &mut Visitor) {
    let listing_share = visitor.workload.behaviour.listing_share;
    if visitor.rng.random_bool(listing_share) {
        list(visitor).await;
    } else {
        read(visitor).await;
    }
}

async fn read(visitor: &mut Visitor) {
    // Ranks count from 1, items from 0.
    let rank = visitor.workload.popularity.sample(&mut visitor.rng);
    let item = rank as u32 - 1;
    let path = format!("/data/{}", seeded_key(item).to_path_segment());
    let request = visitor.signed_request(Method::GET, &path);
    visitor
        .send(READ, request, |answer| check_item(answer, item))
        .await;
}

fn check_item(answer: &Answer, item: u32) -> Result<(), Wrong> {
    answer.expect_status(StatusCode::OK)?;
    if answer.body == seeded_value(item) {
        Ok(())
    } else {
        Err(answer.wrong(Fault::Content("the value is not the seeded one")))
    }
}

#[derive(Deserialize)]
struct Listing {
    items: Vec<Value>,
    count: u32,
}

/// Whether a value is one of the seeded `items`, or looks like what writers write.
fn is_known(value: &Value, items: u32) -> bool {
    let Some(index) = value["item"].as_u64() else {
        return value["writer"].is_u64() && value["turn"].is_u64();
    };
    let index = u32::try_from(index).ok().filter(|index| *index < items);
    index.is_some_and(|index| {
        Some(value) == serde_json::from_str(&seeded_value(index)).ok().as_ref()
    })
}

async fn list(visitor: &mut Visitor) {
    let items = visitor.workload.behaviour.items;
    let request = visitor.signed_request(Method::GET, "/data");
    visitor
        .send(LIST, request, |answer| {
            answer.expect_status(StatusCode::OK)?;
            let listing: Listing = answer.json()?;
            // Writers add items of their own to the seeded ones.
            if listing.count < items || listing.items.is_empty() {
                return Err(answer.wrong(Fault::Content("the listing misses seeded items")));
            }
            if !listing.items.iter().all(|item| is_known(item, items)) {
                let what = "the listing has a value that nobody wrote";
                return Err(answer.wrong(Fault::Content(what)));
            }
            Ok(())
        })
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_values_are_seeded_or_written() {
        let known = |text: &str| is_known(&serde_json::from_str(text).expect("JSON"), 2);
        assert!(known(&seeded_value(0)) && known(&seeded_value(1)));
        assert!(known(r#"{"writer":3,"turn":0}"#));
        assert!(!known(&seeded_value(2)));
        assert!(!known(r#"{"item":0,"text":"another"}"#));
        assert!(!known("null") && !known(r#"{"writer":3}"#));
    }
}
