//! A server that answers at once, to measure load generators with: prints its port and runs
//! until it is killed. With the argument `tls` it speaks HTTPS, and HTTP/2 with who can.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{self, ServerConfig};

#[tokio::main]
async fn main() -> ExitCode {
    let is_encrypted = std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == "tls");
    match serve(is_encrypted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(is_encrypted: bool) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let app = Router::new().route("/", get(|| async { "hello" }));
    if !is_encrypted {
        return axum::serve(listener, app).await;
    }
    let acceptor = acceptor()?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer_all(stream, acceptor.clone(), app.clone()));
    }
}

/// Answers everything on a connection; one that breaks is its user's to notice.
async fn answer_all(stream: TcpStream, acceptor: TlsAcceptor, app: Router) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (stream, app) = (TokioIo::new(stream), TowerToHyperService::new(app));
    let _ = match is_http2 {
        true => {
            let server = http2::Builder::new(TokioExecutor::new());
            server.serve_connection(stream, app).await
        }
        false => http1::Builder::new().serve_connection(stream, app).await,
    };
}

/// TLS with a certificate that was made for the occasion.
fn acceptor() -> io::Result<TlsAcceptor> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let made = made.map_err(io::Error::other)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            let config = config.with_no_client_auth();
            config.with_single_cert(vec![made.cert.der().clone()], key.into())
        });
    let mut config = config.map_err(|error: rustls::Error| io::Error::other(error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}
