//! The work of an application on SQLite, through dbal and by hand, as ratios of the same run.
//!
//! `cargo bench -p dbal` prints a line for each operation; `cargo bench -p dbal -- list` only for those named. "By
//! hand" is rusqlite as somebody writes it who knows it: cached statements, the same pragmas and indexes, rows read
//! into structs with owned text. Both sides work on a file of their own with the same data, and each call gives a
//! number made of what it read; the numbers must be equal. Rounds of the two sides alternate, so that a slow moment of
//! the machine hits both. Printed are the medians of ten rounds each taken together, and that of their ratios.

mod awaited;
mod data;
mod raw;
mod rounds;
mod with_dbal;

use awaited::InFlight;
use rounds::Rounds;

fn main() {
    // `cargo test --benches` runs this too: there it only has to start.
    let quick = std::env::args().any(|arg| arg == "--test") || std::env::var_os("DBAL_BENCH_QUICK").is_some();
    let (users, pages, comments) = if quick { (200, 50, 500) } else { (10_000, 5_000, 100_000) };
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let rounds = Rounds { rounds: if quick { 4 } else { 60 }, quick, named };
    let dir = tempfile::tempdir().expect("a folder for the two databases");
    let (raw_path, dbal_path) = (dir.path().join("raw.db"), dir.path().join("dbal.db"));
    eprintln!("making {users} users, {pages} pages and {comments} comments, twice ...");
    let data = data::Data::generate(users, pages, comments);
    let raw = raw::Raw::create(&raw_path, &data);
    let dbal = with_dbal::Dbal::create(&dbal_path, &data);
    println!("{:<14} {:>12} {:>12} {:>8}", "operation", "raw us", "dbal us", "ratio");
    rounds.compare("read_pk", 2_000, |i| raw.read_pk(data.user(i)), |i| dbal.read_pk(data.user_id(i)));
    rounds.compare("list", 100, |i| raw.list(data.role(i)), |i| dbal.list(data.role(i)));
    rounds.compare("join_nested", 10, |_| raw.join_nested(), |_| dbal.join_nested());
    rounds.compare("join_flat", 10, |_| raw.join_flat(), |_| dbal.join_flat());
    rounds.compare("agg", 1, |_| raw.agg(), |_| dbal.agg());
    rounds.compare("stream10k", 1, |_| raw.stream10k(), |_| dbal.stream10k());
    rounds.compare("insert1", 500, |i| raw.insert(&data, i), |i| dbal.insert(&data, i));
    rounds.compare("update_pk", 500, |i| raw.update(data.user(i), i), |i| dbal.update(data.user_id(i), i));
    rounds.compare("bulk100", 10, |i| raw.bulk(&data, i), |i| dbal.bulk(&data, i));
    // A raw read that blocks, against as many reads of which 32 are always awaited.
    let in_flight = InFlight::new(dbal.client());
    rounds.compare_bursts(
        "read_pk@32",
        3_200,
        |calls| calls.map(|i| raw.read_pk(data.user(i))).fold(0, i64::wrapping_add),
        |calls| in_flight.read_pk(&data, calls),
    );
    // From nothing to the first row: what a short-lived process or a test pays.
    rounds.compare(
        "open",
        5,
        |i| raw::Raw::open(&raw_path).read_pk(data.user(i)),
        |i| with_dbal::Dbal::open(&dbal_path).read_pk(data.user_id(i)),
    );
}
