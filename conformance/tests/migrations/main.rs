//! A database that lives through twenty versions of a schema, up and down, with processes that are killed on the way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod meeting;
mod partial;
mod places;

use std::process::{Command, Stdio};

use dbal_conformance::walk::{JOB, Job, LAST, Walk};

use places::{Place, mongodb, postgres, sqlite};

/// Rows of a test; `cargo xtask torture migrate` takes more.
const ROWS: i64 = 300;

/// Another process that makes one migration. By itself it does nothing.
#[test]
fn job() {
    if let Some(job) = std::env::var(JOB).ok().and_then(|text| Job::parse(&text)) {
        job.run().unwrap();
    }
}

fn spawn(job: &Job) -> std::io::Result<std::process::ExitStatus> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["job", "--exact", "--test-threads", "1"]).env(JOB, job.to_text());
    command.stdout(Stdio::null()).status()
}

fn walk(place: Option<Place>, history: bool) {
    let Some(place) = place else { return };
    let mut walk = Walk::begin(&place.url, ROWS, history).unwrap();
    walk.look(1).unwrap();
    for version in 2..=LAST {
        walk.up(version).unwrap();
    }
    for version in (2..=LAST).rev() {
        walk.down(version).unwrap();
    }
}

/// Versions on the way to which processes die where starting one takes long; `cargo xtask torture migrate` lets them die
/// on the way to all.
const SOME: [usize; 8] = [3, 4, 7, 8, 11, 12, 13, 16];

fn killed(place: Option<Place>, dying: impl Fn(usize) -> bool, least: usize) {
    let Some(place) = place else { return };
    let mut walk = Walk::begin(&place.url, 50, true).unwrap();
    let mut dead = 0;
    for version in 2..=LAST {
        match dying(version) {
            true => dead += walk.killed(version, false, &spawn).unwrap(),
            false => drop(walk.up(version).unwrap()),
        }
    }
    for version in (2..=LAST).rev() {
        match dying(version) {
            true => dead += walk.killed(version, true, &spawn).unwrap(),
            false => drop(walk.down(version).unwrap()),
        }
    }
    assert!(dead >= least, "only {dead} processes died");
}

#[test]
fn sqlite_walks_through_twenty_versions() {
    walk(sqlite(), true);
}

#[test]
fn sqlite_walks_without_a_history_at_first() {
    walk(sqlite(), false);
}

#[test]
fn sqlite_survives_death_at_every_statement() {
    killed(sqlite(), |_| true, 100);
}

#[test]
fn postgres_walks_through_twenty_versions() {
    walk(postgres("walk"), true);
}

#[test]
fn postgres_walks_without_a_history_at_first() {
    walk(postgres("adopt"), false);
}

#[test]
fn postgres_survives_death_at_every_statement() {
    killed(postgres("killed"), |_| true, 80);
}

#[test]
fn mongodb_walks_through_twenty_versions() {
    walk(mongodb("walk"), true);
}

#[test]
fn mongodb_walks_without_a_history_at_first() {
    walk(mongodb("adopt"), false);
}

#[test]
fn mongodb_survives_death_at_every_statement() {
    killed(mongodb("killed"), |version| SOME.contains(&version), 80);
}
