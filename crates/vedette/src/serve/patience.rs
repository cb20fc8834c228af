//! How long a connection keeps its place without using it: briefly until its first request, and while headers that have
//! begun come in; long between requests, for clients that are busy elsewhere and do not try again. Nothing is measured on
//! the way of a request: each step leaves a mark, and now and then somebody looks whether there are new ones.

use std::future::Future;
use std::io::{Error, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest wait for the first request, and for the rest of headers.
const HEADERS: Duration = Duration::from_secs(30);
/// Longest rest between requests.
pub(super) const REST: Duration = Duration::from_secs(15 * 60);
/// How often somebody looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// HTTP/2's pings and their like are shorter; what is longer belongs to an answer.
const SMALL_TALK: usize = 64;

/// The marks of a connection.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Requests and writes.
    steps: AtomicU64,
    /// Requests under way.
    busy: AtomicUsize,
    is_proven: AtomicBool,
    is_http2: AtomicBool,
    /// Bytes came that are part of no request yet.
    begun: AtomicBool,
}

/// A request, or what is left of its body, is under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Patience>);

impl Clone for Busy {
    fn clone(&self) -> Self {
        self.0.busy.fetch_add(1, Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.steps.fetch_add(1, Relaxed);
        self.0.busy.fetch_sub(1, Relaxed);
    }
}

impl Patience {
    /// A request begins.
    pub(super) fn request(self: &Arc<Self>, version: Version) -> Busy {
        self.busy.fetch_add(1, Relaxed);
        self.steps.fetch_add(1, Relaxed);
        self.begun.store(false, Relaxed);
        if !self.is_proven.load(Relaxed) {
            self.is_http2.store(version == Version::HTTP_2, Relaxed);
            self.is_proven.store(true, Relaxed);
        }
        Busy(Arc::clone(self))
    }

    fn read(&self) {
        // in HTTP/2 bytes may be pings
        if self.busy.load(Relaxed) == 0 && !self.is_http2.load(Relaxed) {
            self.begun.store(true, Relaxed);
        }
    }

    fn wrote(&self, count: usize) {
        if count > SMALL_TALK {
            self.steps.fetch_add(1, Relaxed);
        }
    }

    /// How long the connection may stay as it is.
    fn limit(&self) -> Duration {
        if self.busy.load(Relaxed) > 0 {
            Duration::MAX
        } else if !self.is_proven.load(Relaxed) || self.begun.load(Relaxed) {
            HEADERS
        } else {
            REST
        }
    }

    /// Returns when the connection has been idle for too long.
    pub(super) async fn run_out(&self) {
        let marks = || (self.steps.load(Relaxed), self.limit());
        let (mut before, mut waited) = (marks(), Duration::ZERO);
        while waited < before.1 {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = marks();
            waited = if now == before { waited + LOOK_EVERY } else { Duration::ZERO };
            before = now;
        }
    }

    /// Serves a connection to its end, or until patience runs out: none then.
    pub(super) async fn bear<T>(&self, connection: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            ended = connection => Some(ended),
            () = self.run_out() => None,
        }
    }
}

/// A stream whose bytes leave marks.
pub(super) struct Marked<S> {
    pub(super) stream: S,
    pub(super) patience: Arc<Patience>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Marked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.patience.read();
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> Marked<S> {
    fn wrote(&self, done: Poll<Result<usize, Error>>) -> Poll<Result<usize, Error>> {
        if let Poll::Ready(Ok(count)) = &done {
            self.patience.wrote(*count);
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Marked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::time::{Instant, sleep};

    use super::*;

    /// After how many seconds patience runs out.
    async fn lasts(patience: &Patience) -> u64 {
        let started = Instant::now();
        patience.run_out().await;
        started.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_has_half_a_minute() {
        assert_eq!(lasts(&Patience::default()).await, HEADERS.as_secs());
        let patience = Patience::default();
        patience.read();
        assert_eq!(lasts(&patience).await, HEADERS.as_secs(), "a first request that never ends");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_asked_may_rest() {
        let patience = Arc::new(Patience::default());
        let busy = patience.request(Version::HTTP_11);
        patience.read(); // its body
        let long = sleep(Duration::from_secs(3600));
        assert!(patience.bear(long).await.is_some(), "requests take their time");
        let body = busy.clone();
        drop(busy);
        assert_eq!(patience.limit(), Duration::MAX);
        drop(body);
        assert_eq!(lasts(&patience).await, REST.as_secs());
        patience.read();
        assert_eq!(lasts(&patience).await, HEADERS.as_secs(), "headers that begin come soon");
        drop(patience.request(Version::HTTP_11));
        assert_eq!(patience.limit(), REST);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_go_out_are_life_and_pings_are_none() {
        for (version, count, expected) in [
            (Version::HTTP_11, SMALL_TALK + 1, true),
            (Version::HTTP_2, SMALL_TALK + 1, true),
            (Version::HTTP_2, 17, false),
        ] {
            let patience = Arc::new(Patience::default());
            drop(patience.request(version));
            let talking = async {
                for _ in 0..100 {
                    sleep(Duration::from_secs(30)).await;
                    patience.wrote(count);
                    if version == Version::HTTP_2 {
                        patience.read();
                    }
                }
            };
            assert_eq!(patience.bear(talking).await.is_some(), expected, "{version:?} {count}");
        }
    }
}
