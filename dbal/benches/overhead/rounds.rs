//! Alternating rounds and their comparison.

use std::time::Instant;

/// The next number of the choice of call `i`, the same on both sides.
pub fn choice(i: usize) -> usize {
    let mut x = (i as u32).wrapping_add(20_240_601).wrapping_mul(2_654_435_761);
    x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (x >> 8) as usize
}

/// Runs both sides in turn and prints their times for one call. Both give numbers made of what they read; their sums
/// must be equal, or the two did not do the same work.
pub fn compare(
    name: &str,
    rounds: usize,
    calls: usize,
    mut raw: impl FnMut(usize) -> i64,
    mut dbal: impl FnMut(usize) -> i64,
) {
    let mut times = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for round in 0..rounds + 2 {
        let from = round * calls;
        let (raw_time, raw_sum) = timed(from, calls, &mut raw);
        let (dbal_time, dbal_sum) = timed(from, calls, &mut dbal);
        assert_eq!(raw_sum, dbal_sum, "{name}: the two sides read different things");
        // The first rounds fill caches.
        if round >= 2 {
            times.0.push(raw_time);
            times.1.push(dbal_time);
        }
    }
    let (raw, dbal) = (quarter(&mut times.0), quarter(&mut times.1));
    println!("{name:<12} {raw:>12.2} {dbal:>12.2} {:>8.2}", dbal / raw);
}

fn timed(from: usize, calls: usize, work: &mut impl FnMut(usize) -> i64) -> (f64, i64) {
    let start = Instant::now();
    let sum = (from..from + calls).map(work).fold(0, i64::wrapping_add);
    (start.elapsed().as_secs_f64() * 1e6 / calls as f64, sum)
}

/// The lowest quarter's edge.
fn quarter(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 4]
}
