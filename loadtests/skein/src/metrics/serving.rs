//! Serves the page of figures while the load goes on.

use std::convert::Infallible;
use std::net::{IpAddr, TcpListener};

use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::Figures;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers whoever asks with the page, until cancelled.
///
/// # Errors
///
/// The runtime can't have the listener.
pub(crate) async fn serve(
    listener: std::io::Result<TcpListener>,
    figures: Figures,
) -> std::io::Result<()> {
    let listener = listener?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let is_local = listener.local_addr()?.ip().is_loopback();
    // They end with this.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Such as no file left; the users need them more.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let figures = figures.clone();
        connections.spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| {
                let answer = match is_local && !is_from_here(request.headers()) {
                    true => refusal(),
                    false => answer(&figures),
                };
                async move { Ok::<_, Infallible>(answer) }
            });
            // Who leaves in the middle of it needs no answer.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

/// True for what was asked of this machine by its own name, and not by a page in a browser, which
/// may have been told another name for it.
fn is_from_here(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let is_own = host.is_some_and(|host| {
        let name = host.host().trim_matches(['[', ']']);
        let address = name.parse::<IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    });
    is_own && !headers.contains_key(header::ORIGIN)
}

fn refusal() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new("this is for this machine alone\n".into()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

fn answer(figures: &Figures) -> Response<Full<Bytes>> {
    let (status, text) = match figures.page() {
        Ok(text) => (StatusCode::OK, text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    };
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static(OPEN_METRICS);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_page_in_a_browser_gets_nothing_by_whatever_name_it_asks() {
        let is_from_here = |host: &'static str, origin: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static("http://localhost"));
            }
            is_from_here(&headers)
        };
        for host in [
            "localhost",
            "localhost:9464",
            "127.0.0.1:9464",
            "[::1]:9464",
        ] {
            assert!(is_from_here(host, false), "{host}");
            assert!(!is_from_here(host, true), "{host}");
        }
        for host in ["evil.example:9464", "10.0.0.1", ""] {
            assert!(!is_from_here(host, false), "{host}");
        }
    }
}
