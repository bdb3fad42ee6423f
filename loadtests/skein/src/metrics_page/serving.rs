//! Serves the page of figures while the load goes on.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::page;
use crate::workload::Workload;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers whoever asks with the page, until cancelled.
///
/// # Errors
///
/// The runtime can't have the listener.
pub(crate) async fn serve(
    listener: std::io::Result<TcpListener>,
    workload: Arc<Workload>,
) -> std::io::Result<()> {
    let listener = listener?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    // They end with this.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Such as no file left; the users need them more.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let workload = Arc::clone(&workload);
        connections.spawn(async move {
            let answer = service_fn(|_| {
                let answer = answer(&workload);
                async move { Ok::<_, Infallible>(answer) }
            });
            // Who leaves in the middle of it needs no answer.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

fn answer(workload: &Arc<Workload>) -> Response<Full<Bytes>> {
    let (status, text) = match page(workload) {
        Ok(text) => (StatusCode::OK, text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    };
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static(OPEN_METRICS);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
