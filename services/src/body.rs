//! Bodies that are collected: into one piece of memory, however many they come in.
//!
//! A piece that hyper hands over is a part of its read buffer and keeps all of that
//! alive. Collected as they come, a megabyte of one-byte pieces would keep a gigabyte
//! of buffers; so pieces are copied, and their buffers are free again.

use std::error::Error;
use std::io;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

/// The reason why a body wasn't collected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    /// There is more of it than is accepted.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The largest size that is accepted.
        limit: usize,
    },
    /// It broke off, or isn't well-formed.
    #[error("the body did not come whole")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Collects a body of at most `limit` bytes. Of one that declares more, nothing is read.
///
/// # Errors
///
/// When it is larger, or breaks off.
pub(crate) async fn collect<B>(body: B, limit: usize) -> Result<Bytes, CollectError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Most memory that a mere announcement gets.
    const MOST_AHEAD: usize = 64 << 10;

    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limit {
        return Err(CollectError::TooLarge { limit });
    }
    let mut body = pin!(body);
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CollectError::Broken(error.into()))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if piece.len() > limit - collected.len() {
            return Err(CollectError::TooLarge { limit });
        }
        if collected.is_empty() {
            if body.is_end_stream() {
                // Most bodies are there at once.
                return Ok(piece);
            }
            collected.reserve(declared.clamp(piece.len(), MOST_AHEAD.max(piece.len())));
        }
        collected.extend_from_slice(&piece);
    }
    Ok(collected.freeze())
}

/// The way in which a body broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// Nothing came for too long.
    Paused,
    /// The bytes aren't those that were announced.
    Malformed,
    /// It broke off in some other way.
    Lost,
}

impl Breach {
    /// The breach behind an error of a body that hyper read.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref::<io::Error>())
            .map_or(Breach::Lost, |error| match error.kind() {
                io::ErrorKind::TimedOut => Breach::Paused,
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Breach::Malformed,
                _ => Breach::Lost,
            })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    /// Pieces as hyper hands them over: parts of one large buffer.
    fn pieces(count: usize) -> impl Body<Data = Bytes, Error = Infallible> {
        let buffer = Bytes::from(vec![b'a'; count]);
        StreamBody::new(stream::iter(
            (0..count).map(move |at| Ok::<_, Infallible>(Frame::data(buffer.slice(at..=at)))),
        ))
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit_and_not_beyond() {
        let whole = collect(pieces(10), 10)
            .await
            .expect("no more than the limit");
        assert_eq!(whole, vec![b'a'; 10]);
        let error = collect(pieces(11), 10).await.expect_err("one too many");
        assert!(matches!(error, CollectError::TooLarge { limit: 10 }));
    }

    #[tokio::test]
    async fn a_body_that_came_at_once_is_not_copied() {
        let sent = Bytes::from(vec![1, 2, 3]);
        let collected = collect(Full::new(sent.clone()), 3)
            .await
            .expect("short enough");
        assert_eq!(collected.as_ptr(), sent.as_ptr());
    }

    #[tokio::test]
    async fn a_body_that_declares_too_much_is_not_read() {
        let error = collect(Full::new(Bytes::from(vec![0; 11])), 10).await;
        assert!(matches!(error, Err(CollectError::TooLarge { .. })));
    }

    #[test]
    fn what_broke_a_body_is_found_behind_its_error() {
        let of = |kind| Breach::of(&CollectError::Broken(io::Error::from(kind).into()));
        assert_eq!(of(io::ErrorKind::TimedOut), Breach::Paused);
        assert_eq!(of(io::ErrorKind::InvalidData), Breach::Malformed);
        assert_eq!(of(io::ErrorKind::ConnectionReset), Breach::Lost);
    }
}
