//! The hot path: one request from a client to a gateway and the answer back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tower::ServiceExt;
use tower::retry::budget::{Budget, TpsBudget};
use tracing::debug;

use super::connections::{Broken, Loan};
use super::failure::Failure;
use super::fields::{self, Via};
use super::request_body::{Progress, RequestBody};
use super::response_body::{Outgoing, ResponseBody};
use super::rotation::{Gateway, Rotation, TriedSet};
use super::{Config, Limits};
use crate::answer_rules;
use crate::contract::{NodeName, SERVER_TIMING};
use crate::cpu_share::Turnstile;
use crate::planted::Planted;
use crate::server::Node;
use crate::trace;

/// The balancer, with all that forwarding a request needs.
#[derive(Debug)]
pub(super) struct Balancer {
    name: NodeName,
    rotation: Arc<Rotation>,
    limits: Limits,
    idle_timeout: Duration,
    max_body: usize,
    via: Via,
    turnstile: Turnstile,
    planted: Planted,
    retry_budget: TpsBudget,
    counted: Counted,
}

/// The figures of the requests themselves at `/metrics`.
#[derive(Debug)]
struct Counted {
    requests: Family<StatusLabel, Counter>,
    abandoned: Counter,
    own_responses: Family<StatusLabel, Counter>,
    retries: Counter,
    failures: Family<FailureLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    upstream: String,
    error: &'static str,
}

impl Balancer {
    pub(super) fn new(config: &Config, node: &Node, rotation: Arc<Rotation>) -> Self {
        /// The time over which the budget looks back, as in tower and linkerd.
        const BUDGET_WINDOW: Duration = Duration::from_secs(10);

        let metrics = &node.metrics;
        Balancer {
            name: node.name().clone(),
            rotation,
            limits: config.limits.clone(),
            idle_timeout: config.server.idle_timeout,
            max_body: usize::try_from(config.server.max_body.as_u64()).unwrap_or(usize::MAX),
            via: Via::new(node.name()),
            turnstile: config.server.cpu_share.turnstile(),
            planted: config.server.plants.planted(),
            retry_budget: TpsBudget::new(
                BUDGET_WINDOW,
                config.retry_floor,
                f32::from(config.retry_percent) / 100.0,
            ),
            counted: Counted {
                requests: metrics.counters("requests", "Requests answered, by status."),
                abandoned: metrics.counter(
                    "requests_abandoned",
                    "Requests whose client went away before the response began.",
                ),
                own_responses: metrics.counters(
                    "local_responses",
                    "Requests answered without a gateway's response, by status.",
                ),
                retries: metrics.counter("upstream_retries", "Requests given to another gateway."),
                failures: metrics.counters(
                    "upstream_failures",
                    "Exchanges with a gateway that brought no response, by error (RFC 9209).",
                ),
            },
        }
    }

    /// Answers one request from a client, whatever happens.
    pub(super) async fn forward(
        self: Arc<Self>,
        forwarded_for: &HeaderValue,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let began = Instant::now();
        let unanswered = Unanswered {
            abandoned: Some(&self.counted.abandoned),
        };
        self.retry_budget.deposit();
        self.turnstile.pass().await;
        self.planted.slow_down().await;

        let mut response = match self.try_gateways(forwarded_for, request).await {
            Ok(response) => response,
            Err(NoResponse {
                failure,
                last_tried,
            }) => {
                let response = failure.response(&self.name, last_tried.as_ref());
                let status = response.status().as_u16();
                self.counted
                    .own_responses
                    .get_or_create(&StatusLabel { status })
                    .inc();
                response.map(Outgoing::Own)
            }
        };

        let status = response.status().as_u16();
        response.headers_mut().append(
            SERVER_TIMING,
            trace::server_timing(&self.name, began.elapsed()),
        );
        self.counted
            .requests
            .get_or_create(&StatusLabel { status })
            .inc();
        unanswered.answered();
        response
    }

    /// Gives the request to one gateway after the other, as far as that is safe.
    async fn try_gateways(
        &self,
        forwarded_for: &HeaderValue,
        request: Request<Incoming>,
    ) -> Result<Response<Outgoing>, NoResponse> {
        let (mut head, body) = request.into_parts();
        if body.size_hint().lower() > self.max_body as u64 {
            return Err(NoResponse {
                failure: Failure::RequestTooLarge,
                last_tried: None,
            });
        }
        fields::prepare_request(&mut head, forwarded_for, &self.via);
        let spare = Spare::of(&head, &body);
        let body = RequestBody::new(body, self.max_body);
        let progress = body.progress();

        let mut request = Request::from_parts(head, body);
        let mut tried = TriedSet::default();
        let mut no_response = NoResponse {
            failure: Failure::NobodyAvailable,
            last_tried: None,
        };
        while let Some(turn) = self.rotation.pick(&mut tried) {
            if no_response.last_tried.is_some() {
                self.counted.retries.inc();
            }
            let gateway = &turn.gateway;
            let broken = match self.exchange(gateway, request, progress.as_ref()).await {
                Ok((response, loan)) => {
                    self.rotation.on_success(gateway);
                    return Ok(self.relay(response, loan));
                }
                Err(broken) => *broken,
            };
            let failure = broken.failure;
            self.note_failure(gateway, failure);
            no_response = NoResponse {
                failure,
                last_tried: Some(gateway.upstream.name.clone()),
            };

            // Once more elsewhere: if this gateway never got it, or if getting it
            // twice does no harm (RFC 9110 §9.2.2).
            let again = broken
                .unsent
                .or_else(|| spare.as_ref().map(Spare::to_request));
            match again {
                Some(again) if failure.blames_the_gateway() && self.retry_budget.withdraw() => {
                    request = again;
                }
                _ => break,
            }
        }
        Err(no_response)
    }

    /// Sends the request over an idle connection, or over a new one.
    async fn exchange(
        &self,
        gateway: &Arc<Gateway>,
        mut request: Request<RequestBody>,
        progress: Option<&Progress>,
    ) -> Result<(Response<Incoming>, Loan), Box<Broken>> {
        let lend = |connection, response: Response<Incoming>| {
            let (head, body) = response.into_parts();
            answer_rules::check(&head).map_err(|error| {
                debug!(upstream = %gateway.upstream.name, %error, "not understood");
                Box::new(Broken {
                    failure: Failure::ProtocolError,
                    unsent: None,
                })
            })?;
            let loan = Loan {
                connection,
                home: Arc::clone(&gateway.connections),
                request: progress.cloned(),
            };
            Ok((Response::from_parts(head, body), loan))
        };
        let limit = self.limits.first_byte_timeout;
        while let Some(mut connection) = gateway.connections.take_idle() {
            match connection.send(request, limit, progress).await {
                Ok(response) => return lend(connection, response),
                // The gateway closed an idle connection just then: that is nobody's failure.
                Err(Broken {
                    unsent: Some(unsent),
                    ..
                }) => request = unsent,
                Err(broken) => return Err(Box::new(broken)),
            }
        }
        let mut connection = match gateway.connections.connect().await {
            Ok(connection) => connection,
            Err(failure) => {
                return Err(Box::new(Broken {
                    failure,
                    unsent: Some(request),
                }));
            }
        };
        let response = connection.send(request, limit, progress).await?;
        lend(connection, response)
    }

    fn relay(&self, response: Response<Incoming>, loan: Loan) -> Response<Outgoing> {
        let (mut head, body) = response.into_parts();
        // Each hop speaks for itself (RFC 9110 §2.5).
        head.version = Version::HTTP_11;
        answer_rules::settle_length(head.status, &mut head.headers);
        fields::remove_hop_by_hop(&mut head.headers);
        let body = ResponseBody::new(body, self.idle_timeout, loan);
        Response::from_parts(head, Outgoing::Relayed(body))
    }

    fn note_failure(&self, gateway: &Gateway, failure: Failure) {
        let upstream = &gateway.upstream.name;
        debug!(%upstream, ?failure, "no response");
        let labels = FailureLabels {
            upstream: upstream.to_string(),
            error: failure.as_str(),
        };
        self.counted.failures.get_or_create(&labels).inc();
        if failure.blames_the_gateway() {
            self.rotation.on_failure(gateway);
        }
    }
}

/// Answers a request about the balancer itself.
pub(super) async fn answer_here(
    management: Router,
    request: Request<Incoming>,
) -> Response<Outgoing> {
    let Ok(response) = management.oneshot(request).await;
    response.map(Outgoing::Own)
}

/// No gateway responded.
struct NoResponse {
    failure: Failure,
    last_tried: Option<NodeName>,
}

/// The means to send a request once more: kept for a request that may be
/// repeated (RFC 9110 §9.2.2) and has no body, since bodies are not collected.
struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Spare {
    fn of(head: &Parts, body: &Incoming) -> Option<Self> {
        (head.method.is_idempotent() && body.is_end_stream()).then(|| Spare {
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers: head.headers.clone(),
        })
    }

    fn to_request(&self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::empty());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Counts a request as abandoned, unless it is answered.
struct Unanswered<'a> {
    abandoned: Option<&'a Counter>,
}

impl Unanswered<'_> {
    fn answered(mut self) {
        self.abandoned = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(abandoned) = self.abandoned {
            abandoned.inc();
        }
    }
}
