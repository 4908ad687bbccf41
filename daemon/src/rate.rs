//! How much one caller may ask: a bucket for each caller and operation, which holds a burst and fills at the rate.

use std::time::{Duration, Instant};

use dbal::config::RequestRate;
use dbal::{Error, Operation, Request, Result, Value};
use foldhash::HashMap;
use parking_lot::Mutex;

/// More buckets than this are looked through for full ones, which say nothing.
const MOST: usize = 100_000;

/// The buckets of all callers.
pub struct Rates {
    rate: Option<RequestRate>,
    began: Instant,
    /// When a bucket is full again, in nanoseconds since `began`.
    full_at: Mutex<HashMap<(String, Operation), u64>>,
}

impl Rates {
    /// Full buckets; without a rate nothing is counted.
    pub fn new(rate: Option<RequestRate>) -> Self {
        Rates { rate, began: Instant::now(), full_at: Mutex::default() }
    }

    /// Counts a request, a batch as its entries.
    ///
    /// # Errors
    /// RATE_LIMIT_EXCEEDED with how long to wait; VALIDATION_ERROR for a batch that no bucket ever holds.
    pub fn count(&self, who: impl FnOnce() -> String, request: &Request) -> Result<()> {
        let Some(rate) = self.rate else { return Ok(()) };
        let who = who();
        if request.operation != Operation::Batch {
            return self.take(rate, who, request.operation, 1);
        }
        let entries = request.args.get("entries").and_then(Value::as_list).unwrap_or_default();
        let mut counts: Vec<(Operation, u32)> = Vec::new();
        for entry in entries {
            let name = entry.as_map().and_then(|entry| entry.get("operation")).and_then(Value::as_str);
            let operation = name.and_then(Operation::parse).unwrap_or(Operation::Batch);
            match counts.iter_mut().find(|(known, _)| *known == operation) {
                Some((_, count)) => *count += 1,
                None => counts.push((operation, 1)),
            }
        }
        if counts.is_empty() {
            counts.push((Operation::Batch, 1));
        }
        counts.into_iter().try_for_each(|(operation, count)| self.take(rate, who.clone(), operation, count))
    }

    fn take(&self, rate: RequestRate, who: String, operation: Operation, count: u32) -> Result<()> {
        if count > rate.burst {
            let message =
                format!("more than {} of one operation; the rate limit lets no more pass at once", rate.burst);
            return Err(Error::validation("entries", message));
        }
        let each = 60_000_000_000 / u64::from(rate.requests_per_minute).max(1);
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut full_at = self.full_at.lock();
        if full_at.len() >= MOST {
            full_at.retain(|_, at| *at > now);
        }
        let at = full_at.entry((who, operation)).or_insert(now);
        let then = (*at).max(now).saturating_add(each.saturating_mul(u64::from(count)));
        let over = then.saturating_sub(now).saturating_sub(each.saturating_mul(u64::from(rate.burst)));
        if over > 0 {
            return Err(Error::rate_limited(Duration::from_nanos(over).max(Duration::from_millis(1))));
        }
        *at = then;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use dbal::{ErrorKind, value};

    use super::*;

    fn count(rates: &Rates, who: &str, operation: Operation) -> Result<()> {
        rates.count(|| who.to_owned(), &Request::new(operation, "User"))
    }

    #[test]
    fn each_caller_has_a_burst_of_each_operation() {
        let rates = Rates::new(Some(RequestRate { requests_per_minute: 1, burst: 2 }));
        for _ in 0..2 {
            count(&rates, "ada", Operation::Read).unwrap();
        }
        let refused = count(&rates, "ada", Operation::Read).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::RateLimitExceeded);
        let wait = refused.retry_after().unwrap();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        count(&rates, "ada", Operation::List).unwrap();
        count(&rates, "bob", Operation::Read).unwrap();
    }

    #[test]
    fn a_batch_counts_as_its_entries() {
        let rates = Rates::new(Some(RequestRate { requests_per_minute: 1, burst: 3 }));
        let batch = |count: usize| {
            let entry = value!({ "entity": "User", "operation": "read", "id": 1 });
            Request::new(Operation::Batch, "").arg("entries", Value::List(vec![entry; count]))
        };
        rates.count(|| "ada".into(), &batch(2)).unwrap();
        count(&rates, "ada", Operation::Read).unwrap();
        assert_eq!(count(&rates, "ada", Operation::Read).unwrap_err().code(), "RATE_LIMIT_EXCEEDED");
        let never = rates.count(|| "bob".into(), &batch(4)).unwrap_err();
        assert_eq!(never.code(), "VALIDATION_ERROR");
    }
}
