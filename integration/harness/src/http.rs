//! One request over a connection of its own: one that was kept from an earlier call
//! might lead to a process that has been killed since.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// The reason why a question brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No whole answer in time.
    #[error("no answer from {address} within {limit:?}")]
    Late {
        /// The address that was asked.
        address: SocketAddr,
        /// The time that was waited.
        limit: Duration,
    },
    /// No connection, or it broke before the answer was whole.
    #[error("{address} could not be reached")]
    Unreachable {
        /// The address that was asked.
        address: SocketAddr,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The whole answer to `GET` of `path` with these fields, if there is one within `limit`.
pub(crate) async fn get(
    address: SocketAddr,
    path: &str,
    fields: HeaderMap,
    limit: Duration,
) -> Result<Response<Bytes>, AskError> {
    let answer = tokio::time::timeout(limit, exchange(address, path, fields)).await;
    match answer {
        Ok(answer) => answer.map_err(|source| AskError::Unreachable { address, source }),
        Err(_) => Err(AskError::Late { address, limit }),
    }
}

async fn exchange(
    address: SocketAddr,
    path: &str,
    fields: HeaderMap,
) -> Result<Response<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
    let mut request = Request::get(path).body(Empty::<Bytes>::new())?;
    *request.headers_mut() = fields;
    let host = address.to_string().try_into()?;
    request.headers_mut().insert(HOST, host);
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    tokio::pin!(answer);
    // The connection moves on with whoever waits, and ends with this call.
    tokio::pin!(connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            answer.await
        }
    }
}
