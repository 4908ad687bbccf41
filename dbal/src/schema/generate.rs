//! Values that the engine makes: ids, tokens, the present instant.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Generator;
use crate::value::{DateTime, Uuid, Value};

/// A new value. A sequence is made by the backend as it writes the row: null stands for it here.
///
/// ```
/// use dbal::schema::{generate::generate, Generator};
/// let token = generate(Generator::Token);
/// assert_eq!(token.as_str().unwrap().len(), 43);
/// ```
pub fn generate(generator: Generator) -> Value {
    match generator {
        Generator::Uuid => Value::Uuid(uuid()),
        Generator::Cuid => Value::Text(cuid()),
        Generator::Sequence => Value::Null,
        Generator::Now => Value::DateTime(DateTime::now()),
        Generator::Token => {
            let mut secret = [0; 32];
            fill(&mut secret);
            Value::Text(URL_SAFE_NO_PAD.encode(secret))
        }
    }
}

/// A version 7 UUID. Those of one thread ascend, so that new rows stand together at the end of an index: within a
/// millisecond, and while the clock runs back a little, each is the one before plus a random step.
fn uuid() -> Uuid {
    /// 62 bits of `rand_b`, 12 bits of `rand_a`.
    const RANDOM_BITS: u32 = 74;
    let now = DateTime::now().epoch_millis().unsigned_abs();
    SOURCE.with_borrow_mut(|source| {
        source.check_process();
        let step = u128::from(u32::from_le_bytes(source.take())) + 1;
        let last = source.last_millis;
        let next = source.last_random + step;
        if now <= last && last - now < 10_000 && next >> RANDOM_BITS == 0 {
            source.last_random = next;
        } else {
            // The top bit is left clear: room for steps.
            let random = u128::from_le_bytes(source.take());
            source.last_random = random >> (128 - RANDOM_BITS + 1);
            // Ran out of room within a millisecond: the next one lends its name.
            source.last_millis = if now == last { now + 1 } else { now };
        }
        let (millis, random) = (u128::from(source.last_millis), source.last_random);
        const VERSION: u128 = 0x7 << 76;
        const VARIANT: u128 = 0b10 << 62;
        Uuid::from_u128(millis << 80 | VERSION | random >> 62 << 64 | VARIANT | random & ((1 << 62) - 1))
    })
}

/// 24 characters that no one guesses and no two machines share: a letter, then letters and digits.
fn cuid() -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    SOURCE.with_borrow_mut(|source| {
        source.check_process();
        let mut id = String::with_capacity(24);
        while id.len() < 24 {
            let choices = if id.is_empty() { 26 } else { 36 };
            let [byte] = source.take();
            // Bytes beyond the last multiple would make the first characters likelier.
            if usize::from(byte) < 256 / choices * choices {
                id.push(char::from(ALPHABET[usize::from(byte) % choices]));
            }
        }
        id
    })
}

thread_local! {
    static SOURCE: RefCell<Source> = const { RefCell::new(Source::new()) };
}

/// Random bytes fetched many at a time, because each fetch is a call into the kernel.
struct Source {
    bytes: [u8; 512],
    used: usize,
    /// The process that fetched them: after a fork the child must not hand out the same ones.
    process: u32,
    last_millis: u64,
    last_random: u128,
}

impl Source {
    const fn new() -> Self {
        Source { bytes: [0; 512], used: 512, process: 0, last_millis: 0, last_random: 0 }
    }

    /// Forgets everything in the child of a fork. Once for each value made: it is a call into the kernel as well, but a
    /// cheap one.
    fn check_process(&mut self) {
        let process = std::process::id();
        if self.process != process {
            *self = Source { process, ..Source::new() };
        }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > self.bytes.len() {
            fill(&mut self.bytes);
            self.used = 0;
        }
        let taken = &mut self.bytes[self.used..self.used + N];
        self.used += N;
        let mut out = [0; N];
        out.copy_from_slice(taken);
        // What was handed out may be part of an id that nobody should guess; it does not stay behind.
        taken.fill(0);
        out
    }
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("an operating system without randomness runs no database");
}
