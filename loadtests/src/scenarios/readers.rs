//! Readers ask for seeded items, the first ones far more often than the last, and
//! now and then for the listing.

use http::Method;
use rand_distr::{Distribution, Zipf};
use serde::Deserialize;
use serde_json::Value;
use services::contract::{seeded_key, seeded_value};
use skein::{Answer, Route, Scenario, User, Wrong};

use super::Token;
use crate::behaviour::Behaviour;

/// One item.
pub(crate) const READ: Route = Route::new("GET", "/data/{key}");
/// The listing.
pub(crate) const LIST: Route = Route::new("GET", "/data");

/// Users who read items.
pub(crate) struct Readers {
    token: Token,
    items: u32,
    listing_share: f64,
    popularity: Zipf<f64>,
}

impl Scenario for Readers {
    const NAME: &str = "readers";
    const ROUTES: &[Route] = &[READ, LIST];

    fn of(user: &mut User) -> Self {
        let behaviour = user.plan().table::<Behaviour>();
        Readers {
            token: Token::of(user),
            items: behaviour.items,
            listing_share: behaviour.listing_share,
            popularity: popularity(&behaviour),
        }
    }

    async fn turn(&mut self, user: &mut User) {
        if user.chance(self.listing_share) {
            self.list(user).await;
        } else {
            self.read(user).await;
        }
    }
}

/// The popularity of items: ranks count from 1, items from 0.
fn popularity(behaviour: &Behaviour) -> Zipf<f64> {
    Zipf::new(f64::from(behaviour.items), behaviour.zipf_exponent)
        .expect("a plan has items and no negative exponent")
}

impl Readers {
    async fn read(&self, user: &mut User) {
        let rank = self.popularity.sample(user.rng());
        let item = rank as u32 - 1;
        let path = format!("/data/{}", seeded_key(item).to_path_segment());
        let request = self.token.request(user, Method::GET, &path);
        user.send(READ, request, |answer| check_item(answer, item))
            .await;
    }

    async fn list(&self, user: &mut User) {
        let items = self.items;
        let request = self.token.request(user, Method::GET, "/data");
        user.send(LIST, request, |answer| check_listing(answer, items))
            .await;
    }
}

fn check_item(answer: &Answer, item: u32) -> Result<(), Wrong> {
    answer.expect_status(200)?;
    answer.expect_body(seeded_value(item), "the value is not the seeded one")
}

#[derive(Deserialize)]
struct Listing {
    items: Vec<Value>,
    count: u32,
}

fn check_listing(answer: &Answer, items: u32) -> Result<(), Wrong> {
    answer.expect_status(200)?;
    let listing: Listing = answer.json()?;
    // Writers add items of their own to the seeded ones.
    if listing.count < items || listing.items.is_empty() {
        return Err(answer.says_wrong("the listing misses seeded items"));
    }
    if !listing.items.iter().all(|item| is_known(item, items)) {
        return Err(answer.says_wrong("the listing has a value that nobody wrote"));
    }
    Ok(())
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
