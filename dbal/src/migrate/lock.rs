//! A lease on a database without transactions for migrations: whoever holds it renews it as long as it lives, and whoever
//! comes after one that died waits until it has run out. Times are the server's, in milliseconds since 1970.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::adapter::{Adapter, Connection, Intent};
use crate::document::migrate::{object, text};
use crate::error::{Error, ErrorKind, Outcome, Result};

/// The collection.
const LOCK: &str = "_dbal_lock";

/// How often a lease that somebody else holds is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Does something while the lease is held. What it is given says whether the lease was lost.
pub(super) fn held<T>(
    adapter: &dyn Adapter,
    lease: Duration,
    until: Instant,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T>,
) -> Result<T> {
    let owner = uuid::Uuid::now_v7().to_string();
    let mut connection = adapter.connect(Intent::Write, None)?;
    let never = object(&[("$numberLong", "\"0\"")]);
    let first = object(&[("$setOnInsert", &object(&[("owner", "\"\""), ("until", &never)]))]);
    let upsert = object(&[("q", r#"{"_id":"migrate"}"#), ("u", &first), ("upsert", "true")]);
    connection.execute_ddl(&object(&[("update", &text(LOCK)), ("updates", &format!("[{upsert}]"))]))?;
    while !taken(&mut *connection, &owner, lease)? {
        if Instant::now() + PAUSE >= until {
            let message = "another migration of this database is under way";
            return Err(Error::new(ErrorKind::Timeout, message).with_outcome(Outcome::NotApplied));
        }
        std::thread::sleep(PAUSE);
    }
    let (over, lost) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            let mut last = Instant::now();
            while !over.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(20));
                if last.elapsed() < lease / 3 {
                    continue;
                }
                match taken(&mut *connection, &owner, lease) {
                    Ok(true) => last = Instant::now(),
                    Ok(false) => lost.store(true, Ordering::Release),
                    // Nobody else can have it before it runs out.
                    Err(_) => lost.store(last.elapsed() >= lease, Ordering::Release),
                }
            }
            let free = object(&[("$set", &object(&[("owner", "\"\""), ("until", &never)]))]);
            let mine = object(&[("_id", "\"migrate\""), ("owner", &text(&owner))]);
            let update = object(&[("q", &mine), ("u", &free)]);
            // Where that fails it runs out.
            let _ = connection.execute_ddl(&object(&[("update", &text(LOCK)), ("updates", &format!("[{update}]"))]));
        });
        let over = Over(&over);
        let done = work(&|| lost.load(Ordering::Acquire));
        drop(over);
        let _ = renewing.join();
        done
    })
}

/// Ends the renewing also when the work panics.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Takes the lease, or renews it; says whether it is held now.
fn taken(connection: &mut dyn Connection, owner: &str, lease: Duration) -> Result<bool> {
    let mine = object(&[("owner", &text(owner))]);
    let free = r#"{"$expr":{"$lt":["$until",{"$toLong":"$$NOW"}]}}"#;
    let query = object(&[("_id", "\"migrate\""), ("$or", &format!("[{mine},{free}]"))]);
    let until = format!("{{\"$add\":[{{\"$toLong\":\"$$NOW\"}},{}]}}", lease.as_millis());
    let update = format!("[{}]", object(&[("$set", &object(&[("owner", &text(owner)), ("until", &until)]))]));
    let command = object(&[("findAndModify", &text(LOCK)), ("query", &query), ("update", &update), ("new", "true")]);
    Ok(!connection.ask(&command)?.is_empty())
}
