//! Answer bodies: nothing, one piece, many pieces, or a stream that ends when it likes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use http_body::{Frame, SizeHint};

/// What can go wrong while a body is on its way.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Pieces of a list are gathered up to about this many bytes before they are handed to the connection: fewer frames,
/// bounded memory.
const CHUNK_BYTES: usize = 64 * 1024;

/// The body of an answer.
pub struct Body(Inner);

enum Inner {
    Empty,
    Whole(Bytes),
    Pieces { pieces: std::vec::IntoIter<Bytes>, bytes_left: u64 },
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>),
}

impl Body {
    /// No bytes at all.
    pub fn empty() -> Self {
        Self(Inner::Empty)
    }

    /// One piece; its length is known to the receiver.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::empty() } else { Self(Inner::Whole(bytes)) }
    }

    /// Several pieces, sent one after the other without being joined in memory first.
    pub fn pieces(pieces: Vec<Bytes>) -> Self {
        let bytes_left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self(Inner::Pieces { pieces: pieces.into_iter(), bytes_left })
    }

    /// Whatever the stream yields, until it ends.
    pub fn stream(stream: impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static) -> Self {
        Self(Inner::Stream(Box::pin(stream)))
    }

    /// The bytes of a body that is a single piece (or none); `None` where it is made of several.
    pub fn as_whole(&self) -> Option<Bytes> {
        match &self.0 {
            Inner::Empty => Some(Bytes::new()),
            Inner::Whole(bytes) => Some(bytes.clone()),
            Inner::Pieces { .. } | Inner::Stream(_) => None,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shape = match &self.0 {
            Inner::Empty => "empty",
            Inner::Whole(_) => "whole",
            Inner::Pieces { .. } => "pieces",
            Inner::Stream(_) => "stream",
        };
        write!(formatter, "Body({shape})")
    }
}

/// Takes pieces until a chunk is full; a single big piece is passed on without a copy.
fn next_chunk(pieces: &mut std::vec::IntoIter<Bytes>) -> Option<Bytes> {
    let first = pieces.next()?;
    if first.len() >= CHUNK_BYTES || pieces.as_slice().is_empty() {
        return Some(first);
    }
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
    chunk.extend_from_slice(&first);
    while let Some(piece) = pieces.as_slice().first() {
        if chunk.len() + piece.len() > CHUNK_BYTES {
            break;
        }
        chunk.extend_from_slice(piece);
        pieces.next();
    }
    Some(chunk.freeze())
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Inner::Empty => Poll::Ready(None),
            Inner::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Inner::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Inner::Pieces { pieces, bytes_left } => match next_chunk(pieces) {
                Some(chunk) => {
                    *bytes_left = bytes_left.saturating_sub(chunk.len() as u64);
                    Poll::Ready(Some(Ok(Frame::data(chunk))))
                }
                None => Poll::Ready(None),
            },
            Inner::Stream(stream) => {
                stream.as_mut().poll_next(context).map(|item| item.map(|item| item.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Empty => true,
            Inner::Pieces { bytes_left, .. } => *bytes_left == 0,
            Inner::Whole(_) | Inner::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Pieces { bytes_left, .. } => SizeHint::with_exact(*bytes_left),
            Inner::Stream(_) => SizeHint::default(),
        }
    }
}
