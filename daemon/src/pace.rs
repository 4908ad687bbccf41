//! Bodies of answers on HTTP/2, where a reader that takes nothing of one answer keeps the connection alive by the others.
//! What it does not take within a while is let go of: rows, memory, the connection to the database.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Bytes that are handed over at a time. hyper asks for the next when there is room for it.
const PART: usize = 64 << 10;

/// The response with a body that is let go of when nobody takes it. Small ones are left as they are.
pub fn paced(response: Response<Body>, patience: Duration) -> Response<Body> {
    response.map(|body| {
        let exact = hyper::body::Body::size_hint(&body).exact();
        match exact.is_some_and(|bytes| bytes <= PART as u64) {
            true => body,
            false => Body::new(Paced::new(body, patience)),
        }
    })
}

struct Paced {
    left: Arc<Mutex<Left>>,
    exact: Option<u64>,
    watch: AbortHandle,
}

/// What is left to be taken.
struct Left {
    /// Gone once it was let go of.
    body: Option<Body>,
    part: Bytes,
    /// Since when it is the reader's turn; none while the body has nothing ready.
    since: Option<Instant>,
}

impl Paced {
    fn new(body: Body, patience: Duration) -> Self {
        let exact = hyper::body::Body::size_hint(&body).exact();
        let left = Left { body: Some(body), part: Bytes::new(), since: Some(Instant::now()) };
        let left = Arc::new(Mutex::new(left));
        let watched = left.clone();
        let watch = tokio::spawn(async move {
            loop {
                let since = watched.lock().since;
                let until = since.unwrap_or_else(Instant::now) + patience;
                tokio::time::sleep_until(until).await;
                let mut left = watched.lock();
                if left.since.is_some_and(|since| since.elapsed() >= patience) {
                    let (body, part) = (left.body.take(), std::mem::take(&mut left.part));
                    drop(left);
                    return drop((body, part));
                }
            }
        });
        Paced { left, exact, watch: watch.abort_handle() }
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// It was let go of.
fn late() -> axum::Error {
    axum::Error::new(std::io::Error::new(std::io::ErrorKind::TimedOut, "the reader takes nothing"))
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut left = self.left.lock();
        if left.part.is_empty() {
            let Some(body) = &mut left.body else { return Poll::Ready(Some(Err(late()))) };
            let next = Pin::new(body).poll_frame(context);
            left.since = next.is_ready().then(Instant::now);
            match next {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => left.part = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return other,
            }
        }
        left.since = Some(Instant::now());
        let bytes = left.part.len().min(PART);
        Poll::Ready(Some(Ok(Frame::data(left.part.split_to(bytes)))))
    }

    fn size_hint(&self) -> SizeHint {
        self.exact.map(SizeHint::with_exact).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn body(bytes: usize, patience: Duration) -> Body {
        paced(Response::new(Body::from(vec![7; bytes])), patience).into_body()
    }

    #[tokio::test]
    async fn a_body_comes_whole_in_parts() {
        let mut body = body(3 * PART + 1, Duration::from_secs(9));
        let (mut all, mut parts) = (0, 0);
        while let Some(frame) = body.frame().await {
            all += frame.unwrap().into_data().unwrap().len();
            parts += 1;
        }
        assert_eq!((all, parts), (3 * PART + 1, 4));
    }

    #[tokio::test]
    async fn what_nobody_takes_is_let_go_of() {
        let patience = Duration::from_millis(100);
        let mut kept = body(2 * PART, patience);
        assert!(kept.frame().await.unwrap().is_ok());
        tokio::time::sleep(patience * 3).await;
        assert!(kept.frame().await.unwrap().is_err());
        // One that is slow to come has all the time it needs.
        let slow = futures_util::stream::once(async move {
            tokio::time::sleep(patience * 3).await;
            Ok::<_, std::convert::Infallible>(Bytes::from_static(b"x"))
        });
        let slow = paced(Response::new(Body::from_stream(slow)), patience).into_body();
        assert_eq!(slow.collect().await.unwrap().to_bytes(), "x");
    }
}
