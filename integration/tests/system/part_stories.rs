//! The promises of every part of others that takes a place of the laboratory, in whichever way
//! it is had: told over programs in `real_parts`, and over containers in `parts_in_containers`.

use std::time::Duration;

use harness::LastingNodes;
use integration::Topology;
use integration::real::{Part, Parts, Place};
use integration::wait::wait_for;
use lapin::{Connection, ConnectionProperties};
use reqwest::{Method, StatusCode};
use services::contract::{Task, TaskState, seeded_value};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{Lab, PATIENCE, RunFolder, options};
use crate::task_stories::{submit, task_that_is};
use crate::whole::Whole;

/// A quorum queue whose broker is killed within a second of its making has forgotten its name
/// afterwards (3.10.8), and answers nobody until it is deleted.
pub(crate) const SETTLES: Duration = Duration::from_secs(3);

/// The two ways in which a part is started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Program,
    Container,
}

/// A part that is to be had in one way.
#[derive(Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) part: Part,
    pub(crate) way: Way,
}

impl Piece {
    pub(crate) const fn program(part: Part) -> Self {
        let way = Way::Program;
        Piece { part, way }
    }

    pub(crate) const fn container(part: Part) -> Self {
        let way = Way::Container;
        Piece { part, way }
    }

    /// The name of the node that it is, or the first of those.
    pub(crate) fn node(self) -> &'static str {
        match self.place() {
            Place::Balancer => "load-balancer",
            Place::Cache => "cache-1",
            Place::Queue | Place::Database => self.part.name(),
        }
    }

    fn place(self) -> Place {
        let mut places = Place::ALL.into_iter();
        let takes = |place: &Place| place.parts().contains(&self.part);
        places.find(takes).expect("every part can take a place")
    }

    /// These parts with this one in its place.
    pub(crate) fn among(self, parts: Parts) -> Parts {
        let way = match self.way {
            Way::Program => "program",
            Way::Container => "container",
        };
        let place = self.place();
        let real = place.parse(&format!("{}:{way}", self.part));
        parts.with(place, real.expect("it can take the place"))
    }

    /// The laboratory with this part in its place.
    pub(crate) fn laboratory(self) -> Topology {
        Topology::laboratory().parts(self.among(Parts::default()))
    }

    /// The part, started to outlast systems, with its log in a folder.
    pub(crate) async fn lasting(self, folder: &RunFolder) -> LastingNodes {
        let started = LastingNodes::start(&self.laboratory(), options(folder.path())).await;
        started.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Every process of the part, as far as it is one of this machine's.
    fn whole(self, lab: &Lab) -> Option<Whole> {
        let is_program = self.way == Way::Program;
        is_program.then(|| Whole::of_node(lab, self.node()))
    }
}

pub(crate) async fn works_and_stops_in_good_order(piece: Piece) {
    let lab = Lab::start(piece.laboratory()).await;
    everything_works(&lab, "first").await;
    stops_in_good_order(piece, lab).await;
}

/// A part that has worked shows what it did and used, and leaves nothing when it is told to stop.
async fn stops_in_good_order(piece: Piece, lab: Lab) {
    let node = piece.node();
    let counters = lab.counters(node).await.expect("it shows them");
    assert!(counters.build().is_some(), "{counters:?}");
    wait_for("CPU time", PATIENCE, async || {
        lab.get("/data/item-1").await;
        let used = lab.cpu_time(node).expect("it runs");
        if used > Duration::ZERO {
            Ok(())
        } else {
            Err("none")
        }
    })
    .await
    .expect("work costs time");
    let whole = piece.whole(&lab);
    lab.stop().await.expect("it ends when it is told to");
    if let Some(whole) = whole {
        assert_eq!(whole.processes(), []);
    }
}

pub(crate) async fn is_paused_and_killed_whole_and_comes_back(piece: Piece) {
    let node = piece.node();
    let lab = Lab::start(piece.laboratory()).await;
    let address = lab.address_of(node);
    everything_works(&lab, "first").await;
    let whole = piece.whole(&lab);
    assert!(
        whole
            .as_ref()
            .is_none_or(|whole| !whole.processes().is_empty())
    );

    lab.pause(node).expect("it runs");
    assert!(whole.as_ref().is_none_or(Whole::stands_still));
    let counters = timeout(Duration::from_millis(300), lab.counters(node)).await;
    assert!(counters.is_err(), "it answers: {counters:?}");
    lab.resume(node).expect("it is paused");
    everything_works(&lab, "resumed").await;

    if piece.part == Part::RabbitMq {
        sleep(SETTLES).await;
    }
    lab.kill(node).expect("it runs");
    if let Some(whole) = whole {
        assert_eq!(whole.processes(), []);
    }
    let refused = TcpStream::connect(address).await;
    refused.expect_err("nobody listens");
    lab.restart(node).await.expect("it returns");
    assert_eq!(lab.address_of(node), address);
    everything_works(&lab, "restarted").await;
    for key in ["first", "resumed", "restarted"] {
        let kept = lab.get(&format!("/data/{key}")).await.text().await;
        assert_eq!(kept.expect("a body"), format!("\"{key}\""));
    }
    assert!(lab.unexpected_exits().is_empty());
    stops_in_good_order(piece, lab).await;
}

/// A part that lasts gives each of two systems a room of its own, and takes it back.
pub(crate) async fn outlasts_systems_and_gives_each_a_room(piece: Piece, lasting: &LastingNodes) {
    let (node, topology) = (piece.node(), piece.laboratory());
    let lab = Lab::start_among(lasting, &topology).await;
    let beside = Lab::start_among(lasting, &topology).await;
    let rooms = [lab.url_as_told(node), beside.url_as_told(node)];
    assert_ne!(rooms[0], rooms[1]);
    let of_the_part = lab.address_of(node);
    assert_eq!(beside.address_of(node), of_the_part);
    everything_works(&lab, "first").await;
    everything_works(&beside, "beside").await;
    assert!(lab.cpu_time(node).expect("it runs") > Duration::ZERO);
    let counters = lab.counters(node).await.expect("it shows them");
    assert!(counters.build().is_some(), "{counters:?}");

    lab.stop().await.expect("it ends when it is told to");
    let entered = async |room: &str| {
        let entered = Connection::connect(room, ConnectionProperties::default()).await;
        entered.map(drop)
    };
    entered(&rooms[0]).await.expect_err("there is no such room");
    entered(&rooms[1]).await.expect("it is in use");
    let next = Lab::start_among(lasting, &topology).await;
    assert_eq!(next.address_of(node), of_the_part);
    everything_works(&next, "next").await;
}

/// Reads, writes and has a task done, as soon as each is possible again.
pub(crate) async fn everything_works(lab: &Lab, key: &str) {
    let read = async || lab.request(Method::GET, "/data/item-1").send().await;
    let answer = until(StatusCode::OK, "a read", read).await;
    assert_eq!(answer.text().await.expect("a body"), seeded_value(1));
    let path = format!("/data/{key}");
    let value = format!("\"{key}\"");
    let write = async || {
        let put = lab.request(Method::PUT, &path).body(value.clone());
        put.send().await
    };
    until(StatusCode::OK, "a write", write).await;
    assert_eq!(lab.get(&path).await.text().await.expect("a body"), value);
    let ask = async || submit(lab, key, r#"{"task":"report"}"#).await;
    let answer = until(StatusCode::ACCEPTED, "a task", ask).await;
    let task: Task = answer.json().await.expect("a task");
    task_that_is(lab, &task.id, TaskState::Done).await;
}

async fn until(
    status: StatusCode,
    what: &str,
    ask: impl AsyncFn() -> reqwest::Result<reqwest::Response>,
) -> reqwest::Response {
    let look = async || match ask().await {
        Ok(answer) if answer.status() == status => Ok(answer),
        other => Err(format!("{other:?}")),
    };
    // A broker that was killed is about for a while before its queues are.
    let answered = wait_for(format!("{what} to be {status}"), PATIENCE * 3, look).await;
    answered.unwrap_or_else(|overdue| panic!("{overdue}"))
}
