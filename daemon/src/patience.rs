//! Readers that take nothing: a connection into which nothing can be written for a while is given up, whatever it is that
//! waits to be written.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a reader may take nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connection with that patience.
pub struct Patient<T> {
    inner: T,
    patience: Duration,
    /// Of the write that waits.
    until: Pin<Box<Sleep>>,
    waits: bool,
}

impl<T> Patient<T> {
    /// One of which nothing waits yet.
    pub fn new(inner: T, patience: Duration) -> Self {
        Patient { inner, patience, until: Box::pin(tokio::time::sleep(patience)), waits: false }
    }

    /// What became of a write; an error when it has waited for too long.
    fn told<V>(&mut self, context: &mut Context<'_>, done: Poll<Result<V>>) -> Poll<Result<V>> {
        if done.is_ready() {
            self.waits = false;
            return done;
        }
        if !self.waits {
            self.waits = true;
            self.until.as_mut().reset(Instant::now() + self.patience);
        }
        self.until.as_mut().poll(context).map(|()| Err(Error::new(ErrorKind::TimedOut, "the reader takes nothing")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.told(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        all: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write_vectored(context, all);
        self.told(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let done = Pin::new(&mut self.inner).poll_flush(context);
        self.told(context, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let done = Pin::new(&mut self.inner).poll_shutdown(context);
        self.told(context, done)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn whoever_takes_nothing_is_given_up_and_whoever_is_slow_is_not() {
        let patience = Duration::from_millis(200);
        let (near, far) = tokio::io::duplex(64);
        let error = Patient::new(near, patience).write_all(&[0; 1_000]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(far);
        let (near, mut far) = tokio::io::duplex(64);
        let reader = tokio::spawn(async move {
            let mut all = 0;
            while all < 640 {
                tokio::time::sleep(patience / 4).await;
                all += far.read(&mut [0; 64]).await.unwrap();
            }
        });
        let mut near = Patient::new(near, patience);
        near.write_all(&[0; 640]).await.unwrap();
        // A pause in which nothing waits to be written is none of its business.
        tokio::time::sleep(patience * 2).await;
        reader.await.unwrap();
    }
}
