//! The way in which users connect, on the command line, in place of the plan's `[connection]`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;

use crate::client::{Http, Sessions};
use crate::commands::quoted;
use crate::plan::Plan;

/// The way in which users connect to the server.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How users connect")]
pub(super) struct Connection {
    /// The version of HTTP: with 2, over TLS or without it, a server that doesn't speak
    /// that fails requests; with auto, the server chooses over TLS [default: the plan's,
    /// else 1.1].
    #[arg(long, value_name = "1.1|2|auto", value_parser = http())]
    http: Option<Http>,

    /// The users that share a connection, each with one stream of it; needs --http 2
    /// [default: the plan's, else 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    users_per_connection: Option<u32>,

    /// The users who may resume a TLS session: each user its own, nobody, or everybody all of them
    /// [default: the plan's, else per-user].
    #[arg(long, value_name = "per-user|none|shared", value_parser = sessions())]
    sessions: Option<Sessions>,

    /// Trust those whose certificates are in this file (PEM), in place of the system's.
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,

    /// Show this certificate to a server that asks for one (PEM); with --key.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The private key of --cert (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Take any certificate of a server; the report says so.
    #[arg(long, conflicts_with = "cacert")]
    insecure: bool,
}

impl Connection {
    pub(super) fn apply_to(&self, plan: &mut Plan) -> anyhow::Result<()> {
        let settings = &mut plan.connection;
        settings.http = self.http.unwrap_or(settings.http);
        settings.sessions = self.sessions.unwrap_or(settings.sessions);
        let users = self.users_per_connection;
        settings.users = users.map_or(settings.users, |users| users as usize);
        let files = [
            (&self.cacert, &mut settings.cacert),
            (&self.cert, &mut settings.cert),
            (&self.key, &mut settings.key),
        ];
        for (given, file) in files {
            if given.is_some() {
                file.clone_from(given);
            }
        }
        settings.insecure |= self.insecure;
        plan.check_connection().map_err(anyhow::Error::msg)
    }

    /// The arguments that say the same again, ready for a shell.
    pub(super) fn arguments(&self) -> String {
        let file = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let all = [
            ("http", self.http.map(|http| http.to_string())),
            (
                "users-per-connection",
                self.users_per_connection.map(|n| n.to_string()),
            ),
            (
                "sessions",
                self.sessions.map(|sessions| sessions.to_string()),
            ),
            ("cacert", file(&self.cacert)),
            ("cert", file(&self.cert)),
            ("key", file(&self.key)),
        ];
        let given = all.into_iter().filter_map(|(flag, value)| {
            let value = value?;
            Some(format!(" --{flag} {}", quoted(&value)))
        });
        let insecure = self.insecure.then(|| " --insecure".to_owned());
        given.chain(insecure).collect()
    }
}

fn http() -> impl TypedValueParser<Value = Http> {
    PossibleValuesParser::new(["1.1", "2", "auto"]).map(|name| match &*name {
        "2" => Http::Two,
        "auto" => Http::Auto,
        _ => Http::One,
    })
}

fn sessions() -> impl TypedValueParser<Value = Sessions> {
    PossibleValuesParser::new(["per-user", "none", "shared"]).map(|name| match &*name {
        "none" => Sessions::None,
        "shared" => Sessions::Shared,
        _ => Sessions::PerUser,
    })
}
