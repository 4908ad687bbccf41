//! A file of lines that is put aside when it has grown.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::chain::Chain;

/// The last line stands in so many bytes at the end.
const TAIL: u64 = 64 << 10;

/// How many processes may write linked lines beside each other.
const MOST: u32 = 64;

/// The file that lines are added to.
pub(super) struct AuditFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    open: Mutex<Open>,
    /// What keeps other processes from a file of linked lines.
    _held: Option<File>,
}

struct Open {
    file: File,
    bytes: u64,
    /// A line was written in part: the next one begins on a line of its own.
    torn: bool,
    /// Where lines are linked, the last one.
    chain: Option<Chain>,
}

impl AuditFile {
    /// Opens it, and makes it with its folder where it is not there. Two writers would link to the same line: a file of
    /// linked lines that another process writes is left to it, and the next free one of `NAME-2`, `NAME-3` and so on is
    /// taken. To take turns instead, with a lock for each line, costs a daemon a quarter of its requests.
    pub fn open(path: PathBuf, max_bytes: u64, keep: u32, chained: bool) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let (path, held) = match chained {
            true => taken(&path).map(|(path, held)| (path, Some(held)))?,
            false => (path, None),
        };
        let mut open = opened(&path)?;
        if chained {
            let (chain, whole) = resume(&path)?;
            (open.chain, open.torn) = (Some(chain), !whole);
        }
        let open = Mutex::new(open);
        Ok(AuditFile { path, max_bytes, keep, open, _held: held })
    }

    /// Adds a line and hands it to the operating system. Lines are appended whole, so that processes may share the
    /// file.
    pub fn write(&self, line: &str) -> io::Result<()> {
        let mut text = String::with_capacity(line.len() + 2);
        let mut open = self.open.lock();
        if open.torn {
            text.push('\n');
        }
        let linked = open.chain.as_ref().map(|chain| chain.link(line));
        text.push_str(linked.as_ref().map_or(line, |(linked, _)| linked));
        text.push('\n');
        if open.bytes > 0 && open.bytes + text.len() as u64 > self.max_bytes {
            self.put_aside(&mut open)?;
        }
        let written = open.file.write(text.as_bytes())?;
        open.bytes += written as u64;
        open.torn = written < text.len();
        match open.torn {
            false => {
                open.chain = linked.map(|(_, chain)| chain);
                Ok(())
            }
            true => Err(io::Error::new(io::ErrorKind::WriteZero, "the line was written in part")),
        }
    }

    /// Renames the files, oldest first, and begins a new one. Another process may have done so already: then the new
    /// file is taken as it is.
    fn put_aside(&self, open: &mut Open) -> io::Result<()> {
        let now = opened(&self.path)?;
        // Nobody else writes lines that are linked.
        if now.bytes < open.bytes && open.chain.is_none() {
            *open = now;
            return Ok(());
        }
        let numbered = |number| numbered(&self.path, number);
        match self.keep {
            0 => std::fs::remove_file(&self.path)?,
            keep => {
                for number in (1..keep).rev() {
                    moved(&numbered(number), &numbered(number + 1))?;
                }
                moved(&self.path, &numbered(1))?;
            }
        }
        // The chain leaves the old file only when the new one is there: a line without links would go unnoticed.
        let fresh = opened(&self.path)?;
        *open = Open { chain: open.chain.take(), ..fresh };
        Ok(())
    }
}

/// The first file that no other process writes, and what holds it: a file beside it, since it is renamed itself.
fn taken(path: &Path) -> io::Result<(PathBuf, File)> {
    for number in 1..=MOST {
        let path = beside(path, number);
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let held = options().open(&lock)?;
        match held.try_lock() {
            Ok(()) => return Ok((path, held)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other(format!("{MOST} processes write it and those beside it")))
}

fn beside(path: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(end) = path.extension() {
        name.push(".");
        name.push(end);
    }
    path.with_file_name(name)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// The chain to go on with, and whether the last line is whole. A file that was just begun when its process died has no
/// line yet: then the chain ends in the one that was put aside.
fn resume(path: &Path) -> io::Result<(Chain, bool)> {
    let (chain, whole) = end_of(path)?;
    let before = || match end_of(&numbered(path, 1)) {
        Ok((chain, _)) => Ok(chain),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let chain = match chain {
        Some(chain) => Some(chain),
        None => before()?,
    };
    Ok((chain.unwrap_or_else(Chain::new), whole))
}

/// The chain that a file ends with, if it has one, and whether its last line is whole.
fn end_of(path: &Path) -> io::Result<(Option<Chain>, bool)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let text = String::from_utf8_lossy(&tail);
    Ok((Chain::after(text.lines()), tail.is_empty() || tail.ends_with(b"\n")))
}

fn moved(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// A file that is made where it is not there, nobody else's to read.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn opened(path: &Path) -> io::Result<Open> {
    let file = options().open(path)?;
    let bytes = file.metadata()?.len();
    Ok(Open { file, bytes, torn: false, chain: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_grown_is_put_aside_and_old_ones_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs/audit.log");
        let file = AuditFile::open(path.clone(), 40, 2, false).expect("opened");
        let line = |number: u32| format!("{number:0>18}");
        for number in 0..7 {
            file.write(&line(number)).expect("written");
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join("logs").join(name)).expect(name);
        assert_eq!(read("audit.log"), format!("{}\n", line(6)));
        assert_eq!(read("audit.log.1"), format!("{}\n{}\n", line(4), line(5)));
        assert_eq!(read("audit.log.2"), format!("{}\n{}\n", line(2), line(3)));
        assert!(!folder.path().join("logs/audit.log.3").exists());
        // Opened again it goes on, and a file of one's own is nobody else's to read.
        drop(file);
        AuditFile::open(path.clone(), 40, 2, false).expect("opened").write(&line(7)).expect("written");
        assert_eq!(read("audit.log"), format!("{}\n{}\n", line(6), line(7)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_chain_goes_on_behind_a_crash_that_left_an_empty_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let open = || AuditFile::open(path.clone(), 1_000_000, 3, true).expect("opened");
        for number in 0..3 {
            open().write(&format!("{{\"n\":{number}}}")).expect("written");
        }
        // What a process leaves that dies between putting the old file aside and the first line of the new one; and one
        // that dies in the middle of that line.
        for (number, left) in [(3, ""), (4, "{\"n\":9,\"se")] {
            std::fs::rename(folder.path().join("audit.log.1"), folder.path().join("audit.log.2")).ok();
            std::fs::rename(&path, folder.path().join("audit.log.1")).expect("renamed");
            std::fs::write(&path, left).expect("written");
            open().write(&format!("{{\"n\":{number}}}")).expect("written");
            let text = std::fs::read_to_string(&path).expect("text");
            assert!(text.contains(&format!("\"seq\":{}", number + 1)), "{text}");
        }
        let files: Vec<_> =
            ["audit.log.2", "audit.log.1", "audit.log"].into_iter().map(|name| folder.path().join(name)).collect();
        let opened =
            files.iter().map(|path| (path.display().to_string(), io::BufReader::new(File::open(path).expect("there"))));
        let found = super::super::verify(opened).expect("read");
        assert!(found.faults.is_empty(), "{:?}", found.faults);
        assert_eq!((found.first, found.last, found.lines), (1, 5, 5));
    }

    #[test]
    fn writers_of_linked_lines_have_a_file_each() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || AuditFile::open(folder.path().join("audit.log"), 2_000, 1_000, true).expect("opened");
        let (one, two) = (open(), open());
        for line in 0..40 {
            one.write(&format!("{{\"writer\":1,\"line\":{line}}}")).expect("written");
            two.write(&format!("{{\"writer\":2,\"line\":{line}}}")).expect("written");
        }
        // Whoever comes when one has left goes on with its chain.
        drop(one);
        open().write("{\"writer\":3}").expect("written");
        for (name, lines) in [("audit.log", 41), ("audit-2.log", 40)] {
            let path = folder.path().join(name);
            let older = (1..100).rev().map(|number| numbered(&path, number)).filter(|path| path.exists());
            let files: Vec<PathBuf> = older.chain([path.clone()]).collect();
            assert!(files.len() > 2, "it was put aside: {files:?}");
            let opened = files
                .iter()
                .map(|path| (path.display().to_string(), io::BufReader::new(File::open(path).expect("there"))));
            let found = super::super::verify(opened).expect("read");
            assert_eq!((found.faults, found.lines, found.first, found.last), (Vec::new(), lines, 1, lines));
        }
    }

    #[test]
    fn two_writers_of_one_file_lose_no_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let [one, two] = [0, 1].map(|_| AuditFile::open(path.clone(), 100, 1_000, false).expect("opened"));
        for number in 0..50 {
            one.write(&format!("one {number}")).expect("written");
            two.write(&format!("two {number}")).expect("written");
        }
        let mut lines = 0;
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
            lines += text.lines().count();
        }
        assert_eq!(lines, 100);
    }
}
