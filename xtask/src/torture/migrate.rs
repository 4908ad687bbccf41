//! A database of 100,000 rows that is walked through twenty versions of a schema, up and down, and looked at in each; then
//! once more by processes that are killed in front of every statement.

use std::process::{Command, Stdio};
use std::time::Instant;

use dbal_conformance::servers::Servers;
use dbal_conformance::walk::{JOB, Job, LAST, Walk};

/// Rows of the MongoDB database on which processes are killed: what the tests have for a server takes a minute for what
/// others do in a second.
const FEW: i64 = 1_000;

/// Another process of the walk.
pub fn job() -> Result<(), String> {
    let job = std::env::var(JOB).ok().and_then(|text| Job::parse(&text));
    job.ok_or("migrate-job is for torture migrate itself")?.run().map_err(|error| format!("{error:?}"))
}

pub fn run(rows: i64, only: Option<&str>) -> Result<(), String> {
    let servers = Servers::start()?;
    let folder = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    let url = |variable: &str| {
        let started = servers.variables().into_iter().find(|(name, _)| *name == variable).map(|(_, url)| url);
        started.or_else(|| std::env::var(variable).ok()).unwrap_or_default()
    };
    let (postgres, mongodb) =
        (url(dbal_conformance::servers::POSTGRES_URL), url(dbal_conformance::servers::MONGODB_URL));
    let name = |what: &str| format!("dbal_torture_{what}_{}", std::process::id());
    let place = |backend: &str, what: &str| match backend {
        "sqlite" => format!("sqlite:{}", folder.path().join(format!("{what}.db")).display()),
        "postgres" => format!("{postgres}?schema={}&pool_size=4", name(what)),
        _ => {
            let (place, options) = mongodb.split_once('?').unwrap_or((&mongodb, ""));
            // That server answers nobody else while it works, and its monitor is to wait for it.
            format!("{}/{}?{options}&connectTimeoutMS=600000", place.trim_end_matches('/'), name(what))
        }
    };
    for backend in ["sqlite", "postgres", "mongodb"].into_iter().filter(|name| only.is_none_or(|only| only == *name)) {
        walk(backend, &place(backend, "walk"), rows).map_err(|error| format!("{backend}: {error:?}"))?;
        let kept = if backend == "mongodb" { FEW.min(rows) } else { rows };
        killed(backend, &place(backend, "killed"), kept).map_err(|error| format!("{backend}: {error:?}"))?;
    }
    Ok(())
}

fn walk(backend: &str, url: &str, rows: i64) -> dbal::Result<()> {
    let start = Instant::now();
    let mut walk = Walk::begin(url, rows, true)?;
    println!("{backend}: {rows} rows written in {:.1?}", start.elapsed());
    let mut slowest = (std::time::Duration::ZERO, String::new());
    for (version, back) in (2..=LAST).map(|version| (version, false)).chain((2..=LAST).rev().map(|v| (v, true))) {
        let took = if back { walk.down(version)? } else { walk.up(version)? };
        println!("{backend}: {} {version} in {took:.1?}", if back { "back from" } else { "to" });
        if took > slowest.0 {
            slowest = (took, format!("{} {version}", if back { "back from" } else { "to" }));
        }
    }
    println!("{backend}: all in {:.1?}, the longest {} in {:.1?}", start.elapsed(), slowest.1, slowest.0);
    Ok(())
}

fn killed(backend: &str, url: &str, rows: i64) -> dbal::Result<()> {
    let start = Instant::now();
    let mut walk = Walk::begin(url, rows, true)?;
    let spawn = |job: &Job| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["torture", "migrate-job"]).env(JOB, job.to_text()).stdout(Stdio::null()).status()
    };
    let mut dead = 0;
    for (version, back) in (2..=LAST).map(|version| (version, false)).chain((2..=LAST).rev().map(|v| (v, true))) {
        dead += walk.killed(version, back, &spawn)?;
    }
    let took = start.elapsed();
    println!("{backend}: over {rows} rows {dead} processes died, each in front of another statement, in {took:.1?}");
    Ok(())
}
