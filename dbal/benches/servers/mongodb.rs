//! The work of an application on MongoDB, through dbal and by hand, as ratios of the same run.
//!
//! `DBAL_TEST_MONGODB_URL=... cargo bench -p dbal --features mongodb --bench mongodb`. "By hand" is MongoDB's own driver
//! with typed collections and a runtime on the calling thread. It does what a program would do that knows its data: no
//! transaction around a change, or around a page and its total, and no look at what a new comment refers to. On the tests'
//! server the numbers are mostly the server's.

mod raw_mongodb;
mod work;

use dbal::{Client, Config};

use work::{SCHEMA, Scale};

fn main() {
    let Some(url) = std::env::var("DBAL_TEST_MONGODB_URL").ok().filter(|url| !url.is_empty()) else {
        eprintln!("DBAL_TEST_MONGODB_URL is not set; see cargo xtask servers");
        return;
    };
    // The tests' server writes some hundred rows in a second.
    let scale = Scale { users: 2_000, pages: 500, comments: 5_000, rounds: 10, share: 5 }.quick();
    let (place, options) = url.split_once('?').unwrap_or((&url, ""));
    let options = ["maxPoolSize=8", options].join("&");
    let url = format!("{}/dbal_bench?{}", place.trim_end_matches('/'), options.trim_end_matches('&'));
    let raw = raw_mongodb::Raw::connect(&url);
    raw.drop_database();
    let client = Client::open(Config::url(&url).schema_text(SCHEMA)).expect("opens");
    client.migrate().expect("migrates");
    work::fill(&client, &scale);
    work::run(&raw, client, &scale);
    raw.drop_database();
}
