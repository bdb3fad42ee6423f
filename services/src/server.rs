//! The server that every service shares: its settings and limits, `/health` and `/metrics`,
//! what is observed of each request, the announcement of the address, and a
//! graceful stop with a deadline.
//!
//! [`admission`] and [`places`] are between a node's service and its clients.

mod admission;
mod files;
mod places;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use bytesize::ByteSize;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::body::{Breach, CollectError, collect};
use crate::contract::{Announcement, Health, HealthStatus, NodeName, SERVED_BY, SERVER_TIMING};
use crate::cpu_share::{CpuShare, Turnstile};
use crate::exposure::{self, Callers, Exposure};
use crate::identity;
use crate::metrics::Metrics;
use crate::planted::{Planted, Plants};
use crate::problem::{Problem, bad_request, not_found, problem};
use crate::setting;
use crate::trace;
use crate::wire::{Pauses, Wire};
use admission::{Admitting, Refusals};
use places::Places;

pub(crate) use files::{is_shortage, raise_limit};

/// The settings that every service has.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerConfig {
    /// The node's name: lowercase letters, digits and `-`.
    #[arg(long, env = "SKEIN_NAME")]
    pub name: NodeName,

    /// A text by half of which whoever started the node knows it again at /health, and that
    /// nobody else is told; better given by the variable, for every user of the machine
    /// sees command lines.
    #[arg(long, env = "SKEIN_NONCE", default_value = "", hide_env_values = true)]
    pub nonce: String,

    /// The largest request body that is accepted.
    #[arg(
        long,
        env = "SKEIN_MAX_BODY",
        value_name = "BYTES",
        default_value = "1MiB"
    )]
    pub max_body: ByteSize,

    /// The largest request head that is accepted, at least 8KiB.
    #[arg(long, env = "SKEIN_MAX_HEAD", value_name = "BYTES", default_value = "16KiB", value_parser = at_least_8_kib)]
    pub max_head: ByteSize,

    /// The longest time that a connection may take to send a request's head, or stay idle.
    #[arg(long, env = "SKEIN_HEAD_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = setting::positive_duration)]
    pub head_timeout: Duration,

    /// The longest time that a client may take no more of a response that is under way.
    #[arg(long, env = "SKEIN_WRITE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = setting::positive_duration)]
    pub write_timeout: Duration,

    /// The longest pause of either side within a body.
    #[arg(long, env = "SKEIN_IDLE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = setting::positive_duration)]
    pub idle_timeout: Duration,

    /// The most connections of clients at the same time; beyond, those that have been
    /// idle longest are closed. Without it, half of the files that the process may open,
    /// so that each request can have a connection to an upstream.
    #[arg(long, env = "SKEIN_MAX_CONNECTIONS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,

    /// The longest time that a stop waits for requests under way.
    #[arg(long, env = "SKEIN_DRAIN_DEADLINE", value_name = "DURATION", default_value = "5s", value_parser = setting::duration)]
    pub drain_deadline: Duration,

    /// The settings for who may reach the node.
    #[command(flatten)]
    pub exposure: Exposure,

    /// The machine that the node is to behave as if it had.
    #[command(flatten)]
    pub cpu_share: CpuShare,

    /// The slowdowns of the node, on purpose.
    #[command(flatten)]
    pub plants: Plants,
}

/// hyper refuses a smaller buffer by panicking.
fn at_least_8_kib(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size < ByteSize::kib(8) {
        Err("must be at least 8KiB".to_owned())
    } else {
        Ok(size)
    }
}

/// One node while it runs: its settings, its metrics, and the word to stop.
#[derive(Clone, Debug)]
pub struct Node {
    /// The settings that every service has.
    pub config: ServerConfig,
    /// The counters that `/metrics` shows.
    pub metrics: Metrics,
    /// Cancelled when the node is to stop.
    pub shutdown: CancellationToken,
    /// True when it is asked under any name and by any web page.
    is_public: bool,
}

impl Node {
    /// A node that will stop when `shutdown` is cancelled.
    pub fn new(config: ServerConfig, shutdown: CancellationToken) -> Self {
        Node {
            config,
            metrics: Metrics::default(),
            shutdown,
            is_public: false,
        }
    }

    /// The same, for requests in any name: its own routes ask everybody for a token.
    pub fn public(self) -> Self {
        Node {
            is_public: true,
            ..self
        }
    }

    /// The node's name.
    pub fn name(&self) -> &NodeName {
        &self.config.name
    }

    /// Serves `routes`, together with what every service answers, until the
    /// shutdown; then finishes what is under way, for at most the drain deadline.
    pub async fn serve(self, listener: TcpListener, routes: Router) {
        let callers = match listener.local_addr() {
            Ok(address) if !self.is_public => Callers::of(address, &self.config.exposure),
            _ => None,
        };
        let mut management = self.management_routes();
        if let Some(callers) = callers.clone() {
            management = management.layer(middleware::from_fn_with_state(callers, exposure::admit));
        }
        let app = routes
            .fallback(async || not_found("no such path"))
            .method_not_allowed_fallback(async || {
                problem(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "this path has no such method",
                )
            })
            .layer(middleware::from_fn_with_state(
                Observer::new(&self, callers),
                observe,
            ))
            .merge(management);
        self.serve_connections(listener, |_| TowerToHyperService::new(app.clone()))
            .await;
    }

    /// `/health` and `/metrics`, which are neither counted nor limited.
    pub fn management_routes(&self) -> Router {
        let metrics = self.metrics.clone();
        let node = self.clone();
        Router::new()
            .route(
                "/health",
                get(async move |headers: HeaderMap| node.health(&headers)),
            )
            .route(
                "/metrics",
                get(async move || {
                    (
                        [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)],
                        metrics.look().await,
                    )
                }),
            )
    }

    fn health(&self, question: &HeaderMap) -> Response {
        let (code, status) = if self.shutdown.is_cancelled() {
            (StatusCode::SERVICE_UNAVAILABLE, HealthStatus::Draining)
        } else {
            (StatusCode::OK, HealthStatus::Ok)
        };
        let health = Health {
            node: self.name().clone(),
            nonce: identity::answer(&self.config.nonce, question).to_owned(),
            status,
        };
        (code, Json(health)).into_response()
    }

    /// Announces the address and serves each connection with the service that
    /// `service_for` makes for its peer, until the shutdown and the drain after it.
    pub async fn serve_connections<S, B>(
        self,
        listener: TcpListener,
        service_for: impl Fn(SocketAddr) -> S,
    ) where
        S: hyper::service::Service<
                http::Request<Incoming>,
                Response = http::Response<B>,
                Error = Infallible,
            >,
        S: Send + 'static,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.config.head_timeout)
            .max_buf_size(usize::try_from(self.config.max_head.as_u64()).unwrap_or(usize::MAX));
        let connections = GracefulShutdown::new();
        let pauses = Pauses {
            within_body: self.config.idle_timeout,
            reader: self.config.write_timeout,
        };
        let places = Places::new(
            self.config
                .max_connections
                .map_or_else(files::most_connections, |most| {
                    usize::try_from(most).unwrap_or(usize::MAX)
                }),
        );
        let refusals: Refusals = self.metrics.counters(
            "refused_requests",
            "Requests that no service was asked to answer because of their form, by reason.",
        );

        if let Ok(address) = listener.local_addr() {
            self.announce(address);
        }
        loop {
            let admitted = async {
                let (stream, peer) = accept(&listener, &places).await;
                (stream, peer, places.take().await)
            };
            let (stream, peer, place) = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                admitted = admitted => admitted,
            };
            // Answers are small and must not wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            let activity = Arc::clone(&place.activity);
            let wire = Wire::new(stream, Arc::clone(&activity.notes), pauses);
            let service = Admitting {
                service: service_for(peer),
                activity,
                refusals: refusals.clone(),
            };
            let connection = connections.watch(http.serve_connection(TokioIo::new(wire), service));
            let number = place.number();
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    debug!(%peer, %error, "connection ended early");
                }
                place.activity.notes.linger().await;
            });
            places.serve_by(number, task.abort_handle());
        }
        drop(listener);
        self.drain(connections).await;
    }

    async fn drain(&self, connections: GracefulShutdown) {
        let deadline = self.config.drain_deadline;
        info!(connections = connections.count(), ?deadline, "draining");
        tokio::select! {
            () = connections.shutdown() => info!("stopped"),
            () = tokio::time::sleep(deadline) => {
                warn!(?deadline, "stopped with requests still under way");
            }
        }
    }

    fn announce(&self, address: SocketAddr) {
        info!(%address, "listening");
        announce(&Announcement::Ready {
            node: self.name().clone(),
            address,
            nonce: self.config.nonce.clone(),
        });
    }
}

/// The next connection. A connection that is gone again is passed over; where files or
/// memory are short, idle connections make room.
async fn accept(listener: &TcpListener, places: &Places) -> (TcpStream, SocketAddr) {
    /// Time for a shortage to pass before the next attempt.
    const PAUSE: Duration = Duration::from_millis(20);
    let mut complained = false;
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        if is_gone(&error) {
            continue;
        }
        if places.shed() == 0 && !complained {
            complained = true;
            warn!(%error, "could not accept a connection, and nobody is idle");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Errors of clients that gave up before their connection was accepted.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Writes the announcement as one line of JSON to the standard output, where
/// whoever started the node waits for it. Nobody there is no error.
pub(crate) fn announce(announcement: &Announcement) {
    use io::Write;
    let mut out = io::stdout().lock();
    if let Ok(line) = serde_json::to_string(announcement) {
        let _ = writeln!(out, "{line}");
        let _ = out.flush();
    }
}

/// A request's body, whole. Too large is 413, cut off or malformed 400, and one that
/// stops coming 408, all as problem details.
#[derive(Debug)]
pub struct Payload(pub Bytes);

/// The largest body that a node accepts, in bytes.
#[derive(Clone, Copy, Debug)]
struct BodyLimit(usize);

impl<S: Send + Sync> FromRequest<S> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        if request.body().is_end_stream() {
            return Ok(Payload(Bytes::new()));
        }
        let limit = request.extensions().get::<BodyLimit>();
        let limit = limit.map_or(0, |limit| limit.0);
        match collect(request.into_body(), limit).await {
            Ok(bytes) => Ok(Payload(bytes)),
            Err(CollectError::TooLarge { .. }) => Err(problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than this node accepts",
            )),
            Err(broken) => Err(match Breach::of(&broken) {
                Breach::Paused => problem(
                    StatusCode::REQUEST_TIMEOUT,
                    "the request's body stopped coming",
                ),
                Breach::Malformed => bad_request("the request's body is malformed"),
                Breach::Lost => bad_request("the request's body did not come whole"),
            }),
        }
    }
}

/// The observer of the requests to one node.
#[derive(Clone, Debug)]
struct Observer {
    name: NodeName,
    signature: HeaderValue,
    body_limit: BodyLimit,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram>,
    turnstile: Turnstile,
    planted: Planted,
    callers: Option<Callers>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

impl Observer {
    fn new(node: &Node, callers: Option<Callers>) -> Self {
        let histogram = || Histogram::new(exponential_buckets(0.000_05, 2.0, 18));
        Observer {
            name: node.name().clone(),
            signature: HeaderValue::try_from(node.name().as_str())
                .expect("a node name is header text"),
            body_limit: BodyLimit(
                usize::try_from(node.config.max_body.as_u64()).unwrap_or(usize::MAX),
            ),
            requests: node
                .metrics
                .counters("requests", "Requests answered, by route and status."),
            durations: node.metrics.register(
                "request_duration_seconds",
                "From the request's head to the response's head.",
                Family::new_with_constructor(histogram),
            ),
            turnstile: node.config.cpu_share.turnstile(),
            planted: node.config.plants.planted(),
            callers,
        }
    }
}

/// Counts and times a request, keeps its trace going, and signs the response with
/// this node's name and its share of the time.
async fn observe(
    State(observer): State<Observer>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let began = Instant::now();
    trace::continue_or_begin(request.headers_mut());
    if !request.body().is_end_stream() {
        request.extensions_mut().insert(observer.body_limit);
    }
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str);
    let route = format!("{} {path}", known(request.method()));
    let trace = tracing::enabled!(tracing::Level::DEBUG)
        .then(|| trace::trace_id(request.headers()).to_owned());

    observer.turnstile.pass().await;
    observer.planted.slow_down().await;
    let refusal = observer
        .callers
        .as_ref()
        .and_then(|callers| callers.refusal(request.uri(), request.headers()));
    let mut response = match refusal {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };

    let duration = began.elapsed();
    let status = response.status().as_u16();
    let headers = response.headers_mut();
    headers.insert(SERVED_BY, observer.signature);
    let timing = trace::server_timing(&observer.name, duration);
    headers.append(SERVER_TIMING, timing);
    if let Some(trace) = trace {
        debug!(trace, route, status, ?duration, "answered");
    }
    observer
        .durations
        .get_or_create(&RouteLabel {
            route: route.clone(),
        })
        .observe(duration.as_secs_f64());
    observer
        .requests
        .get_or_create(&RequestLabels { route, status })
        .inc();
    response
}

/// The method, unless a client made it up: metrics have no room for those.
fn known(method: &Method) -> &str {
    let standard = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
    ];
    if standard.contains(method) {
        method.as_str()
    } else {
        "OTHER"
    }
}
