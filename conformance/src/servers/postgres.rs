//! A PostgreSQL cluster of our own, never run as root.
//!
//! Its defaults are odd on purpose: text is ordered as in English, instants are shown in India's time, dates the German
//! way. What the adapter relies on it must say, or a test fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::guard::{Guard, User, command, folder};
use super::{spare_port, wait_until};

/// Where Debian and its relatives put the binaries of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
const INSTALL: &str = "apt-get update && apt-get install -y postgresql";
/// The server is reached from this machine only, and its password is made anew each time.
const USER: &str = "dbal";

/// A cluster that runs until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    user: Option<User>,
    port: u16,
    password: String,
    /// None while the server is down.
    guard: Option<Guard>,
    folder: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it. PostgreSQL is installed first where apt can do that without asking.
    ///
    /// # Errors
    /// Why it does not run, and what to type.
    pub fn start() -> Result<Postgres, String> {
        let told = |why: String| format!("PostgreSQL: {why}");
        let bin = binaries().map_err(told)?;
        let user = unprivileged().map_err(told)?;
        let folder = folder(user).map_err(told)?;
        let password = password().map_err(told)?;
        initialise(&bin, user, folder.path(), &password).map_err(told)?;
        let port = spare_port().map_err(told)?;
        let mut cluster = Postgres { bin, user, port, password, guard: None, folder };
        cluster.start_again().map_err(told)?;
        Ok(cluster)
    }

    /// Makes a standby: a copy on a port of its own, which follows this cluster and answers reads.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn standby(&self) -> Result<Postgres, String> {
        let told = |why: String| format!("a standby of PostgreSQL: {why}");
        let folder = folder(self.user).map_err(told)?;
        let mut copy = command(self.bin.join("pg_basebackup"), self.user, folder.path());
        copy.args(["--pgdata=data", "--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--host=127.0.0.1"]);
        copy.arg(format!("--port={}", self.port)).arg(format!("--username={USER}")).env("PGPASSWORD", &self.password);
        let output = copy.output().map_err(|fault| told(format!("pg_basebackup cannot be run: {fault}")))?;
        if !output.status.success() {
            return Err(told(format!("pg_basebackup failed: {}", String::from_utf8_lossy(&output.stderr).trim())));
        }
        let port = spare_port().map_err(told)?;
        let (bin, password) = (self.bin.clone(), self.password.clone());
        let mut standby = Postgres { bin, user: self.user, port, password, guard: None, folder };
        standby.start_again().map_err(told)?;
        Ok(standby)
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgresql://{USER}:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// The folder in which its Unix socket is.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server on the same port and the same data, after a crash.
    ///
    /// # Errors
    /// What the server said.
    pub fn start_again(&mut self) -> Result<(), String> {
        let data = self.folder.path().join("data");
        let settings = [
            format!("port={}", self.port),
            format!("unix_socket_directories={}", self.folder.path().display()),
            "listen_addresses=127.0.0.1".to_owned(),
            "max_connections=200".to_owned(),
            // Nothing here has to outlive the machine; what is committed still outlives a crash of the server.
            "fsync=off".to_owned(),
            "max_wal_size=4GB".to_owned(),
            "autovacuum_naptime=10s".to_owned(),
            "timezone=Asia/Kolkata".to_owned(),
            "datestyle=German".to_owned(),
            "intervalstyle=sql_standard".to_owned(),
            "bytea_output=escape".to_owned(),
            "extra_float_digits=0".to_owned(),
        ];
        let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
        for setting in settings {
            arguments.extend(["-c".to_owned(), setting]);
        }
        // A fast shutdown: it does not wait for clients.
        let mut guard = Guard::start(self.folder.path(), self.user, "INT", &self.bin.join("postgres"), &arguments)?;
        let (ready, port) = (self.bin.join("pg_isready"), self.port.to_string());
        wait_until(&mut guard, || {
            let asked = Command::new(&ready)
                .args(["--quiet", "--host", "127.0.0.1", "--port", &port])
                .stdin(Stdio::null())
                .status();
            asked.is_ok_and(|status| status.success())
        })?;
        self.guard = Some(guard);
        Ok(())
    }

    /// Ends the server at once, as a crash would: every connection breaks and no transaction is finished. The folder
    /// stays, for [`Postgres::start_again`].
    ///
    /// # Errors
    /// When there is no server to end.
    pub fn crash(&mut self) -> Result<(), String> {
        self.guard.take().ok_or("no server runs")?.crash("QUIT")
    }

    /// Sends a signal to the server and all its processes: `STOP` and `CONT` make it hang and go on.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn signal_all(&self, name: &str) -> Result<(), String> {
        self.guard.as_ref().ok_or("no server runs")?.signal_all(name)
    }

    /// What it said last, if it has stopped by itself.
    pub fn stopped(&mut self) -> Option<String> {
        let log = self.guard.as_mut()?.stopped()?;
        Some(format!("PostgreSQL has stopped; {log}"))
    }
}

/// `initdb`, with a password that only this process knows.
fn initialise(bin: &Path, user: Option<User>, folder: &Path, password: &str) -> Result<(), String> {
    let told = |fault: std::io::Error| format!("initdb cannot be run: {fault}");
    // Nobody else can enter the folder.
    let file = folder.join("password");
    std::fs::write(&file, password).map_err(told)?;
    let mut initdb = command(bin.join("initdb"), user, folder);
    initdb.args(["--pgdata=data", "--auth=password", "--pwfile=password", "--no-sync", "--encoding=UTF8"]);
    initdb.args(["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]).arg(format!("--username={USER}"));
    let output = initdb.output().map_err(told)?;
    std::fs::remove_file(file).map_err(told)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// The folder of the newest server that is installed.
fn binaries() -> Result<PathBuf, String> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    let apt = Command::new("apt-get").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !apt {
        return Err("no server is installed\ncure: install PostgreSQL 15 or newer".into());
    }
    if own_user()?.uid != 0 {
        return Err(format!("no server is installed\ncure: sudo sh -c '{INSTALL}'"));
    }
    println!("set-up: installing PostgreSQL with apt-get");
    let mut line = Command::new("sh");
    line.args(["-c", INSTALL]).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    let done = line.status().is_ok_and(|status| status.success());
    installed().filter(|_| done).ok_or_else(|| format!("it could not be installed\ncure: {INSTALL}"))
}

/// What the newest server that is installed calls itself.
pub fn version() -> Option<String> {
    let output = Command::new(installed()?.join("postgres")).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn installed() -> Option<PathBuf> {
    let complete = |bin: &PathBuf| ["initdb", "postgres", "pg_isready"].iter().all(|name| bin.join(name).exists());
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((number(&entry.path())?, entry.path().join("bin"))))
        .filter(|(_, bin)| complete(bin))
        .collect();
    found.sort();
    let elsewhere = || {
        let asked = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok()?;
        Some(PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim())).filter(complete)
    };
    found.pop().map(|(_, bin)| bin).or_else(elsewhere)
}

/// Who runs the server: whoever runs this, unless that is root, which PostgreSQL refuses.
fn unprivileged() -> Result<Option<User>, String> {
    if own_user()?.uid != 0 {
        return Ok(None);
    }
    let accounts = std::fs::read_to_string("/etc/passwd").map_err(|fault| format!("/etc/passwd: {fault}"))?;
    let account = |name: &str| {
        let mut fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let line = fields.find(|fields| fields.first() == Some(&name))?;
        Some(User { uid: line.get(2)?.parse().ok()?, gid: line.get(3)?.parse().ok()? })
    };
    let found = account("postgres").or_else(|| account("nobody")).filter(|user| user.uid != 0);
    match found {
        Some(user) => Ok(Some(user)),
        None => Err("it refuses to run as root, and there is no user postgres\ncure: useradd --system postgres".into()),
    }
}

fn own_user() -> Result<User, String> {
    let own = std::fs::metadata("/proc/self").map_err(|fault| format!("/proc/self: {fault}"))?;
    use std::os::unix::fs::MetadataExt as _;
    Ok(User { uid: own.uid(), gid: own.gid() })
}

fn password() -> Result<String, String> {
    let mut bytes = [0u8; 16];
    let mut random = std::fs::File::open("/dev/urandom").map_err(|fault| format!("/dev/urandom: {fault}"))?;
    std::io::Read::read_exact(&mut random, &mut bytes).map_err(|fault| format!("/dev/urandom: {fault}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the URL's port back and sees whether anybody listens there.
    fn listens(port: u16) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    }

    #[test]
    #[ignore = "starts servers; cargo xtask test does so for everybody"]
    fn a_cluster_crashes_starts_again_and_leaves_nothing() {
        let mut cluster = Postgres::start().expect("starts");
        let (port, folder) = (cluster.port, cluster.folder.path().to_path_buf());
        assert!(listens(port));
        cluster.crash().expect("crashes");
        assert!(!listens(port));
        cluster.start_again().expect("starts again");
        assert!(listens(port));
        drop(cluster);
        assert!(!listens(port));
        assert!(!folder.exists());
    }
}
