//! The work of an application on SQLite, through dbal and by hand, as ratios of the same run.
//!
//! `cargo bench -p dbal` prints a line for each operation; `cargo bench -p dbal -- list` only for those named. "By hand" is rusqlite with cached statements, the same
//! pragmas, and rows read into structs with owned text. Both sides work on a file of their own with the same data.
//! Rounds of the two sides alternate, so that a slow moment of the machine hits both; the lowest quarter of the
//! rounds is compared.

mod data;
mod raw;
mod rounds;
mod with_dbal;

use rounds::compare;

fn main() {
    // `cargo test --benches` runs this too: there it only has to start.
    let quick = std::env::args().any(|arg| arg == "--test") || std::env::var_os("DBAL_BENCH_QUICK").is_some();
    let (users, pages, comments, rounds) = if quick { (200, 50, 500, 4) } else { (10_000, 5_000, 100_000, 60) };
    let dir = tempfile::tempdir().expect("a folder for the two databases");
    eprintln!("making {users} users, {pages} pages and {comments} comments, twice ...");
    let data = data::Data::generate(users, pages, comments);
    let raw = raw::Raw::create(&dir.path().join("raw.db"), &data);
    let dbal = with_dbal::Dbal::create(&dir.path().join("dbal.db"), &data);
    println!("{:<12} {:>12} {:>12} {:>8}", "operation", "raw us", "dbal us", "ratio");
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|one| one == name);
    if wanted("read_pk") {
        compare("read_pk", rounds, 2_000, |i| raw.read_pk(data.user(i)), |i| dbal.read_pk(data.user_id(i)));
    }
    if wanted("list") {
        compare("list", rounds, 100, |i| raw.list(data.role(i)), |i| dbal.list(data.role(i)));
    }
    if wanted("insert1") {
        compare("insert1", rounds, 500, |i| raw.insert(&data, i), |i| dbal.insert(&data, i));
    }
    if wanted("update_pk") {
        compare("update_pk", rounds, 500, |i| raw.update(data.user(i), i), |i| dbal.update(data.user_id(i), i));
    }
}
