//! One writer at a time, with a limit to the wait.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::adapter::PATIENCE;
use crate::error::{Error, Outcome, Result};

/// Lets one writer in. Unlike a mutex's guard, its permit may move to another thread with the connection.
#[derive(Debug, Default)]
pub(super) struct Gate {
    taken: Mutex<bool>,
    freed: Condvar,
}

impl Gate {
    /// Waits for the permit, no longer than the deadline; without one, no longer than other backends do, so that code
    /// that waits for itself learns of it.
    pub(super) fn enter(&self, deadline: Option<Instant>) -> Result<Permit<'_>> {
        let mut taken = self.taken.lock();
        let mut until = None;
        while *taken {
            let until = *until.get_or_insert_with(|| deadline.unwrap_or_else(|| Instant::now() + PATIENCE));
            if self.freed.wait_until(&mut taken, until).timed_out() && *taken {
                return Err(Error::timeout(Outcome::NotApplied));
            }
        }
        *taken = true;
        Ok(Permit(self))
    }
}

/// The right to write, until dropped.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a Gate);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock() = false;
        self.0.freed.notify_one();
    }
}
