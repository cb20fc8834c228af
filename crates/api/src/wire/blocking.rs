//! Work that waits for a disk or computes for long leaves the threads that serve connections alone.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::error::ApiError;

/// Runs `work` where blocking is allowed.
pub(crate) async fn blocking<T, W>(work: W) -> Result<T, ApiError>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())
}

/// Runs a future that blocks between its steps where blocking is allowed.
pub(crate) async fn blocking_future<F>(future: F) -> Result<F::Output, ApiError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let runtime = tokio::runtime::Handle::current();
    blocking(move || runtime.block_on(future)).await
}

/// Awaits a request's work; a panic in it ends that request alone, not the connection with its other requests.
pub(crate) async fn contained<F: Future>(future: F) -> Result<F::Output, ApiError> {
    struct Contained<'f, F>(Pin<&'f mut F>);
    impl<F: Future> Future for Contained<'_, F> {
        type Output = Result<F::Output, ApiError>;
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            let inner = self.0.as_mut();
            match catch_unwind(AssertUnwindSafe(|| inner.poll(context))) {
                Ok(poll) => poll.map(Ok),
                Err(_) => Poll::Ready(Err(ApiError::internal())),
            }
        }
    }
    Contained(pin!(future)).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn panics_stay_inside() {
        assert_eq!(blocking(|| 7).await.unwrap(), 7);
        assert_eq!(blocking_future(async { 8 }).await.unwrap(), 8);
        assert_eq!(contained(async { 9 }).await.unwrap(), 9);
        for error in [
            blocking(|| panic!("inside")).await,
            blocking_future(async { panic!("inside") }).await,
            contained(async { panic!("inside") }).await,
        ] {
            assert_eq!(error.unwrap_err().status, 500);
        }
    }
}
