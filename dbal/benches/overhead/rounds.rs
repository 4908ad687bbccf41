//! Alternating rounds and their comparison.

use std::ops::Range;
use std::time::Instant;

/// The next number of the choice of call `i`, the same on both sides.
pub fn choice(i: usize) -> usize {
    let mut x = (i as u32).wrapping_add(20_240_601).wrapping_mul(2_654_435_761);
    x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (x >> 8) as usize
}

pub struct Rounds {
    pub rounds: usize,
    /// A tenth of the calls.
    pub quick: bool,
    /// Only these operations; all when empty.
    pub named: Vec<String>,
}

impl Rounds {
    /// Runs both sides in turn and prints their times for one call. Both give numbers made of what they read; their
    /// sums must be equal, or the two did not do the same work.
    pub fn compare(
        &self,
        name: &str,
        calls: usize,
        mut raw: impl FnMut(usize) -> i64,
        mut dbal: impl FnMut(usize) -> i64,
    ) {
        self.compare_bursts(
            name,
            calls,
            |calls| calls.map(&mut raw).fold(0, i64::wrapping_add),
            |calls| calls.map(&mut dbal).fold(0, i64::wrapping_add),
        );
    }

    /// The same for sides that are given all calls of a round at once.
    pub fn compare_bursts(
        &self,
        name: &str,
        calls: usize,
        mut raw: impl FnMut(Range<usize>) -> i64,
        mut dbal: impl FnMut(Range<usize>) -> i64,
    ) {
        if !self.named.is_empty() && !self.named.iter().any(|one| one == name) {
            return;
        }
        let calls = if self.quick { calls.div_ceil(10) } else { calls };
        let mut times = Vec::with_capacity(self.rounds);
        for round in 0..self.rounds + 2 {
            let from = round * calls;
            // Whoever comes second may find the processor's caches warmer, or colder.
            let (raw, dbal) = if round % 2 == 0 {
                let first = timed(from..from + calls, &mut raw);
                (first, timed(from..from + calls, &mut dbal))
            } else {
                let first = timed(from..from + calls, &mut dbal);
                (timed(from..from + calls, &mut raw), first)
            };
            assert_eq!(raw.1, dbal.1, "{name}: the two sides read different things");
            // The first rounds fill caches.
            if round >= 2 {
                times.push((raw.0, dbal.0));
            }
        }
        // Of ten rounds together, of which each side began five: where the second finds more in the caches than the first, or
        // where the log goes into the file in one round of several, single rounds lie on two sides of a gap, and their
        // middle is on either.
        let together: Vec<(f64, f64)> = times
            .chunks_exact(times.len().min(10))
            .map(|rounds| rounds.iter().fold((0.0, 0.0), |(raw, dbal), round| (raw + round.0, dbal + round.1)))
            .collect();
        let rounds = times.len().min(10) as f64;
        let raw = median(together.iter().map(|(raw, _)| raw / rounds));
        let dbal = median(together.iter().map(|(_, dbal)| dbal / rounds));
        let ratio = median(together.iter().map(|(raw, dbal)| dbal / raw));
        println!("{name:<14} {raw:>12.2} {dbal:>12.2} {ratio:>8.2}");
    }
}

fn timed(calls: Range<usize>, work: &mut impl FnMut(Range<usize>) -> i64) -> (f64, i64) {
    let count = calls.len();
    let start = Instant::now();
    let sum = work(calls);
    (start.elapsed().as_secs_f64() * 1e6 / count as f64, sum)
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
