//! Request bodies that are taken off the wire even when nobody reads them: an answer given early (no right, unknown
//! path, too large) would otherwise end the connection under a client that is still writing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use super::patience::Busy;

/// Most bytes taken off the wire for nothing; more ends the connection.
const BYTES_MAX: usize = 32 << 20;
/// Longest time for it.
const TIME_MAX: Duration = Duration::from_secs(5);

/// A body that empties itself when it is let go.
pub(super) struct RequestBody {
    inner: Option<Incoming>,
    /// Its connection is in use until the last byte.
    busy: Option<Busy>,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, busy: Busy) -> Self {
        Self { inner: Some(inner), busy: Some(busy) }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take().filter(|body| !body.is_end_stream()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let busy = self.busy.take();
        runtime.spawn(async move {
            let _ = tokio::time::timeout(TIME_MAX, empty(inner)).await; // or the connection ends
            drop(busy);
        });
    }
}

async fn empty(mut body: Incoming) {
    let mut bytes = 0;
    while bytes < BYTES_MAX {
        match std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}
