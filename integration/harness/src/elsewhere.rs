//! Servers that run elsewhere: where a URL leads.

use std::net::SocketAddr;

use http::Uri;

/// The address of the server at a URL, with the usual port of its scheme where it names none.
///
/// # Errors
///
/// A sentence without the URL itself, which may have a password in it.
pub(crate) async fn address(url: &str) -> Result<SocketAddr, String> {
    let (host, port) = host_and_port(url)?;
    let found = tokio::net::lookup_host((host.as_str(), port)).await;
    let mut found = found
        .map_err(|error| format!("is at {host}, which nobody knows ({error}): correct its URL"))?;
    let none = || format!("is at {host}, which has no address: correct its URL");
    found.next().ok_or_else(none)
}

fn host_and_port(url: &str) -> Result<(String, u16), String> {
    let wrong = || "is at no URL: write one such as redis://127.0.0.1:6379".to_owned();
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let scheme = uri.scheme_str().ok_or_else(wrong)?;
    let host = uri
        .host()
        .filter(|host| !host.is_empty())
        .ok_or_else(wrong)?;
    let usual = match scheme {
        "amqp" => Some(5672),
        "http" => Some(80),
        "https" => Some(443),
        "postgres" | "postgresql" => Some(5432),
        "redis" => Some(6379),
        _ => None,
    };
    let no_port = || format!("is at a URL of {scheme}, which has to name the port");
    let port = uri.port_u16().or(usual).ok_or_else(no_port)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_its_host_and_to_its_port_or_the_usual_one() {
        for (url, host, port) in [
            ("redis://127.0.0.1:7000/1", "127.0.0.1", 7000),
            ("amqp://me:s%3Acret@broker/vhost", "broker", 5672),
            ("postgres://me@[::1]/shop", "::1", 5432),
            ("memcached://cache:11211", "cache", 11211),
        ] {
            assert_eq!(host_and_port(url), Ok((host.to_owned(), port)), "{url}");
        }
    }

    #[test]
    fn a_text_that_is_no_url_is_refused_without_being_repeated() {
        for text in ["", "secret", "redis://", "memcached://secret", "a b://x"] {
            let reason = host_and_port(text).expect_err(text);
            assert!(!reason.contains("secret"), "{reason}");
        }
    }
}
