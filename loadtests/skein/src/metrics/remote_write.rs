//! Figures of a load sent to a server of metrics while it goes on, by the remote write of
//! Prometheus, version 1.0 (<https://prometheus.io/docs/specs/prw/remote_write_spec/>), which
//! Mimir, Thanos, VictoriaMetrics and others take too.
//!
//! All that counts only grows, so that a look which the server doesn't take gives way to the next
//! one: what is lost with it is when something was counted, and nothing that was.

mod message;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use harness::counters::{Format, lines};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep};
use url::Url;

use super::Figures;
use crate::keeping::{Losses, Weight};
use crate::text::excerpt;
use crate::wall::Beginning;
use crate::words::counted;
use message::Place;

/// A server that takes samples.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    url: Url,
    client: reqwest::Client,
    every: Duration,
}

/// The reason why a server's description is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidReceiver {
    /// The text is no URL.
    #[error("this is no URL; write one such as http://127.0.0.1:9090/api/v1/write")]
    NoUrl(#[from] url::ParseError),
    /// The URL is of something else.
    #[error("remote write goes to http:// or https://, and not to {scheme}://")]
    Scheme {
        /// The scheme that it has.
        scheme: String,
    },
    /// A header field is malformed.
    #[error("{name:?} with its value is no header field")]
    Field {
        /// Its name.
        name: String,
    },
    /// Certificates that are trusted can't be had.
    #[error("could not prepare to send figures")]
    Client(#[from] reqwest::Error),
}

/// The reason why a server took no samples.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Nobody answers.
    #[error("{place} did not answer")]
    Silent {
        /// Where.
        place: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The server answers that it doesn't take them.
    #[error("{place} answered {status}{}{}", said(text), advice(*status))]
    Refused {
        /// Where.
        place: String,
        /// The answer's status.
        status: StatusCode,
        /// The beginning of its body.
        text: String,
    },
    /// The figures could not be put together.
    #[error("the page of figures could not be made")]
    NoPage(#[source] Unreadable),
}

/// A cause of whatever kind.
type Unreadable = Box<dyn Error + Send + Sync>;

/// The time that a server has to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause before the same is sent again; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

impl Receiver {
    /// A server at a URL, whose user and password are sent as such, which gets `fields` too, and a
    /// look at the figures `every` so often.
    ///
    /// # Errors
    ///
    /// The part of it that makes no sense.
    pub(crate) fn new(
        url: &str,
        fields: &[(String, String)],
        every: Duration,
    ) -> Result<Self, InvalidReceiver> {
        let url = Url::parse(url)?;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(InvalidReceiver::Scheme { scheme });
        }
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let invalid = || InvalidReceiver::Field { name: name.clone() };
            let field = name.parse::<HeaderName>().map_err(|_| invalid())?;
            let mut value = value.parse::<HeaderValue>().map_err(|_| invalid())?;
            value.set_sensitive(true);
            headers.append(field, value);
        }
        let version = HeaderName::from_static("x-prometheus-remote-write-version");
        for (name, value) in [
            (CONTENT_TYPE, "application/x-protobuf"),
            (CONTENT_ENCODING, "snappy"),
            (version, "0.1.0"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("skein/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // What a POST becomes on its way isn't up to whoever is asked first.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Receiver { url, client, every })
    }

    /// The place where it is, without what nobody else is to know.
    pub(crate) fn place(&self) -> String {
        let origin = self.url.origin().ascii_serialization();
        format!("{origin}{}", self.url.path())
    }

    /// Finds out, before there are any figures, whether they would be taken.
    ///
    /// # Errors
    ///
    /// They wouldn't.
    pub(crate) async fn check(&self) -> Result<(), PushError> {
        self.push(message::empty().into(), PATIENCE).await
    }

    /// Begins to send figures, with the name of their run.
    pub(crate) fn start(&self, figures: Figures, beginning: Beginning) -> Sending {
        let labels = [("job", "skein"), ("run", &*figures.run)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let source = Source {
            figures,
            beginning,
            labels: BTreeMap::from(labels),
        };
        let (end, ended) = oneshot::channel();
        let receiver = self.clone();
        let task = tokio::spawn(async move { receiver.follow(source, ended).await });
        Sending { end, task }
    }

    /// Sends look after look until it is `ended`, and then the last one.
    async fn follow(&self, source: Source, mut ended: oneshot::Receiver<()>) -> Tally {
        let mut looks = interval(self.every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tally = Tally::default();
        loop {
            tokio::select! {
                biased;
                _ = &mut ended => break,
                _ = looks.tick() => {}
            }
            tokio::select! {
                biased;
                // One that is under way gives way to the last.
                _ = &mut ended => break,
                pushed = self.look(&source, Place::Amid, self.every) => tally.note(pushed),
            }
        }
        let last = self.look(&source, Place::Last, PATIENCE).await;
        tally.lacks_the_last = last.is_err();
        tally.note(last);
        tally
    }

    /// Looks at the figures, and sends what it sees until that is taken, refused, or has had `limit`.
    async fn look(&self, source: &Source, place: Place, limit: Duration) -> Result<(), PushError> {
        let deadline = Instant::now() + limit;
        let message = source.message(place).await?;
        let mut pause = PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let pushed = self.push(message.clone(), left).await;
            let has_time = Instant::now() + pause < deadline;
            match pushed {
                Err(error) if error.may_pass() && has_time => sleep(pause).await,
                pushed => return pushed,
            }
            pause *= 2;
        }
    }

    /// Sends a message, and waits for its answer for at most `limit`.
    async fn push(&self, message: Bytes, limit: Duration) -> Result<(), PushError> {
        let silent = |error: reqwest::Error| PushError::Silent {
            place: self.place(),
            source: error.without_url(),
        };
        let request = self.client.post(self.url.clone()).timeout(limit);
        let mut answer = request.body(message).send().await.map_err(silent)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let beginning = answer.chunk().await.ok().flatten().unwrap_or_default();
        Err(PushError::Refused {
            place: self.place(),
            status,
            text: excerpt(beginning.trim_ascii(), 200),
        })
    }
}

impl PushError {
    /// True when the same message may be taken later, by the protocol's rules.
    fn may_pass(&self) -> bool {
        match self {
            PushError::Silent { .. } => true,
            PushError::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            PushError::NoPage(_) => false,
        }
    }
}

/// The figures of a load, and how its series are told from those of others.
struct Source {
    figures: Figures,
    beginning: Beginning,
    labels: BTreeMap<String, String>,
}

impl Source {
    /// A message of the figures as they are now. It is made beside those who attend to users.
    async fn message(&self, place: Place) -> Result<Bytes, PushError> {
        let figures = self.figures.clone();
        let read = move || -> Result<_, Unreadable> {
            let page = figures.page()?;
            Ok(lines(page.as_bytes(), Format::OpenMetrics)?)
        };
        let at = self.beginning.wall_at(Instant::now());
        let page = match spawn_blocking(read).await {
            Ok(page) => page.map_err(PushError::NoPage)?,
            Err(ended) => return Err(PushError::NoPage(ended.into())),
        };
        Ok(message::of_page(page, &self.labels, at, place).into())
    }
}

/// The sending of a load's figures while it goes on.
#[derive(Debug)]
pub(crate) struct Sending {
    end: oneshot::Sender<()>,
    task: JoinHandle<Tally>,
}

impl Sending {
    /// Sends the figures as they are now, the last ones. Gives what was not taken.
    pub(crate) async fn end(self) -> Losses {
        // Who is told has gone only when it failed, which is seen in a moment.
        let _ = self.end.send(());
        let mut losses = Losses::default();
        let tally = match self.task.await {
            Ok(tally) => tally,
            Err(ended) => {
                losses.note(Weight::Told, Err::<(), _>(ended));
                return losses;
            }
        };
        losses.note(Weight::Told, tally.taken());
        losses
    }
}

/// Looks at the figures, and what became of them.
#[derive(Debug, Default)]
struct Tally {
    looks: u64,
    lost: u64,
    lacks_the_last: bool,
    reason: Option<PushError>,
}

impl Tally {
    fn note(&mut self, pushed: Result<(), PushError>) {
        self.looks += 1;
        if let Err(error) = pushed {
            self.lost += 1;
            self.reason = Some(error);
        }
    }

    /// The last reason why some are missing at the server, if any are.
    fn taken(self) -> anyhow::Result<()> {
        let Some(reason) = self.reason else {
            return Ok(());
        };
        let looks = counted(self.looks, "look", "looks");
        let also = if self.lacks_the_last {
            ", the last one too"
        } else {
            ""
        };
        let missing = format!(
            "{} of {looks} at the figures, for remote write{also}",
            self.lost
        );
        Err(anyhow::Error::new(reason).context(missing))
    }
}

/// A server's own words, if it had any.
fn said(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

/// The remedy for an answer that most often has the same cause.
fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            "; Prometheus takes figures at /api/v1/write, if it was started with --web.enable-remote-write-receiver"
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "; give a user and a password in the URL, or a token in a field, such as SKEIN_REMOTE_WRITE_HEADER='Authorization: Bearer …'"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{any, basic_auth, header};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use std::sync::Arc;

    use crate::testing;
    use crate::wall::WallClock;
    use crate::workload::Workload;

    const EVERY: Duration = Duration::from_secs(60);

    fn receiver(server: &MockServer) -> Receiver {
        let url = format!(
            "http://ann:secret@{}/api/v1/write?token=t",
            server.address()
        );
        let fields = [("X-Scope-OrgID".to_owned(), "shop".to_owned())];
        Receiver::new(&url, &fields, EVERY).expect("a receiver")
    }

    async fn answering(status: u16, times: u64, server: &MockServer) {
        let answer = ResponseTemplate::new(status).set_body_string("out of bounds\nat line 7");
        let mock = Mock::given(any()).respond_with(answer);
        mock.up_to_n_times(times).mount(server).await;
    }

    fn sending(receiver: &Receiver) -> Sending {
        let plan = testing::plan("smoke");
        let load = Arc::new(Workload::new(&plan, 7, "http://localhost"));
        let beginning = Beginning::now(WallClock::SYSTEM);
        receiver.start(Figures::of(&load, "7-smoke"), beginning)
    }

    #[tokio::test]
    async fn a_message_has_what_the_protocol_asks_for_and_the_fields_of_the_user() {
        let server = MockServer::start().await;
        Mock::given(basic_auth("ann", "secret"))
            .and(header("content-type", "application/x-protobuf"))
            .and(header("content-encoding", "snappy"))
            .and(header("x-prometheus-remote-write-version", "0.1.0"))
            .and(header("x-scope-orgid", "shop"))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
        let receiver = receiver(&server);
        receiver.check().await.expect("taken");
        assert_eq!(receiver.place(), format!("{}/api/v1/write", server.uri()));
    }

    #[tokio::test]
    async fn an_answer_that_may_pass_is_asked_for_again_and_another_is_not() {
        let server = MockServer::start().await;
        let receiver = receiver(&server);
        answering(503, 2, &server).await;
        answering(204, 1, &server).await;
        // The last look alone, or the first and the last.
        let losses = sending(&receiver).end().await;
        assert!(losses.is_empty(), "{losses:?}");
        server.reset().await;
        answering(400, u64::MAX, &server).await;
        let losses = sending(&receiver).end().await;
        let said: Vec<String> = losses.sentences().collect();
        let place = receiver.place();
        let reason = format!(
            "the last one too: {place} answered 400 Bad Request: out of bounds\u{fffd}at line 7"
        );
        assert!(said.concat().ends_with(&reason), "{said:?}");
        assert!(!said.concat().contains("secret"), "{said:?}");
    }

    #[tokio::test]
    async fn nobody_there_is_said_without_what_is_secret() {
        let server = MockServer::start().await;
        let receiver = receiver(&server);
        drop(server);
        // A server of mocks goes on for others; nothing ever listens on this port.
        let url = receiver
            .url
            .as_str()
            .replace(&receiver.url.port().expect("a port").to_string(), "1");
        let receiver = Receiver::new(&url, &[], EVERY).expect("a receiver");
        let error = receiver.check().await.expect_err("nobody");
        let said = format!("{:#}", anyhow::Error::new(error));
        assert!(
            said.starts_with("http://127.0.0.1:1/api/v1/write did not answer: "),
            "{said}"
        );
        assert!(
            !said.contains("secret") && !said.contains("token"),
            "{said}"
        );
    }

    #[test]
    fn what_is_no_server_is_refused() {
        let refused = |url: &str, field: (&str, &str)| {
            let fields = [(field.0.to_owned(), field.1.to_owned())];
            let refused = Receiver::new(url, &fields, EVERY);
            refused.expect_err("no server").to_string()
        };
        assert!(refused("prometheus", ("a", "b")).contains("no URL"));
        assert!(refused("ftp://here/", ("a", "b")).contains("and not to ftp://"));
        assert!(refused("http://here/", ("a b", "c")).contains("\"a b\""));
        assert!(!refused("http://here/", ("a", "s3cret\n")).contains("s3cret"));
    }
}
