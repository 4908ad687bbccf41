//! A server under a guard: a shell that stops it and removes its folder as soon as whoever started it is gone.
//!
//! A handler of our own would miss a kill, and a handler for signals needs code that a test runner should not have. A
//! pipe is closed by the system whatever ends its owner, so the guard simply reads from one until it ends.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Arguments: the folder, the signal that stops the server, the server with its arguments. The guard ends when the
/// server does; the folder is removed only after the pipe is closed, so that the log can still be read.
const GUARD: &str = r#"
folder=$1; signal=$2; shift 2
exec 3<&0 </dev/null
"$@" >>"$folder/log" 2>&1 3<&- &
server=$!
echo "$server" >"$folder/pid"
{
    cat <&3
    kill -s "$signal" "$server"
    tries=0
    while kill -0 "$server" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -s KILL "$server"
    [ -e "$folder/keep" ] || rm -rf "$folder"
} >/dev/null 2>&1 &
exec 3<&-
wait "$server"
"#;

/// Who runs a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub uid: u32,
    pub gid: u32,
}

/// A server that runs, and its folder.
#[derive(Debug)]
pub(super) struct Guard {
    child: Child,
    folder: PathBuf,
}

/// A temporary folder that only this user can enter. Its path is short: sockets may stand in it, and the system cuts
/// their names at 107 bytes.
pub(super) fn folder(user: Option<User>) -> Result<TempDir, String> {
    let told = |fault: std::io::Error| format!("no temporary folder can be made: {fault}");
    let usual = std::env::temp_dir();
    let place = if usual.as_os_str().len() > 60 { Path::new("/tmp") } else { &usual };
    let folder = TempDir::with_prefix_in("dbal-", place).map_err(told)?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).map_err(told)?;
    if let Some(user) = user {
        chown(folder.path(), Some(user.uid), Some(user.gid)).map_err(told)?;
    }
    Ok(folder)
}

/// A command that runs as this user, away from the terminal's signals.
pub(super) fn command(program: impl AsRef<OsStr>, user: Option<User>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).process_group(0).stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid).env("HOME", folder);
    }
    command
}

impl Guard {
    /// Starts a server in a folder, which goes with it.
    pub(super) fn start(
        folder: &Path,
        user: Option<User>,
        signal: &str,
        server: &Path,
        arguments: &[String],
    ) -> Result<Guard, String> {
        let mut guard = command("sh", user, folder);
        guard.args(["-c", GUARD, "dbal-guard"]).arg(folder).arg(signal).arg(server).args(arguments);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = guard.spawn().map_err(|fault| format!("{} cannot be run: {fault}", server.display()))?;
        Ok(Guard { child, folder: folder.to_path_buf() })
    }

    /// The end of its log, if the server has ended by itself.
    pub(super) fn stopped(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(_)) | Err(_) => Some(self.log()),
        }
    }

    /// Sends a signal to the server's first process.
    pub(super) fn signal(&self, name: &str) -> Result<(), String> {
        signal(name, &self.pid()?)
    }

    /// Sends a signal to the server's first process and to all that it has started.
    pub(super) fn signal_all(&self, name: &str) -> Result<(), String> {
        let first = self.pid()?;
        let parent = |pid: &str| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            Some(status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().to_owned())
        };
        let all = std::fs::read_dir("/proc").map_err(|fault| format!("/proc: {fault}"))?;
        let names = all.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        for child in names.filter(|pid| parent(pid).as_ref() == Some(&first)) {
            // It may have ended meanwhile.
            let _ = signal(name, &child);
        }
        signal(name, &first)
    }

    fn pid(&self) -> Result<String, String> {
        let pid =
            std::fs::read_to_string(self.folder.join("pid")).map_err(|fault| format!("no server runs: {fault}"))?;
        Ok(pid.trim().to_owned())
    }

    /// Ends the server at once with a signal, as a crash would. The folder stays.
    pub(super) fn crash(mut self, name: &str) -> Result<(), String> {
        let keep = self.folder.join("keep");
        std::fs::write(&keep, "").map_err(|fault| fault.to_string())?;
        self.signal(name)?;
        self.wait();
        drop(self);
        // What is left of the guard sees that the pipe is closed, and the file that says that the folder stays.
        std::thread::sleep(std::time::Duration::from_millis(300));
        std::fs::remove_file(keep).map_err(|fault| fault.to_string())
    }

    /// Waits until the server has ended by itself.
    pub(super) fn wait(&mut self) {
        // An error means that there is nothing to wait for.
        let _ = self.child.wait();
    }

    /// The last lines that the server wrote.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(10)..].join("\n  ");
        format!("its log ends:\n  {last}")
    }
}

fn signal(name: &str, pid: &str) -> Result<(), String> {
    let sent = Command::new("kill").args(["-s", name, pid]).stderr(Stdio::null()).status();
    match sent.is_ok_and(|status| status.success()) {
        true => Ok(()),
        false => Err(format!("no signal {name} could be sent to process {pid}")),
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closes the pipe, which is what the guard waits for.
        drop(self.child.stdin.take());
        self.wait();
    }
}
