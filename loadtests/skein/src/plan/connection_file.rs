//! The TOML form of how users connect, and the check that it makes sense.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Plan, Requests};
use crate::client::{ConnectionSettings, Http, Sessions, Target};

/// `[connection]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionFile {
    http: Option<Http>,
    sessions: Option<Sessions>,
    users: Option<usize>,
    cacert: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
}

impl ConnectionFile {
    /// The settings that are meant; files are looked for in `folder`.
    pub(super) fn settings(self, folder: &Path) -> ConnectionSettings {
        let file = |path: Option<PathBuf>| path.map(|path| folder.join(path));
        let usual = ConnectionSettings::default();
        ConnectionSettings {
            http: self.http.unwrap_or(usual.http),
            sessions: self.sessions.unwrap_or(usual.sessions),
            users: self.users.unwrap_or(usual.users),
            cacert: file(self.cacert),
            cert: file(self.cert),
            key: file(self.key),
            insecure: self.insecure,
        }
    }
}

impl Plan {
    /// The check that the way in which the plan's users connect makes sense.
    pub(crate) fn check_connection(&self) -> Result<(), String> {
        let ConnectionSettings {
            http,
            users,
            cert,
            key,
            cacert,
            insecure,
            ..
        } = &self.connection;
        if !(1..=10_000).contains(users) {
            return Err("between 1 and 10,000 users share a connection".to_owned());
        }
        if *users > 1 && *http != Http::Two {
            return Err(
                "only in HTTP/2 can users share a connection; ask for `http = \"2\"` (--http 2), or leave `users` (--users-per-connection) at 1"
                    .to_owned(),
            );
        }
        if cert.is_some() != key.is_some() {
            return Err(
                "a client certificate and its key go together; give both `cert` and `key`, or neither"
                    .to_owned(),
            );
        }
        if *insecure && cacert.is_some() {
            return Err(
                "`insecure` takes any certificate, so that `cacert` would not be asked; leave one of them out"
                    .to_owned(),
            );
        }
        match (*http, self.field_of_a_connection()) {
            (Http::Two, Some(name)) => Err(format!(
                "no request of HTTP/2 has the header field `{name}` (RFC 9113, section 8.2.2); leave it out"
            )),
            _ if cacert.is_none() && cert.is_none() => Ok(()),
            // What the files have wrong shows before anything is started.
            _ => Target::new("https://localhost", &self.connection)
                .map(drop)
                .map_err(|error| format!("{:#}", anyhow::Error::new(error))),
        }
    }

    /// A header field of a plain request that is about an HTTP/1.1 connection.
    fn field_of_a_connection(&self) -> Option<&str> {
        const NAMES: [&str; 5] = [
            "connection",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
            "upgrade",
        ];
        let requests = self.requests.iter().flat_map(Requests::all);
        let mut fields = requests.flat_map(|request| &request.headers);
        fields
            .find(|field| NAMES.contains(&field.name.as_str()))
            .map(|field| &*field.written)
    }
}
