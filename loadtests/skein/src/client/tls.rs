//! TLS: whom a user trusts, what it shows of itself, which sessions it resumes, and the
//! handshake.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{ClientConfig, Resumption};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    DigitallySignedStruct, Error, HandshakeKind, RootCertStore, SignatureScheme,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::journey::Handshake;
use super::settings::{ConnectionSettings, Http, Protocol, Sessions};
use super::tls_problem::TlsProblem;
use super::wire::Counted;

/// Files that nothing can be encrypted with, as a mistake of whoever named them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTls {
    /// A file can't be read, or isn't PEM.
    #[error("{flag} {}: {reason}; name a file in PEM format", path.display())]
    File {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// The fault in it.
        reason: String,
    },
    /// A certificate without a key, or the reverse.
    #[error("a client certificate and its key go together; give both --cert and --key, or neither")]
    Half,
    /// The key isn't that of the certificate, or of a kind that isn't known.
    #[error("--key {} doesn't fit --cert: {reason}; give the key that the certificate was made for", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// The fault in it.
        reason: String,
    },
    /// Nobody is trusted on this machine.
    #[error(
        "this machine trusts no certificate authority; install ca-certificates, or name one with --cacert FILE"
    )]
    NoRoots,
}

/// TLS with one server.
#[derive(Clone)]
pub(super) struct Tls {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    sessions: Sessions,
    http: Http,
}

/// Sessions that a user remembers of its server: TLS 1.3 has servers give several at once.
const REMEMBERED: usize = 8;

impl Tls {
    /// TLS with the server of this name.
    pub(super) fn new(
        name: ServerName<'static>,
        settings: &ConnectionSettings,
    ) -> Result<Self, InvalidTls> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the backend has ciphers for both versions of TLS");
        let builder = match settings.insecure {
            true => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
            false => builder.with_root_certificates(roots(settings.cacert.as_deref())?),
        };
        let mut config = match (&settings.cert, &settings.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => builder
                .with_client_auth_cert(certificates("--cert", cert)?, private_key(key)?)
                .map_err(|error| InvalidTls::Key {
                    path: key.clone(),
                    reason: error.to_string(),
                })?,
            _ => return Err(InvalidTls::Half),
        };
        config.alpn_protocols = settings.http.offered();
        config.resumption = match settings.sessions {
            Sessions::None => Resumption::disabled(),
            Sessions::PerUser | Sessions::Shared => Resumption::in_memory_sessions(REMEMBERED),
        };
        Ok(Tls {
            name,
            config: Arc::new(config),
            sessions: settings.sessions,
            http: settings.http,
        })
    }

    /// The connector of a user, or of several who share connections.
    pub(super) fn connector(&self) -> TlsConnector {
        match self.sessions {
            Sessions::None | Sessions::Shared => Arc::clone(&self.config).into(),
            Sessions::PerUser => {
                let mut own = ClientConfig::clone(&self.config);
                own.resumption = Resumption::in_memory_sessions(REMEMBERED);
                Arc::new(own).into()
            }
        }
    }

    /// Agrees with the server on keys and on a version of HTTP.
    ///
    /// # Errors
    ///
    /// They don't agree, or the connection breaks.
    pub(super) async fn shake_hands(
        &self,
        connector: &TlsConnector,
        stream: Counted,
    ) -> Result<(TlsStream<Counted>, Handshake, Protocol), Disagreement> {
        let began = Instant::now();
        let stream = connector
            .connect(self.name.clone(), stream)
            .await
            .map_err(|error| Disagreement {
                problem: TlsProblem::behind(&error).map(|problem| self.seen_from_the_plan(problem)),
                error,
            })?;
        let (_, session) = stream.get_ref();
        let handshake = Handshake {
            time: began.elapsed(),
            is_resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        };
        let protocol = match session.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        if self.http == Http::Two && protocol != Protocol::Http2 {
            return Err(Disagreement {
                problem: Some(TlsProblem::FellBack),
                error: std::io::Error::other("it agreed on no version of HTTP"),
            });
        }
        Ok((stream, handshake, protocol))
    }

    /// A server that knows none of the offered versions doesn't speak HTTP/2, if that is all
    /// that was offered.
    fn seen_from_the_plan(&self, problem: TlsProblem) -> TlsProblem {
        match (problem, self.http) {
            (TlsProblem::NoHttpInCommon, Http::Two) => TlsProblem::FellBack,
            (problem, _) => problem,
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A handshake that came to nothing.
#[derive(Debug)]
pub(super) struct Disagreement {
    /// The problem that TLS has with the other side; `None` when the connection broke.
    pub(super) problem: Option<TlsProblem>,
    pub(super) error: std::io::Error,
}

/// The authorities whose signature is trusted.
fn roots(file: Option<&Path>) -> Result<RootCertStore, InvalidTls> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        // What of them isn't understood is no reason to do without the others.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return match roots.is_empty() {
            true => Err(InvalidTls::NoRoots),
            false => Ok(roots),
        };
    };
    for certificate in certificates("--cacert", path)? {
        roots.add(certificate).map_err(|error| InvalidTls::File {
            flag: "--cacert",
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(roots)
}

fn certificates(
    flag: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let wrong = |reason: String| InvalidTls::File {
        flag,
        path: path.to_owned(),
        reason,
    };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(none) if none.is_empty() => Err(wrong("there is no certificate in it".to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, InvalidTls> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| InvalidTls::File {
        flag: "--key",
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Takes any certificate for that of the server, as `--insecure` asks for.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
