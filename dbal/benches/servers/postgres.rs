//! The work of an application on PostgreSQL, through dbal and by hand, as ratios of the same run.
//!
//! `DBAL_TEST_POSTGRES_URL=... cargo bench -p dbal --features postgres --bench postgres`. "By hand" is tokio-postgres
//! with prepared statements, one connection, and a runtime on the calling thread, which is the cheapest there is.

mod raw_postgres;
mod work;

use dbal::{Client, Config};

use work::{SCHEMA, Scale};

fn main() {
    let Some(url) = std::env::var("DBAL_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty()) else {
        eprintln!("DBAL_TEST_POSTGRES_URL is not set; see cargo xtask servers");
        return;
    };
    let scale = Scale { users: 10_000, pages: 5_000, comments: 50_000, rounds: 30, share: 1 }.quick();
    let open = || {
        let config = Config::url(&format!("{url}?schema=dbal_bench&pool_size=8"));
        Client::open(config.schema_text(SCHEMA)).expect("opens")
    };
    let raw = raw_postgres::Raw::connect(&url);
    raw.execute("DROP SCHEMA IF EXISTS dbal_bench CASCADE");
    open().migrate().expect("migrates");
    work::fill(&open(), &scale);
    raw.execute("ANALYZE");
    let raw = raw.prepare(&url);
    work::run(&raw, open(), &scale);
    raw.execute("DROP SCHEMA dbal_bench CASCADE");
}
