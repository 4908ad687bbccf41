//! What stops a statement that the server does not stop by itself.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use super::line::Line;
use crate::adapter::Cancel;

/// The server stops a statement at its deadline by itself. So much later it is asked to, and so much later still the
/// connection is given up.
pub(super) const LATE: Duration = Duration::from_millis(50);
pub(super) const LOST: Duration = Duration::from_secs(1);

/// What stops one statement.
pub(super) struct Bounds {
    pub(super) line: Arc<Line>,
    pub(super) cancel: Option<Cancel>,
    pub(super) late: Option<Instant>,
}

impl Bounds {
    /// Waits for a statement, and has it stopped when its time is over or nobody wants its answer; none when it cannot
    /// be stopped either.
    pub(super) async fn keep<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let Bounds { line, cancel, late } = self;
        let mut work = pin!(work);
        let cancelled = async {
            match &cancel {
                Some(cancel) => told(cancel).await,
                None => std::future::pending().await,
            }
        };
        match select(work.as_mut(), pin!(within(late, cancelled))).await {
            Either::Left((ran, _)) => Some(ran),
            // The statement of somebody else may be the one that runs now. Most often the answer is about to come; where
            // it is not, the connection goes, and what runs on it is stopped with that.
            Either::Right(_) if line.users() > 1 => within(Some(Instant::now() + LATE), work).await,
            Either::Right(_) => {
                // It may have ended just now; then its answer comes, and the server has nothing to cancel.
                let stopped = async {
                    line.stop().await;
                    std::future::pending::<()>().await;
                };
                match within(Some(Instant::now() + LOST), select(work, pin!(stopped))).await {
                    Some(Either::Left((ran, _))) => {
                        // The server may get to the cancellation only when somebody else's statement runs here.
                        line.doubt();
                        Some(ran)
                    }
                    Some(Either::Right(_)) | None => None,
                }
            }
        }
    }
}

/// Ready when it is cancelled.
async fn told(cancel: &Cancel) {
    loop {
        let next = cancel.interval().map(|interval| Instant::now() + interval);
        if within(next, std::future::poll_fn(|context| cancel.poll_cancelled(context))).await.is_some() {
            return;
        }
    }
}

/// Waits no longer than until a deadline.
pub(super) async fn within<F: Future>(deadline: Option<Instant>, work: F) -> Option<F::Output> {
    let Some(deadline) = deadline else { return Some(work.await) };
    let sleep = pin!(tokio::time::sleep_until(deadline.into()));
    match select(pin!(work), sleep).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
