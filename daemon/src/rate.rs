//! How much one caller may ask: a bucket for each caller and operation, which holds a burst and fills at the rate. Tokens
//! that do not count have buckets too, by where they come from.

use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use dbal::config::RequestRate;
use dbal::{Error, Operation, Request, Result, Value};
use foldhash::HashMap;
use parking_lot::Mutex;

/// Buckets that are kept. Above it full ones, which say nothing, are thrown away; when all of them say something, whoever
/// is new shares one bucket with all others who are.
const MOST: usize = 100_000;

/// How often it is looked for full ones.
const LOOK: Duration = Duration::from_secs(1);

/// Tokens that do not count, from one network.
const BAD_TOKENS: RequestRate = RequestRate { requests_per_minute: 60, burst: 100 };

/// Refusals of one caller that are written down.
const REFUSALS: RequestRate = RequestRate { requests_per_minute: 1, burst: 1 };

/// The buckets of all callers.
pub struct Rates {
    rate: Option<RequestRate>,
    began: Instant,
    /// When a bucket is full again, in nanoseconds since `began`.
    full_at: Mutex<Buckets<(String, Operation)>>,
    /// The same for tokens.
    tokens: Mutex<Buckets<String>>,
    /// The same for refusals that are written down.
    refused: Mutex<Buckets<String>>,
}

/// Full buckets are not kept.
struct Buckets<K> {
    full_at: HashMap<K, u64>,
    looked: u64,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Buckets { full_at: HashMap::default(), looked: 0 }
    }
}

impl<K: Eq + Hash> Buckets<K> {
    /// Takes from a bucket; else in how many nanoseconds there will be enough.
    fn take(&mut self, now: u64, rate: RequestRate, key: K, rest: impl FnOnce() -> K, count: u32) -> Result<(), u64> {
        if self.full_at.len() >= MOST && now.saturating_sub(self.looked) >= LOOK.as_nanos() as u64 {
            self.full_at.retain(|_, at| *at > now);
            self.looked = now;
        }
        let key = match self.full_at.len() >= MOST && !self.full_at.contains_key(&key) {
            true => rest(),
            false => key,
        };
        let each = each(rate);
        let at = self.full_at.entry(key).or_insert(now);
        let then = (*at).max(now).saturating_add(each.saturating_mul(u64::from(count)));
        let over = then.saturating_sub(now).saturating_sub(each.saturating_mul(u64::from(rate.burst)));
        if over > 0 {
            return Err(over);
        }
        *at = then;
        Ok(())
    }

    /// Gives back what was taken.
    fn give(&mut self, rate: RequestRate, key: &K) {
        if let Some(at) = self.full_at.get_mut(key) {
            *at = at.saturating_sub(each(rate));
        }
    }
}

/// In how many nanoseconds a bucket gets one more.
fn each(rate: RequestRate) -> u64 {
    60_000_000_000 / u64::from(rate.requests_per_minute).max(1)
}

/// By what somebody without a name is counted: an address, or the network that is one customer's in IPv6.
pub fn network(peer: IpAddr) -> String {
    match peer.to_canonical() {
        IpAddr::V4(address) => format!("@{address}"),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("@{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A token that is being looked up, and counts as one that does not count unless it is said otherwise.
pub struct Tried<'r> {
    rates: &'r Rates,
    network: String,
}

impl Tried<'_> {
    /// It does count.
    pub fn was_none(self) {
        self.rates.tokens.lock().give(BAD_TOKENS, &self.network);
    }
}

impl Rates {
    /// Full buckets; without a rate nothing is counted.
    pub fn new(rate: Option<RequestRate>) -> Self {
        Rates {
            rate,
            began: Instant::now(),
            full_at: Mutex::default(),
            tokens: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// Counts a token that nobody knows yet.
    ///
    /// # Errors
    /// RATE_LIMIT_EXCEEDED where too many of them came to nothing.
    pub fn try_token(&self, peer: IpAddr) -> Result<Tried<'_>> {
        let network = network(peer);
        let now = self.now();
        match self.tokens.lock().take(now, BAD_TOKENS, network.clone(), String::new, 1) {
            Ok(()) => Ok(Tried { rates: self, network }),
            Err(over) => Err(limited(over)),
        }
    }

    /// Whether a refusal is the first of its caller in a minute.
    pub fn is_first(&self, who: String) -> bool {
        self.refused.lock().take(self.now(), REFUSALS, who, String::new, 1).is_ok()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
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
        let rest = || (String::new(), operation);
        self.full_at.lock().take(self.now(), rate, (who, operation), rest, count).map_err(limited)
    }
}

fn limited(over: u64) -> Error {
    Error::rate_limited(Duration::from_nanos(over).max(Duration::from_millis(1)))
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
    fn a_network_is_one_caller() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn bad_tokens_are_counted_and_good_ones_are_not() {
        let rates = Rates::new(None);
        let (here, there) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for _ in 0..1_000 {
            rates.try_token(here).unwrap().was_none();
        }
        for _ in 0..BAD_TOKENS.burst {
            drop(rates.try_token(here).unwrap());
        }
        let Err(refused) = rates.try_token(here) else { panic!("one too many") };
        assert_eq!(refused.code(), "RATE_LIMIT_EXCEEDED");
        rates.try_token(there).unwrap();
    }

    #[test]
    fn buckets_are_bounded_and_newcomers_share_one() {
        let rate = RequestRate { requests_per_minute: 1, burst: 2 };
        let mut buckets = Buckets::default();
        for key in 0..MOST + 10 {
            // The first ones keep their own; those after share one, which is soon empty.
            let taken = buckets.take(1, rate, key, || usize::MAX, 1);
            assert_eq!(taken.is_ok(), key < MOST + 2, "{key}");
        }
        assert_eq!(buckets.full_at.len(), MOST + 1);
        assert!(buckets.take(1, rate, 0, || usize::MAX, 1).is_ok());
        // Once they are full again they are forgotten.
        assert!(buckets.take(200_000_000_000, rate, MOST + 3, || usize::MAX, 1).is_ok());
        assert_eq!(buckets.full_at.len(), 1);
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
