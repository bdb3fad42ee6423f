//! The shop's three programs, of nothing but the standard library: whatever the shop does is
//! here, and nothing here knows that it is tested.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::server::{Counters, Request, Response, call, serve};

/// The number of items that the shop has.
pub(crate) const ITEMS: u64 = 100;

/// The price of an item, in cents.
pub(crate) fn price_of(item: u64) -> u64 {
    100 + item * 7
}

/// Becomes one of the shop's programs, if this process was started to be one:
/// `shop serve door PORT CATALOGUES ORDERS`, `shop serve catalogue PORT`, or
/// `shop serve orders PORT [LOSES_EVERY]`.
pub(crate) fn serve_if_asked() -> Option<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", "door", port, catalogues, orders] => door(port, catalogues, orders),
        ["serve", "catalogue", port] => catalogue(port),
        ["serve", "orders", port] => orders(port, None),
        ["serve", "orders", port, every] => match every.parse::<NonZeroUsize>() {
            Ok(every) => orders(port, Some(every.get())),
            // A shop that loses none by mistake would prove nothing.
            Err(_) => {
                let _ = writeln!(
                    io::stderr(),
                    "to lose every nth order, n is 1 or more, not {every}"
                );
            }
        },
        _ => return None,
    }
    Some(ExitCode::FAILURE)
}

/// Passes each request on to whom it is for, and deals items out to the catalogues by turns.
fn door(port: &str, catalogues: &str, orders: &str) {
    let catalogues: Arc<[String]> = catalogues.split(',').map(str::to_owned).collect();
    let orders: Arc<str> = orders.into();
    let next = Arc::new(AtomicUsize::new(0));
    let counters = Counters::default();
    serve(port, &counters.clone(), move || {
        let (catalogues, orders) = (Arc::clone(&catalogues), Arc::clone(&orders));
        let (next, counters) = (Arc::clone(&next), counters.clone());
        // Connections of this user's own, kept open.
        let mut kept: BTreeMap<String, TcpStream> = BTreeMap::new();
        move |request: &Request| {
            let (to, address) = if request.path.starts_with("/items/") {
                let turn = next.fetch_add(1, Ordering::Relaxed) % catalogues.len();
                ("catalogue", catalogues[turn].as_str())
            } else {
                ("orders", &*orders)
            };
            let labels = format!("to=\"{to}\"");
            counters.count("calls_total", &labels);
            call(&mut kept, address, request).unwrap_or_else(|error| {
                counters.count("calls_failed_total", &labels);
                Response::new(502, format!("{to} is away: {error}"))
            })
        }
    });
}

/// Knows every item's price.
fn catalogue(port: &str) {
    serve(port, &Counters::default(), || {
        |request: &Request| match request.number_after("/items/") {
            Some(item) if item < ITEMS => Response::new(
                200,
                format!(r#"{{"item":{item},"price":{}}}"#, price_of(item)),
            ),
            _ => Response::new(404, "there is no such item".to_owned()),
        }
    });
}

/// Keeps the book: items by order.
fn orders(port: &str, loses_every: Option<usize>) {
    let book: Arc<Mutex<Vec<Option<u64>>>> = Arc::default();
    let counters = Counters::default();
    serve(port, &counters.clone(), move || {
        let (book, counters) = (Arc::clone(&book), counters.clone());
        move |request: &Request| {
            let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
            if request.method == "POST" {
                let Some(item) = request.number_in_body() else {
                    return Response::new(400, "name an item".to_owned());
                };
                let order = book.len();
                let is_lost = loses_every.is_some_and(|every| order % every == every - 1);
                book.push((!is_lost).then_some(item));
                if !is_lost {
                    counters.count("orders_booked_total", "");
                }
                return Response::new(201, told(order, item));
            }
            let order = request.number_after("/orders/").map(|order| order as usize);
            let item = order.and_then(|order| book.get(order).copied().flatten());
            match order.zip(item) {
                Some((order, item)) => Response::new(200, told(order, item)),
                None => Response::new(404, "there is no such order".to_owned()),
            }
        }
    });
}

fn told(order: usize, item: u64) -> String {
    format!(r#"{{"order":{order},"item":{item}}}"#)
}
