//! `cargo xtask conformance`: every case on every backend and both faces; `--report` writes what came of it as a page.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use dbal::adapter::memory;
use dbal::adapter::mongodb::MongoAdapter;
use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::sqlite::SqliteAdapter;
use dbal::capability::{Capabilities, Support};
use dbal_conformance::servers::{MONGODB_PACKAGE, MONGODB_URL, POSTGRES_URL, Servers};
use dbal_conformance::{Backend, Case, Face, Host as _, RustHost, Suite, Verdict, run};

/// Where the page is.
const PAGE: &str = "docs/conformance.md";

/// Cases under way: they wait for servers more than for a core.
const WORKERS: usize = 4;

const BACKENDS: [(Backend, &str, &Capabilities); 4] = [
    (Backend::Memory, "memory", &memory::CAPABILITIES),
    (Backend::Sqlite, "SQLite", &SqliteAdapter::CAPABILITIES),
    (Backend::Postgres, "PostgreSQL", &PostgresAdapter::CAPABILITIES),
    (Backend::Mongodb, "MongoDB", &MongoAdapter::CAPABILITIES),
];

/// What came of the cases of a section on a backend, both faces together.
#[derive(Clone, Copy, Default)]
struct Count {
    passed: usize,
    emulated: usize,
    unsupported: usize,
    differs: usize,
    failed: usize,
}

/// Runs the cases; the page is written if all is well.
pub fn command(options: &[&str]) -> Result<(), String> {
    let report = match options {
        [] => false,
        ["--report"] => true,
        _ => return Err(format!("conformance takes --report or nothing; not {}", options.join(" "))),
    };
    let servers = Servers::start()?;
    // Hosts find the servers by variables, which only another process can be given.
    if !servers.variables().is_empty() {
        let mut again = Command::new(std::env::current_exe().map_err(|fault| fault.to_string())?);
        let status = again.arg("conformance").args(options).envs(servers.variables()).status();
        return match status.is_ok_and(|status| status.success()) {
            true => Ok(()),
            false => Err("the cases did not pass".into()),
        };
    }
    let root = crate::root();
    let suite = Suite::load(&root.join("common")).map_err(|faults| faults.to_string())?;
    let begun = Instant::now();
    let mut sections: BTreeMap<&str, [Count; BACKENDS.len()]> = BTreeMap::new();
    let mut told = Vec::new();
    for (column, (backend, name, capabilities)) in BACKENDS.iter().enumerate() {
        for face in [Face::Blocking, Face::Awaited] {
            let host = RustHost::new(*backend, face).map_err(|failure| format!("{name}: {}", failure.message))?;
            for (case, verdict) in all(&suite, &host) {
                let section = case.file.split('/').next().unwrap_or_default();
                let count = &mut sections.entry(section).or_default()[column];
                let emulated = |name: &String| {
                    let mut known = capabilities.list().into_iter();
                    known.any(|(known, support)| known == name && support == Support::Emulated)
                };
                match verdict {
                    Verdict::Passed if case.requires.iter().any(emulated) => count.emulated += 1,
                    Verdict::Passed => count.passed += 1,
                    Verdict::Rejected => count.unsupported += 1,
                    Verdict::Differs(_) => count.differs += 1,
                    Verdict::Pending(why) | Verdict::Failed(why) => {
                        count.failed += 1;
                        told.push(format!("{} {}::{}\n{why}", host.name(), case.file, case.name));
                    }
                }
            }
            println!("{} done after {:.0} s", host.name(), begun.elapsed().as_secs_f64());
        }
    }
    if !told.is_empty() {
        return Err(format!("{}\n{} cases failed; no page was written", told.join("\n"), told.len()));
    }
    let page = page(&suite, &sections, begun);
    match report {
        true => std::fs::write(root.join(PAGE), page).map_err(|fault| format!("{PAGE}: {fault}")),
        false => {
            println!("{page}");
            Ok(())
        }
    }
}

/// Every case on a host, several at a time.
fn all<'s>(suite: &'s Suite, host: &RustHost) -> Vec<(&'s Case, Verdict)> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    while let Some(case) = suite.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        done.push((&**case, run(case, suite.fixture(case), host)));
                    }
                    done
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a case fails and does not panic")).collect()
    })
}

fn page(suite: &Suite, sections: &BTreeMap<&str, [Count; BACKENDS.len()]>, begun: Instant) -> String {
    let mut text = String::from(
        "<!-- Written by `cargo xtask conformance --report`. Do not edit. -->\n\n# Conformance\n\n\
         What came of the cases below `common/contracts` on each backend, each of them asked through `Client` and through \
         `AsyncClient`: so every case counts twice.\n\n\
         - **passed**: every answer was as the case says.\n\
         - **emulated**: so it was, with a capability that the case requires and that the engine emulates there.\n\
         - **unsupported**: a capability that the case requires is missing, and the request was rejected before it was \
         sent, with CAPABILITY_NOT_SUPPORTED naming it.\n\n",
    );
    let differing: Vec<&Case> =
        suite.cases.iter().filter(|case| !case.differs.is_empty()).map(|case| &**case).collect();
    text += &format!("Cases where a backend may answer otherwise: {}", differing.len());
    text += &match differing.is_empty() {
        true => ".\n".to_owned(),
        false => {
            let lines = differing.iter().flat_map(|case| {
                case.differs
                    .iter()
                    .map(|(backend, why)| format!("\n- {}::{} on {backend}: {why}", case.file, case.name))
            });
            format!("\n{}\n", lines.collect::<String>())
        }
    };
    text += &format!(
        "\nMade on {}, in {:.0} s, of {} cases, with {}, {} and {}.\n",
        dbal::DateTime::now().to_string().split('T').next().unwrap_or_default(),
        begun.elapsed().as_secs_f64(),
        suite.cases.len(),
        version("rustc", &["--version"]),
        postgres(),
        mongodb(),
    );
    text += "\n| section |";
    for (_, name, _) in BACKENDS {
        text += &format!(" {name} |");
    }
    text += "\n|---|---|---|---|---|\n";
    let mut sum = [Count::default(); BACKENDS.len()];
    for (section, counts) in sections {
        text += &format!("| {section} |");
        for (count, sum) in counts.iter().zip(&mut sum) {
            text += &format!(" {} |", shown(*count));
            sum.passed += count.passed;
            sum.emulated += count.emulated;
            sum.unsupported += count.unsupported;
            sum.differs += count.differs;
        }
        text += "\n";
    }
    text += "| **all** |";
    for sum in sum {
        text += &format!(" {} |", shown(sum));
    }
    text + "\n"
}

fn shown(count: Count) -> String {
    let Count { passed, emulated, unsupported, differs, failed } = count;
    let parts = [
        (passed, "passed"),
        (emulated, "emulated"),
        (unsupported, "unsupported"),
        (differs, "different"),
        (failed, "failed"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    parts.join(", ")
}

fn version(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    let asked = Command::new(program.as_ref()).args(arguments).output();
    asked.ok().map_or_else(String::new, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn postgres() -> String {
    let server = std::env::var(POSTGRES_URL).is_ok().then(dbal_conformance::servers::postgres_version).flatten();
    server.unwrap_or_else(|| "a PostgreSQL server".to_owned())
}

fn mongodb() -> String {
    match std::env::var_os(MONGODB_URL) {
        Some(_) => format!("{MONGODB_PACKAGE} for MongoDB"),
        None => "no MongoDB".to_owned(),
    }
}
