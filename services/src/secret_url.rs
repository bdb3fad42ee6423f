//! URLs that may have a password in them, which no log and no message shows.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A URL as it was given. It is read where it is used, so that no complaint about a flag
/// repeats it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The URL, for whoever connects.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(SecretUrl(text.to_owned()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_itself_only_when_asked() {
        let url: SecretUrl = "postgres://a:hidden@b/c".parse().expect("any text");
        assert!(!format!("{url:?}").contains("hidden"));
        assert_eq!(url.reveal(), "postgres://a:hidden@b/c");
    }
}
