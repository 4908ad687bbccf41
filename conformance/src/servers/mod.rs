//! Database servers of our own, for tests: started on a spare port of this machine with their data in a temporary
//! folder, and stopped when their handle is dropped or when the process that started them ends, however it ends.

mod guard;
mod mongo;
mod postgres;

use std::time::{Duration, Instant};

pub use mongo::{Mongodb, PACKAGE as MONGODB_PACKAGE};
pub use postgres::{Postgres, version as postgres_version};

/// Where the tests find a PostgreSQL database in which they may create and drop schemas.
pub const POSTGRES_URL: &str = "DBAL_TEST_POSTGRES_URL";
/// Where the tests find a MongoDB server on which they may create and drop databases.
pub const MONGODB_URL: &str = "DBAL_TEST_MONGODB_URL";

/// How long a server may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The servers that the tests use.
#[derive(Debug)]
pub struct Servers {
    postgres: Option<Postgres>,
    mongodb: Option<Mongodb>,
}

impl Servers {
    /// Starts those that the environment does not name already.
    ///
    /// # Errors
    /// Which server could not be started, why, and what cures it; what was started is stopped again.
    pub fn start() -> Result<Servers, String> {
        let wanted = |name: &str| std::env::var_os(name).is_none_or(|url| url.is_empty());
        // Both at once: each takes a second or two to come up.
        let (postgres, mongodb) = std::thread::scope(|scope| {
            let mongodb = wanted(MONGODB_URL).then(|| scope.spawn(Mongodb::start));
            let postgres = wanted(POSTGRES_URL).then(Postgres::start);
            let panicked = |_| Err("the thread that started MongoDB panicked".to_owned());
            (postgres, mongodb.map(|thread| thread.join().unwrap_or_else(panicked)))
        });
        match (postgres.transpose(), mongodb.transpose()) {
            (Ok(postgres), Ok(mongodb)) => Ok(Servers { postgres, mongodb }),
            (postgres, mongodb) => {
                let faults: Vec<String> = [postgres.err(), mongodb.err()].into_iter().flatten().collect();
                Err(faults.join("\n"))
            }
        }
    }

    /// The variables by which tests find the servers that were started.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let postgres = self.postgres.as_ref().map(|server| (POSTGRES_URL, server.url()));
        let mongodb = self.mongodb.as_ref().map(|server| (MONGODB_URL, server.url()));
        postgres.into_iter().chain(mongodb).collect()
    }

    /// What a server said last, if one has stopped by itself.
    pub fn stopped(&mut self) -> Option<String> {
        let postgres = self.postgres.as_mut().and_then(Postgres::stopped);
        postgres.or_else(|| self.mongodb.as_mut().and_then(Mongodb::stopped))
    }
}

/// A port of the loopback interface that nobody listens on now.
fn spare_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|fault| format!("no port is free: {fault}"))
}

/// Asks until there is an answer; the error is the server's log if it ended, or a line of ours after a minute.
fn wait_until(guard: &mut guard::Guard, mut answers: impl FnMut() -> bool) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        if answers() {
            return Ok(());
        }
        if let Some(log) = guard.stopped() {
            return Err(log);
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("it did not answer within {} s; {}", PATIENCE.as_secs(), guard.log()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
