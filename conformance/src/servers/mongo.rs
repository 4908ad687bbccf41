//! A server that speaks MongoDB's protocol over its storage engine: `secantusd-py`, a single-node replica set. No
//! server of MongoDB Inc. comes with the systems that this is tested on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::guard::{Guard, folder};
use super::{spare_port, wait_until};

/// The version that the tests were written against.
pub const PACKAGE: &str = "secantusdb==0.7.0b3";
const CURE: &str = "install python3 (3.10 or newer) with its venv module, and let pip reach its package index";

/// `{ hello: 1, $db: "admin" }` as one message of the wire protocol.
#[rustfmt::skip]
const HELLO: &[u8] = &[
    // The message: its length, its number, whom it answers, its kind (2013), flags, and one document.
    52, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 221, 7, 0, 0, 0, 0, 0, 0, 0,
    31, 0, 0, 0,
    16, b'h', b'e', b'l', b'l', b'o', 0, 1, 0, 0, 0,
    2, b'$', b'd', b'b', 0, 6, 0, 0, 0, b'a', b'd', b'm', b'i', b'n', 0,
    0,
];

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Mongodb {
    port: u16,
    python: PathBuf,
    /// None between a crash and the next start.
    guard: Option<Guard>,
    folder: TempDir,
}

impl Mongodb {
    /// Starts a server on empty data. The package is installed once, into a virtual environment in the user's cache.
    ///
    /// # Errors
    /// Why it does not run, and what to do.
    pub fn start() -> Result<Mongodb, String> {
        let told = |why: String| format!("MongoDB: {why}");
        let python = python().map_err(|why| told(format!("{why}\ncure: {CURE}")))?;
        let folder = folder(None).map_err(told)?;
        // An empty configuration, so that none of the machine is found.
        let config = folder.path().join("config.toml");
        std::fs::write(&config, "").map_err(|fault| told(fault.to_string()))?;
        let port = spare_port().map_err(told)?;
        let mut server = Mongodb { port, python, guard: None, folder };
        server.start_again()?;
        Ok(server)
    }

    /// Starts the server again on the data that it left.
    ///
    /// # Errors
    /// Why it does not run.
    pub fn start_again(&mut self) -> Result<(), String> {
        let told = |why: String| format!("MongoDB: {why}");
        let folder = self.folder.path();
        let (number, data) = (self.port.to_string(), folder.join("data").display().to_string());
        let config = folder.join("config.toml").display().to_string();
        let words = ["-m", "secantus", "--host", "127.0.0.1", "--port", &number, "--storage-path", &data];
        let arguments = words.into_iter().chain(["--config", &config]).map(str::to_owned).collect::<Vec<_>>();
        let mut guard = Guard::start(folder, None, "TERM", &self.python, &arguments).map_err(told)?;
        let port = self.port;
        wait_until(&mut guard, || answers(port)).map_err(told)?;
        self.guard = Some(guard);
        Ok(())
    }

    /// Ends the server at once, as a crash would. The data stay, for [`Mongodb::start_again`].
    ///
    /// # Errors
    /// When there is no server to end.
    pub fn crash(&mut self) -> Result<(), String> {
        self.guard.take().ok_or("no server runs")?.crash("KILL")
    }

    /// Sends a signal to the server: `STOP` and `CONT` make it hang and go on.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn signal(&self, name: &str) -> Result<(), String> {
        self.guard.as_ref().ok_or("no server runs")?.signal(name)
    }

    /// The URL of the server.
    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?replicaSet=secantus", self.port)
    }

    /// What it said last, if it has stopped by itself.
    pub fn stopped(&mut self) -> Option<String> {
        let log = self.guard.as_mut()?.stopped()?;
        Some(format!("the MongoDB server has stopped; {log}"))
    }
}

/// Whether a server greets back.
fn answers(port: u16) -> bool {
    let greeted = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(HELLO)?;
        stream.read_exact(&mut [0; 16])
    };
    greeted().is_ok()
}

/// The interpreter of a virtual environment that has the package.
fn python() -> Result<PathBuf, String> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = cache.or_else(home).ok_or("there is no HOME, so no place to install it")?.join("dbal");
    let environment = cache.join(PACKAGE.replace("==", "-"));
    let python = environment.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    println!("set-up: installing {PACKAGE} into {}", environment.display());
    std::fs::create_dir_all(&cache).map_err(|fault| format!("{}: {fault}", cache.display()))?;
    // Made beside its place and then moved, so that what stands there is whole.
    let made = TempDir::with_prefix_in("making-", &cache).map_err(|fault| format!("{}: {fault}", cache.display()))?;
    succeed(Command::new("python3").args(["-m", "venv"]).arg(made.path()))?;
    let pip = ["-m", "pip", "install", "--quiet", PACKAGE];
    succeed(Command::new(made.path().join("bin/python")).args(pip))?;
    match std::fs::rename(made.path(), &environment) {
        Ok(()) => Ok(python),
        // Another run was faster.
        Err(_) if python.exists() => Ok(python),
        Err(fault) => Err(format!("{}: {fault}", environment.display())),
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let line = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|fault| format!("{line} cannot be run: {fault}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{line} failed: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
