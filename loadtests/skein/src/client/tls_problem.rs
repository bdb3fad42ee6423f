//! Reasons why no TLS connection came about, each with what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

/// A reason why server and generator did not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsProblem {
    /// Nobody who is trusted has signed the server's certificate.
    UnknownIssuer,
    /// The certificate is for another name.
    WrongName,
    /// The certificate was valid once.
    Expired,
    /// The certificate will be valid some day.
    NotYetValid,
    /// The certificate is an authority's own, and not one that it has signed.
    OfAnAuthority,
    /// There is something else about the certificate.
    BadCertificate,
    /// The server speaks no TLS.
    NotTls,
    /// The server wants another certificate of its clients than it was shown.
    ClientUnknown,
    /// The server speaks none of the offered versions of HTTP.
    NoHttpInCommon,
    /// The server doesn't speak HTTP/2, and nothing else will do.
    FellBack,
    /// Neither side has a version of TLS or a cipher that the other has.
    NoTlsInCommon,
    /// The server said that something was wrong, and no more.
    Other,
}

impl TlsProblem {
    /// The problem that an error comes from, by the error and its causes; `None` when TLS
    /// has no part in it.
    pub(super) fn behind(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(tls) = error.downcast_ref::<Error>() {
                return Some(Self::of(tls));
            }
            // An error that was made of another one shows it as its own self.
            let inner = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<Error>()) {
                return Some(Self::of(tls));
            }
            // h2 keeps only the text of an error under it.
            if let Some(text) = inner.map(ToString::to_string)
                && let Some((_, alert)) = text.split_once("received fatal alert: ")
            {
                let of_client = ["Certificate", "UnknownCA", "AccessDenied"];
                return Some(match of_client.iter().any(|word| alert.contains(word)) {
                    true => TlsProblem::ClientUnknown,
                    false => TlsProblem::Other,
                });
            }
            cause = error.source();
        }
        None
    }

    fn of(error: &Error) -> Self {
        use AlertDescription as Alert;
        match error {
            Error::InvalidCertificate(wrong) => match wrong {
                // Who has the name of somebody trusted, and another key, isn't that one.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    TlsProblem::UnknownIssuer
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => TlsProblem::WrongName,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    TlsProblem::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    TlsProblem::NotYetValid
                }
                // rustls has no name of its own for what its verifier calls so.
                other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                    TlsProblem::OfAnAuthority
                }
                _ => TlsProblem::BadCertificate,
            },
            Error::InvalidMessage(_) => TlsProblem::NotTls,
            Error::NoApplicationProtocol => TlsProblem::NoHttpInCommon,
            Error::PeerIncompatible(_) => TlsProblem::NoTlsInCommon,
            Error::AlertReceived(alert) => match alert {
                Alert::NoApplicationProtocol => TlsProblem::NoHttpInCommon,
                Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::CertificateUnknown
                | Alert::CertificateExpired
                | Alert::UnsupportedCertificate => TlsProblem::ClientUnknown,
                Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity => {
                    TlsProblem::NoTlsInCommon
                }
                _ => TlsProblem::Other,
            },
            _ => TlsProblem::Other,
        }
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsProblem::UnknownIssuer => {
                "nobody who is trusted here has signed the server's certificate; name who has with --cacert FILE, or go unchecked with --insecure"
            }
            TlsProblem::WrongName => {
                "the server's certificate is for another name than the URL's; write a name that it is for, or go unchecked with --insecure"
            }
            TlsProblem::Expired => {
                "the server's certificate has expired; renew it, or go unchecked with --insecure"
            }
            TlsProblem::NotYetValid => {
                "the server's certificate is not valid yet; set the clocks right, or go unchecked with --insecure"
            }
            TlsProblem::OfAnAuthority => {
                "the server shows the certificate of an authority (CA:TRUE) as its own; have the authority sign another for it, or go unchecked with --insecure"
            }
            TlsProblem::BadCertificate => {
                "the server's certificate can't be accepted; renew it, or go unchecked with --insecure"
            }
            TlsProblem::NotTls => {
                "the server speaks no TLS; write http:// in place of https://, or name a port where it does"
            }
            TlsProblem::ClientUnknown => {
                "the server wants a client certificate that it trusts; name one with --cert FILE and --key FILE"
            }
            TlsProblem::NoHttpInCommon => {
                "the server speaks no HTTP/1.1 over TLS; ask for --http 2 or --http auto"
            }
            TlsProblem::FellBack => {
                "the server speaks no HTTP/2, which the plan asks for; have it do so, or ask for --http 1.1"
            }
            TlsProblem::NoTlsInCommon => {
                "the server has no TLS version or cipher in common with Skein, which has TLS 1.2 and 1.3; have it offer one of these"
            }
            TlsProblem::Other => "TLS came to nothing; the example says what the server said",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_found_below_the_errors_of_others() {
        let wrapped = io::Error::other(Error::AlertReceived(AlertDescription::CertificateRequired));
        assert_eq!(
            TlsProblem::behind(&wrapped),
            Some(TlsProblem::ClientUnknown)
        );
        let as_text = io::Error::other("received fatal alert: CertificateRequired");
        assert_eq!(
            TlsProblem::behind(&as_text),
            Some(TlsProblem::ClientUnknown)
        );
        let unrelated = io::Error::other("a reset");
        assert_eq!(TlsProblem::behind(&unrelated), None);
    }
}
