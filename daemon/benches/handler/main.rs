//! The daemon against a handler written by hand: the same reads of the same SQLite file over HTTP, in alternating rounds of
//! one run.
//!
//! The daemon does what it does in production: a session's token, row rules, an audit line for each request, metrics. The
//! handler (`by_hand`) does none of that. `cargo bench -p dbal-daemon --bench handler`.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop")]

mod by_hand;
mod load;
mod place;

use std::process::ExitCode;
use std::time::Duration;

use load::{Ask, Measured};
use place::{Place, Server};

/// Rounds, and how long each takes.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(1_500);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, database] = arguments.as_slice()
        && word == by_hand::WORD
    {
        return by_hand::serve(database);
    }
    let place = Place::new();
    let (hand, daemon) = (Server::by_hand(&place), Server::daemon(&place));
    println!(
        "daemon: listening after {:.0} ms, {:.1} MiB when idle",
        daemon.started.as_secs_f64() * 1e3,
        daemon.memory()
    );
    println!("| | by hand, a second | daemon, a second | ratio | p50, us | p99, us | p99 ratio |");
    println!("|---|---|---|---|---|---|---|");
    let mut good = true;
    for (name, path) in place.asked() {
        for in_flight in [1, 16] {
            let ask = |token: Option<&str>| Ask::get(&path, token);
            let (by_hand, by_daemon) = (ask(None), ask(Some(&place.token)));
            assert_eq!(load::body(hand.address, &by_hand), load::body(daemon.address, &by_daemon), "the same rows");
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                first.push(load::run(hand.address, &by_hand, in_flight, ROUND));
                second.push(load::run(daemon.address, &by_daemon, in_flight, ROUND));
            }
            let (first, second) = (Measured::middle(first), Measured::middle(second));
            let (ratio, tail) = (second.rate / first.rate, second.p99 / first.p99);
            good &= ratio >= 0.5 && tail <= 3.0;
            println!(
                "| {name}, {in_flight} in flight | {:.0} | {:.0} | {ratio:.2} | {:.0} / {:.0} | {:.0} / {:.0} | {tail:.2} |",
                first.rate, second.rate, first.p50, second.p50, first.p99, second.p99
            );
        }
    }
    println!("daemon: {:.1} MiB after all of it", daemon.memory());
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
