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

impl Drop for Guard {
    fn drop(&mut self) {
        // Closes the pipe, which is what the guard waits for.
        drop(self.child.stdin.take());
        self.wait();
    }
}
