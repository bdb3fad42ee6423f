//! A vector: one raw request, the ways in which it may rightly be answered, and the
//! sentence of an RFC that says so.
//!
//! Vectors are written once and sent to proxies and to nodes, which have paths and
//! needs of their own, so some words stand for what differs:
//!
//! | word | before a recording backend | to a node, for instance a gateway |
//! |---|---|---|
//! | `{get}` | `GET /vector-17` | `GET /process?vector-17` |
//! | `{post}` | `POST /vector-17` | `POST /process?vector-17` |
//! | `{target}` | `/vector-17` | `/process?vector-17` |
//! | `{smuggled}` | a whole request of 512 octets for `/smuggled-17` | the same for `/process?smuggled-17` |
//! | `{number}` | `17` | the same |
//! | `{extras}` | nothing | `Authorization: …` and CRLF |
//! | `{fields}` | `Host: localhost` and CRLF, then `{extras}` | its address for `localhost` |

use super::exchange::{End, Seen};

/// A body that every node takes, of 17 bytes, which is `11` in a chunk's head.
pub(crate) const BODY: &str = r#"{"task":"vector"}"#;

/// One raw request, or several on one connection, and what is right for it.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    /// The part of the grammar, set when parts are collected.
    pub(crate) part: &'static str,
    /// What is special about it; unique in its part.
    pub(crate) name: String,
    /// The octets, with words for what differs from node to node.
    pub(crate) raw: Vec<u8>,
    /// The ways in which it may be answered.
    pub(crate) right: Right,
    /// The rule, and where it is written.
    pub(crate) why: String,
    /// What a backend behind a proxy must see of it.
    pub(crate) arrival: Arrival,
    /// True when the first request is a `HEAD`, whose answer has no body.
    pub(crate) is_head: bool,
    /// True when it names a host that a node may refuse which serves its own machine only.
    pub(crate) is_for_a_foreign_host: bool,
    /// True when the rule is Skein's own, such as a limit, and says nothing of others.
    pub(crate) is_policy: bool,
}

/// What a backend must see of a vector, beyond what holds for all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrival {
    /// True when the fault is in the body, so that the head may rightly have gone ahead.
    pub(crate) head_may_arrive: bool,
    /// Fields that must not arrive.
    pub(crate) lost: Vec<&'static str>,
    /// Fields that must arrive once with this value.
    pub(crate) kept: Vec<(&'static str, &'static str)>,
    /// How the target must arrive; `None` when it is of no matter.
    pub(crate) target: Option<String>,
}

/// The ways in which a vector may rightly be answered; any of them is right.
#[derive(Clone, Debug)]
pub(crate) struct Right(Vec<Way>);

/// One way in which an exchange may go.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    answers: Vec<Answer>,
    then: Then,
    /// True when a `100 Continue` may come first.
    takes_interim: bool,
}

/// One final answer.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// The application's: the request was taken as it is.
    Served,
    /// A refusal with any of these statuses.
    Refused(&'static [u16]),
}

/// What becomes of the connection, on which a plain request follows every vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Either of the others.
    AsItLikes,
    /// The plain request is answered.
    Reused,
    /// The connection is closed, and the plain request never read as one.
    Closed,
}

/// The request is taken, and the next one too.
pub(crate) fn served() -> Right {
    served_times(1)
}

/// Each of `n` requests is taken, and the next one too.
pub(crate) fn served_times(n: usize) -> Right {
    way(vec![Answer::Served; n], Then::Reused)
}

/// The request is refused with any of these statuses.
pub(crate) fn refused(statuses: &'static [u16]) -> Right {
    way(vec![Answer::Refused(statuses)], Then::AsItLikes)
}

/// `n` requests are taken, and the one after them is refused with any of these statuses.
pub(crate) fn served_then_refused(n: usize, statuses: &'static [u16]) -> Right {
    let mut answers = vec![Answer::Served; n];
    answers.push(Answer::Refused(statuses));
    way(answers, Then::Closed)
}

/// The connection is closed without a word.
pub(crate) fn closed() -> Right {
    way(Vec::new(), Then::Closed)
}

fn way(answers: Vec<Answer>, then: Then) -> Right {
    Right(vec![Way {
        answers,
        then,
        takes_interim: true,
    }])
}

impl Right {
    /// The same, and the connection is closed afterwards.
    pub(crate) fn and_closed(self) -> Right {
        self.each(|way| way.then = Then::Closed)
    }

    /// The same, and it is all one whether the connection is closed afterwards.
    pub(crate) fn and_maybe_closed(self) -> Right {
        self.each(|way| way.then = Then::AsItLikes)
    }

    /// The same, and no `100 Continue` comes before it.
    pub(crate) fn without_continue(self) -> Right {
        self.each(|way| way.takes_interim = false)
    }

    /// Either this or the other is right.
    pub(crate) fn or(mut self, other: Right) -> Right {
        self.0.extend(other.0);
        self
    }

    fn each(mut self, change: impl Fn(&mut Way)) -> Right {
        self.0.iter_mut().for_each(change);
        self
    }

    /// True when every right way ends in a refusal.
    pub(crate) fn demands_refusal(&self) -> bool {
        self.0.iter().all(|way| way.served() == 0)
    }

    /// The way that an exchange went, if it is a right one.
    pub(crate) fn way_of(&self, seen: &Seen) -> Option<&Way> {
        self.0.iter().find(|way| way.is_gone_by(seen))
    }

    /// The ways in short, as in `200` or `400, closed`.
    pub(crate) fn shown(&self) -> String {
        let ways: Vec<String> = self.0.iter().map(Way::shown).collect();
        ways.join(" or ")
    }
}

impl Way {
    /// The number of requests an application has taken.
    pub(crate) fn served(&self) -> usize {
        let served = |answer: &&Answer| matches!(answer, Answer::Served);
        self.answers.iter().filter(served).count()
    }

    fn is_gone_by(&self, seen: &Seen) -> bool {
        let (first, rest) = match seen.answers.split_at_checked(self.answers.len()) {
            Some(split) => split,
            None => return false,
        };
        let as_meant = self.answers.iter().zip(first).all(|(meant, &status)| {
            let is_served = is_served(status);
            match meant {
                Answer::Served => is_served,
                Answer::Refused(statuses) => statuses.contains(&status),
            }
        });
        let then = match rest {
            [] => self.then != Then::Reused,
            [status] => self.then != Then::Closed && is_served(*status),
            _ => false,
        };
        let interim = self.takes_interim || seen.interim.is_empty();
        as_meant && then && interim && seen.fault.is_none() && seen.end == End::Closed
    }

    fn shown(&self) -> String {
        let answers = self.answers.iter().map(|answer| match answer {
            Answer::Served => "served".to_owned(),
            Answer::Refused(statuses) => {
                let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
                statuses.join("/")
            }
        });
        let then = match self.then {
            Then::Closed => Some("closed".to_owned()),
            Then::Reused | Then::AsItLikes => None,
        };
        let all: Vec<String> = answers.chain(then).collect();
        all.join(", ")
    }
}

/// True when a status is an application's, which has got the request: it did what was
/// asked, or knows no such path or method.
fn is_served(status: u16) -> bool {
    matches!(status, 200..=299 | 404 | 405)
}

/// A vector; the part is known where parts are collected.
pub(crate) fn vector(
    name: impl Into<String>,
    raw: impl AsRef<[u8]>,
    right: Right,
    why: impl Into<String>,
) -> Vector {
    Vector {
        part: "",
        name: name.into(),
        raw: raw.as_ref().to_owned(),
        right,
        why: why.into(),
        arrival: Arrival::default(),
        is_head: false,
        is_for_a_foreign_host: false,
        is_policy: false,
    }
}

/// A `GET` in good order but for these further field lines, each with its CRLF.
pub(crate) fn get_with(lines: impl AsRef<[u8]>) -> Vec<u8> {
    [b"{get} HTTP/1.1\r\n{fields}", lines.as_ref(), b"\r\n"].concat()
}

/// A `POST` in good order but for these further field lines and its body.
pub(crate) fn post_with(lines: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    [
        b"{post} HTTP/1.1\r\n{fields}",
        lines.as_ref(),
        b"\r\n",
        body.as_ref(),
    ]
    .concat()
}

/// A `POST` whose chunked body is these octets, chunk heads and all.
pub(crate) fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    post_with("Transfer-Encoding: chunked\r\n", body)
}

impl Vector {
    /// The same; the fault is in the body, so the head may have gone ahead.
    pub(crate) fn in_the_body(mut self) -> Self {
        self.arrival.head_may_arrive = true;
        self
    }

    /// The same; the field must not arrive at a backend.
    pub(crate) fn loses(mut self, field: &'static str) -> Self {
        self.arrival.lost.push(field);
        self
    }

    /// The same; the field must arrive at a backend, once and with this value.
    pub(crate) fn keeps(mut self, field: &'static str, value: &'static str) -> Self {
        self.arrival.kept.push((field, value));
        self
    }

    /// The same; the target must arrive at a backend like this.
    pub(crate) fn arrives_at(mut self, target: &str) -> Self {
        self.arrival.target = Some(target.to_owned());
        self
    }

    /// The same; the answer to a `HEAD` has no body.
    pub(crate) fn head(mut self) -> Self {
        self.is_head = true;
        self
    }

    /// The same; a node that serves its own machine only may refuse such a host.
    pub(crate) fn foreign_host(mut self) -> Self {
        self.is_for_a_foreign_host = true;
        self
    }

    /// The same; the rule is Skein's own, and no control is judged by it.
    pub(crate) fn policy(mut self) -> Self {
        self.is_policy = true;
        self
    }

    /// True when a malformed head is all that it is, which must never reach a backend.
    pub(crate) fn is_malformed_head(&self) -> bool {
        self.right.demands_refusal() && !self.arrival.head_may_arrive
    }
}
