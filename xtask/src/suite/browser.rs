//! Clients of a daemon in plain JavaScript: the cases in Node and in Chromium, the page of the example in Chromium, and
//! how large the client is in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::counts::Counts;
use super::setup;
use super::stage::{cargo, output, remote_cases, succeed};
use crate::node;

/// Runs a choice of the cases, and looks at the page.
pub fn run(counts: &mut Counts) -> Result<(), String> {
    node::ensure()?;
    let chromium = setup::chromium()?;
    let tools = node::consumer::tools()?;
    counts.run(cases(&tools, &chromium, false))?;
    page(&tools, &chromium)
}

/// All cases on every client of a daemon, for `cargo xtask torture`.
pub fn all_cases() -> Result<(), String> {
    node::ensure()?;
    let chromium = setup::chromium()?;
    let tools = node::consumer::tools()?;
    let mut counts = Counts::default();
    counts.run(cases(&tools, &chromium, true))?;
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(())
}

fn cases(tools: &Path, chromium: &Path, all: bool) -> Command {
    let mut cases = remote_cases(if all { "rust,awaited,web,http,browser" } else { "web,http,browser" });
    cases.env("DBAL_REMOTE_CASES", if all { "all" } else { "some" });
    cases.env("DBAL_NODE_TOOLS", tools).env("DBAL_CHROMIUM", chromium);
    cases
}

/// A daemon until this is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, which the page has noticed then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds the example's page with Vite, and looks at it beside a daemon, as its README says.
fn page(tools: &Path, chromium: &Path) -> Result<(), String> {
    const ORIGIN: &str = "http://127.0.0.1:5173";
    let place = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    let (example, app) = (crate::root().join("examples/browser"), place.path().join("app"));
    node::consumer::copy(&example, &app)?;
    let package = app.join("node_modules/@metabuilder/dbal");
    node::package::unpacked(&package)?;
    let port = free_port()?;
    let vite = tools.join("node_modules/vite/bin/vite.js");
    for arguments in [
        &["build", "--logLevel", "warn"][..],
        &["build", "--logLevel", "warn", "--ssr", "src/main.js", "--outDir", "ssr"],
    ] {
        let mut build = Command::new("node");
        build.arg(&vite).args(arguments).current_dir(&app).stdin(Stdio::null());
        build.env("VITE_DBAL_ENDPOINT", format!("localhost:{port}"));
        succeed(build)?;
    }
    small(&app)?;

    succeed(cargo(&["build", "--quiet", "--workspace"]))?;
    let program = |name: &str| -> Result<PathBuf, String> {
        Ok(node::programs()?.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
    };
    let schema = crate::root().join("api/schema");
    let url = format!("sqlite:{}", app.join("app.db").display());
    let dbal = |arguments: &[&str]| -> Result<Command, String> {
        let mut dbal = Command::new(program("dbal")?);
        dbal.args(arguments).arg("--url").arg(&url).arg("--schema").arg(&schema).stdin(Stdio::null());
        Ok(dbal)
    };
    output(dbal(&["migrate"])?)?;
    output(dbal(&["seed", &crate::root().join("examples/seed.yaml").display().to_string()])?)?;
    let token = output(dbal(&["token", "issue", "ada", "--for", "1h"])?)?;

    let config = crate::read(&app.join("dbal.yaml"))?
        .replace("127.0.0.1:50051", &format!("127.0.0.1:{port}"))
        .replace("  # Where the page", "  admin_bind: \"127.0.0.1:0\"\n  # Where the page")
        .replace("../../api/schema", &schema.display().to_string())
        .replace("../acl.yaml", &crate::root().join("examples/acl.yaml").display().to_string());
    std::fs::write(app.join("dbal.yaml"), config).map_err(|fault| format!("dbal.yaml: {fault}"))?;
    let mut daemon = Command::new(program("dbal-daemon")?);
    daemon.arg("--config=dbal.yaml").env("DATABASE_URL", &url).current_dir(&app).stdin(Stdio::null());
    let _daemon = Daemon(daemon.spawn().map_err(|fault| format!("the daemon cannot be started: {fault}"))?);
    listens(port)?;

    let mut check = Command::new("node");
    check.arg(app.join("check.mjs")).arg(app.join("dist")).args([
        ORIGIN,
        token.trim().lines().last().unwrap_or(""),
        "ada",
    ]);
    check.env("DBAL_NODE_TOOLS", tools).env("DBAL_CHROMIUM", chromium).stdin(Stdio::null());
    succeed(check)
}

/// The client is small, and takes nothing that browsers lack.
fn small(app: &Path) -> Result<(), String> {
    const MOST: usize = 15_000;
    let script = "
        import { readdirSync, readFileSync } from 'node:fs'
        import { gzipSync } from 'node:zlib'
        const folder = process.argv[1] + '/dist/assets/'
        const text = readdirSync(folder).filter((name) => name.endsWith('.js')).map((name) => readFileSync(folder + name, 'utf8')).join('')
        if (/[\"']node:|require\\(/.test(text)) throw new Error('the page takes something that only Node has')
        console.log(gzipSync(text, { level: 9 }).length)";
    let mut measure = Command::new("node");
    measure.args(["--input-type=module", "-e", script]).arg(app).stdin(Stdio::null());
    let length: usize = output(measure)?.trim().parse().map_err(|_| "the page could not be measured")?;
    println!("the page with the whole client: {length} bytes gzipped, at most {MOST}");
    if length <= MOST { Ok(()) } else { Err(format!("the page has {length} bytes gzipped, more than {MOST}")) }
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|fault| format!("there is no free port: {fault}"))
}

fn listens(port: u16) -> Result<(), String> {
    for _ in 0..300 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Err("the daemon does not listen".into())
}
