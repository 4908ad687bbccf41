//! Bodies and messages of requests: how long they may take to arrive, and how much of all of them is held at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use dbal::Error;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// What is counted as one.
const UNIT: usize = 1 << 10;

/// Bytes of bodies that are held at a time, of all requests together.
const MOST: usize = 128 << 20;

/// Room for what arrives.
pub fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST / UNIT))
}

/// Bytes of a room that are taken.
pub fn taken(room: &Semaphore) -> usize {
    MOST.saturating_sub(room.available_permits() * UNIT)
}

/// The room that one request takes, until this is dropped.
#[derive(Clone)]
pub struct Held(Arc<Mutex<Taken>>);

struct Taken {
    room: Arc<Semaphore>,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// None yet.
    pub fn new(room: Arc<Semaphore>) -> Self {
        Held(Arc::new(Mutex::new(Taken { room, bytes: 0, permit: None })))
    }

    /// Takes more of it.
    ///
    /// # Errors
    /// When there is no more.
    pub fn take(&self, more: usize) -> Result<(), Trouble> {
        let mut taken = self.0.lock();
        let before = taken.bytes.div_ceil(UNIT);
        taken.bytes += more;
        let units = u32::try_from(taken.bytes.div_ceil(UNIT) - before).unwrap_or(u32::MAX);
        if units == 0 {
            return Ok(());
        }
        let new = taken.room.clone().try_acquire_many_owned(units).map_err(|_| Trouble::Full)?;
        match &mut taken.permit {
            Some(permit) => permit.merge(new),
            none => *none = Some(new),
        }
        Ok(())
    }

    /// Gives some of it back, and keeps the rest.
    pub fn give_back(&self, bytes: usize) {
        let mut taken = self.0.lock();
        let before = taken.bytes.div_ceil(UNIT);
        taken.bytes = taken.bytes.saturating_sub(bytes);
        let units = before - taken.bytes.div_ceil(UNIT);
        // Dropped, they are free.
        drop(taken.permit.as_mut().and_then(|permit| permit.split(units)));
    }
}

/// Why a body did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It took too long.
    Slow(Duration),
    /// There is no room for it now.
    Full,
    /// The connection ended.
    Broken,
}

impl Trouble {
    /// As the caller is told.
    pub fn error(self) -> Error {
        match self {
            Trouble::Slow(patience) => {
                Error::validation("body", format!("it did not come within {} s", patience.as_secs()))
            }
            Trouble::Full => Error::rate_limited(Duration::from_secs(1)),
            Trouble::Broken => Error::validation("body", "it ended early"),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Trouble::Slow(_) => "the body was too slow",
            Trouble::Full => "there is no room for the body",
            Trouble::Broken => "the body ended early",
        })
    }
}

impl std::error::Error for Trouble {}

/// A body that arrives.
pub struct Arriving {
    inner: Incoming,
    held: Held,
    until: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Arriving {
    /// All of it has to be there within this time.
    pub fn new(inner: Incoming, held: &Held, within: Option<Duration>) -> Self {
        let until = within.map(|within| (within, Box::pin(tokio::time::sleep(within))));
        Arriving { inner, held: held.clone(), until }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Trouble;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Trouble>>> {
        let this = self.get_mut();
        let Poll::Ready(next) = Pin::new(&mut this.inner).poll_frame(context) else {
            if let Some((within, sleep)) = &mut this.until {
                ready!(sleep.as_mut().poll(context));
                return Poll::Ready(Some(Err(Trouble::Slow(*within))));
            }
            return Poll::Pending;
        };
        Poll::Ready(next.map(|frame| {
            let frame = frame.map_err(|_| Trouble::Broken)?;
            this.held.take(frame.data_ref().map_or(0, Bytes::len))?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_held_is_bounded() {
        let room = Arc::new(Semaphore::new(4));
        let (one, other) = (Held::new(room.clone()), Held::new(room.clone()));
        // Small pieces count as what they are together.
        for _ in 0..2 * UNIT {
            assert_eq!(one.take(1), Ok(()));
        }
        assert_eq!(room.available_permits(), 2);
        assert_eq!(other.take(3 * UNIT), Err(Trouble::Full));
        one.give_back(UNIT + 1);
        assert_eq!(room.available_permits(), 3);
        one.give_back(5 * UNIT);
        assert_eq!(room.available_permits(), 4);
        assert_eq!(one.take(4 * UNIT), Ok(()));
        drop(one);
        assert_eq!(room.available_permits(), 4);
        let other = Held::new(room);
        assert_eq!(other.take(3 * UNIT), Ok(()));
    }
}
