//! The shop's users: browsers look at items, buyers order one and ask for the order again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use skein::{Answer, Figure, Route, Scenario, Unit, User, Wrong};

use crate::programs::{ITEMS, price_of};

const ITEM: Route = Route::new("GET", "/items/{id}");
/// An order, as it is submitted.
pub(crate) const ORDER: Route = Route::new("POST", "/orders");
const LOOK: Route = Route::new("GET", "/orders/{id}");

/// Users who look at one item after the other.
pub(crate) struct Browsers;

impl Scenario for Browsers {
    const NAME: &str = "browsers";
    const ROUTES: &[Route] = &[ITEM];

    fn of(_: &mut User) -> Self {
        Browsers
    }

    async fn turn(&mut self, user: &mut User) {
        let item = user.draw(0..ITEMS);
        let request = user.get(&format!("/items/{item}"));
        user.send(ITEM, request, |answer| check_price(answer, item))
            .await;
    }
}

#[derive(Deserialize)]
struct Item {
    price: u64,
}

fn check_price(answer: &Answer, item: u64) -> Result<(), Wrong> {
    answer.expect_status(200)?;
    match answer.json::<Item>()?.price == price_of(item) {
        true => Ok(()),
        false => Err(answer.says_wrong("the price is not the item's")),
    }
}

/// The orders that all users were told are accepted.
#[derive(Debug, Default)]
pub(crate) struct Receipts(AtomicU64);

impl Receipts {
    /// The number of orders so far.
    pub(crate) fn number(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Orders that users know to be accepted, by their own count.
const ORDERS: Figure = Figure::counted("orders", "orders that users know to be accepted");
/// The time from ordering something to seeing it remembered.
const REMEMBERED: Figure = Figure::measured(
    "remembered-after",
    Unit::Microseconds,
    "from ordering something to seeing it remembered",
)
.labelled("remembered after");

/// Users who order something, and see whether the shop remembers.
pub(crate) struct Buyers {
    receipts: Arc<Receipts>,
}

#[derive(Deserialize)]
struct Order {
    order: u64,
    item: u64,
}

impl Scenario for Buyers {
    const NAME: &str = "buyers";
    const ROUTES: &[Route] = &[ORDER, LOOK];
    const FIGURES: &[Figure] = &[ORDERS, REMEMBERED];

    fn of(user: &mut User) -> Self {
        Buyers {
            receipts: user.shared(),
        }
    }

    async fn turn(&mut self, user: &mut User) {
        let began = Instant::now();
        let item = user.draw(0..ITEMS);
        let request = user.post("/orders").json(&json!({ "item": item }));
        let accepted = user.send(ORDER, request, |answer| {
            answer.expect_status(201)?;
            answer.json::<Order>()
        });
        let Some(Order { order, .. }) = accepted.await else {
            return;
        };
        self.receipts.0.fetch_add(1, Ordering::Relaxed);
        user.count(&ORDERS, 1);

        let request = user.get(&format!("/orders/{order}"));
        let remembered = user.send(LOOK, request, |answer| {
            answer.expect_status(200)?;
            match answer.json::<Order>()?.item == item {
                true => Ok(()),
                false => Err(answer.says_wrong("the order is for something else")),
            }
        });
        if remembered.await.is_some() {
            user.measure(&REMEMBERED, began.elapsed());
        }
    }
}
