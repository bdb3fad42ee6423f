//! Servers of HTTPS and HTTP/2, with certificates that are made for the test.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;

/// An authority that signs certificates, whose files are in a folder of its own.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// The manners of a server: what it speaks, and how it treats requests.
#[derive(Clone)]
pub(super) struct Manners {
    /// Versions of HTTP that it agrees on over TLS, such as `h2`.
    pub(super) speaks: &'static [&'static str],
    /// TLS, or none.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// The most streams of a connection.
    pub(super) streams: u32,
    /// The time that an answer takes.
    pub(super) takes: Duration,
    /// True when each answer is the last of its connection.
    pub(super) hangs_up: bool,
}

impl Manners {
    pub(super) const PLAIN_HTTP2: Manners = Manners {
        speaks: &["h2"],
        tls: None,
        streams: 100,
        takes: Duration::ZERO,
        hangs_up: false,
    };
}

/// A server that tells in its answer what it was asked.
pub(super) struct Polite {
    pub(super) url: String,
    /// The number of connections.
    pub(super) connections: Arc<AtomicUsize>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority { issuer, folder };
        authority.write("ca.pem", "CERTIFICATE", authority.issuer.der());
        authority
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate that `change` has made something of, and its key.
    fn sign(&self, change: impl FnOnce(&mut CertificateParams)) -> (rcgen::Certificate, KeyPair) {
        let names = vec!["localhost".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("signed"), key)
    }

    /// The files of a client's certificate and of its key.
    pub(super) fn client(&self, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.sign(|_| {});
        (
            self.write(&format!("{name}.pem"), "CERTIFICATE", certificate.der()),
            self.write(&format!("{name}.key"), "PRIVATE KEY", &key.serialize_der()),
        )
    }

    pub(super) fn write(&self, name: &str, what: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        let text = STANDARD.encode(bytes);
        let pem = format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n");
        std::fs::write(&path, pem).expect("written");
        path
    }

    /// TLS with a certificate that `change` has made something of; clients have to show
    /// one, if `wants_client`.
    pub(super) fn tls(
        &self,
        change: impl FnOnce(&mut CertificateParams),
        wants_client: bool,
    ) -> ServerConfig {
        let (certificate, key) = self.sign(change);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match wants_client {
            false => builder.with_no_client_auth(),
            true => {
                let mut roots = RootCertStore::empty();
                roots.add(self.issuer.der().clone()).expect("a root");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        builder
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .expect("a certificate and its key")
    }

    /// A server with such a certificate that speaks these versions of HTTP.
    pub(super) fn manners(
        &self,
        speaks: &'static [&'static str],
        mut tls: ServerConfig,
    ) -> Manners {
        tls.alpn_protocols = speaks.iter().map(|name| name.as_bytes().to_vec()).collect();
        Manners {
            speaks,
            tls: Some(Arc::new(tls)),
            ..Manners::PLAIN_HTTP2
        }
    }

    /// Settings that trust this authority.
    pub(super) fn trusted(&self, http: Http) -> ConnectionSettings {
        ConnectionSettings {
            http,
            cacert: Some(self.file()),
            ..ConnectionSettings::default()
        }
    }
}

impl Polite {
    pub(super) async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let scheme = if manners.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let connections = Arc::<AtomicUsize>::default();
        let server = Polite {
            url: format!("{scheme}://localhost:{port}"),
            connections: Arc::clone(&connections),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, manners.clone()));
            }
        });
        server
    }

    pub(super) fn target(&self, settings: &ConnectionSettings) -> Target {
        Target::new(&self.url, settings).expect("a target")
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(stream: TcpStream, manners: Manners) {
    let Some(tls) = manners.tls.clone() else {
        let is_http2 = manners.speaks == ["h2"];
        return serve_http(stream, is_http2, manners).await;
    };
    match TlsAcceptor::from(tls).accept(stream).into_fallible().await {
        Ok(stream) => {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            serve_http(stream, is_http2, manners).await;
        }
        // To hang up before all is read would reset the connection, and take back what
        // was said.
        Err((_, mut stream)) => {
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    }
}

async fn serve_http<S>(stream: S, is_http2: bool, manners: Manners)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let Manners {
        takes,
        hangs_up,
        streams,
        ..
    } = manners;
    let echo = service_fn(move |request: http::Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes());
        tokio::time::sleep(takes).await;
        let told = format!("{} {} {:?}\n", head.method, head.uri, head.headers);
        let told = [told.as_bytes(), &body.unwrap_or_default()].concat();
        let mut answer = Response::new(http_body_util::Full::new(Bytes::from(told)));
        if hangs_up {
            let close = http::HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        Ok::<_, Infallible>(answer)
    });
    let stream = TokioIo::new(stream);
    // What clients do to it is theirs to tell.
    let _ = match is_http2 {
        true => {
            http2::Builder::new(TokioExecutor::new())
                .max_concurrent_streams(streams)
                .serve_connection(stream, echo)
                .await
        }
        false => http1::Builder::new().serve_connection(stream, echo).await,
    };
}

/// The settings with the files of a client's certificate.
pub(super) fn showing(
    settings: ConnectionSettings,
    (cert, key): (PathBuf, PathBuf),
) -> ConnectionSettings {
    ConnectionSettings {
        cert: Some(cert),
        key: Some(key),
        ..settings
    }
}

/// A file that isn't there.
pub(super) fn nowhere() -> PathBuf {
    Path::new("/nowhere/at/all.pem").to_owned()
}
