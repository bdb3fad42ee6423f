//! The microservice: a small synchronous computation with a real cost in CPU time.

use std::sync::Arc;

use anyhow::Context;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::exposure;
use crate::problem::{Problem, problem};
use crate::server::{Node, Payload, ServerConfig};

/// The microservice's settings.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The settings that every service has.
    #[command(flatten)]
    pub server: ServerConfig,

    /// The number of times that the input is hashed; the default takes about 0.3 ms of CPU
    /// time on a core with SHA instructions.
    #[arg(long, env = "SKEIN_ITERATIONS", value_name = "N", default_value_t = 5000,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub iterations: u32,
}

/// The body of an answer to `/process`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processed {
    /// The length of the input, in bytes.
    pub input_bytes: usize,
    /// The number of times that it was hashed.
    pub iterations: u32,
    /// The [`digest`] of the input.
    pub digest: String,
}

/// SHA-256 of the input, and again of the hash, `iterations` times (at least once)
/// altogether, in hexadecimal digits. A client can check an answer by it.
pub fn digest(input: &[u8], iterations: u32) -> String {
    let mut hash = Sha256::digest(input);
    for _ in 1..iterations {
        hash = Sha256::digest(hash);
    }
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

/// Serves the microservice until the shutdown.
///
/// `POST /process` computes on the body, `GET /process` on nothing.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    exposure::demand_consent(
        listener.local_addr()?.ip(),
        &config.server.exposure,
        exposure::OPEN,
    )?;
    let cores = std::thread::available_parallelism().context("could not count the cores")?;
    let computer = Computer {
        iterations: config.iterations,
        cores: Semaphore::new(cores.get()),
    };
    let routes = Router::new()
        .route("/process", get(process).post(process))
        .with_state(Arc::new(computer));
    Node::new(config.server, shutdown)
        .serve(listener, routes)
        .await;
    Ok(())
}

struct Computer {
    iterations: u32,
    /// More computations than cores would only take turns.
    cores: Semaphore,
}

async fn process(
    State(computer): State<Arc<Computer>>,
    Payload(input): Payload,
) -> Result<Json<Processed>, Problem> {
    let iterations = computer.iterations;
    let _core = computer.cores.acquire().await.map_err(|_| stopped())?;
    // On a thread of its own, so that the node keeps answering /health meanwhile.
    let computation = tokio::task::spawn_blocking(move || processed(&input, iterations));
    computation.await.map(Json).map_err(|_| stopped())
}

fn processed(input: &Bytes, iterations: u32) -> Processed {
    Processed {
        input_bytes: input.len(),
        iterations,
        digest: digest(input, iterations),
    }
}

fn stopped() -> Problem {
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "the computation did not come to an end",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_iteration_is_plain_sha_256() {
        // FIPS 180-2, appendix B.1, and the hash of nothing.
        assert_eq!(
            digest(b"abc", 1),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            digest(b"", 1),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn each_iteration_hashes_the_last_hash() {
        let once = Sha256::digest(b"abc");
        assert_eq!(digest(b"abc", 2), digest(&once, 1));
        assert_eq!(digest(b"abc", 7), digest(&once, 6));
    }

    #[test]
    fn the_answer_tells_what_was_computed() {
        let answer = processed(&Bytes::from_static(b"abc"), 3);
        assert_eq!((answer.input_bytes, answer.iterations), (3, 3));
        assert_eq!(answer.digest, digest(b"abc", 3));
    }
}
