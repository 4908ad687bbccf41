//! A file of lines that is put aside when it has grown.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::chain::Chain;

/// The last line stands in so many bytes at the end.
const TAIL: u64 = 64 << 10;

/// What links add to a line, at most.
const LINKS: u64 = 200;

/// How long a line waits for another process that writes one.
const PATIENCE: Duration = Duration::from_secs(2);

/// A length that no file has: how it ends is not known.
const UNKNOWN: u64 = u64::MAX;

/// The file that lines are added to.
pub(super) struct AuditFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    open: Mutex<Open>,
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
    /// Opens it, and makes it with its folder where it is not there.
    pub fn open(path: PathBuf, max_bytes: u64, keep: u32, chained: bool) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let open = opened(&path)?;
        let chain = chained.then(Chain::new);
        let bytes = if chained { UNKNOWN } else { open.bytes };
        let file = AuditFile { path, max_bytes, keep, open: Mutex::new(Open { chain, bytes, ..open }) };
        if chained {
            let mut open = file.open.lock();
            file.hold(&mut open)?;
            open.file.unlock()?;
        }
        Ok(file)
    }

    /// Adds a line and hands it to the operating system. Processes may share the file: lines are appended whole, and those
    /// that are linked are linked to whatever line is the last one.
    pub fn write(&self, line: &str) -> io::Result<()> {
        let mut open = self.open.lock();
        if open.chain.is_none() {
            return self.append(&mut open, line);
        }
        self.hold(&mut open)?;
        if open.bytes > 0 && open.bytes + line.len() as u64 + LINKS > self.max_bytes {
            self.rename()?;
            // Another process may be the first to hold the new file, and to write into it.
            *open = Open { chain: open.chain.take(), bytes: UNKNOWN, ..opened(&self.path)? };
            self.hold(&mut open)?;
        }
        let written = self.append(&mut open, line);
        if written.is_err() {
            open.bytes = UNKNOWN;
        }
        open.file.unlock()?;
        written
    }

    /// Keeps other processes from the file that lines are added to, and looks how it ends where they added some.
    fn hold(&self, open: &mut Open) -> io::Result<()> {
        loop {
            lock(&open.file)?;
            if is_at(&open.file, &self.path)? {
                break;
            }
            // Another process has put it aside. Closed, it is not held any more.
            *open = Open { chain: open.chain.take(), bytes: UNKNOWN, ..opened(&self.path)? };
        }
        let length = open.file.metadata()?.len();
        if length != open.bytes {
            let (chain, whole) = resume(&self.path)?;
            // Where no file has lines any more, what was the last one is known here.
            open.chain = chain.or(open.chain.take());
            (open.torn, open.bytes) = (!whole, length);
        }
        Ok(())
    }

    fn append(&self, open: &mut Open, line: &str) -> io::Result<()> {
        let mut text = String::with_capacity(line.len() + 2);
        if open.torn {
            text.push('\n');
        }
        let linked = open.chain.as_ref().map(|chain| chain.link(line));
        text.push_str(linked.as_ref().map_or(line, |(linked, _)| linked));
        text.push('\n');
        if open.chain.is_none() && open.bytes > 0 && open.bytes + text.len() as u64 > self.max_bytes {
            self.put_aside(open)?;
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

    /// Begins a new file. Another process may have done so already: then that one is taken as it is.
    fn put_aside(&self, open: &mut Open) -> io::Result<()> {
        let now = opened(&self.path)?;
        if now.bytes < open.bytes {
            *open = now;
            return Ok(());
        }
        self.rename()?;
        *open = opened(&self.path)?;
        Ok(())
    }

    /// Renames the files, oldest first.
    fn rename(&self) -> io::Result<()> {
        let numbered = |number| numbered(&self.path, number);
        if self.keep == 0 {
            return std::fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            moved(&numbered(number), &numbered(number + 1))?;
        }
        moved(&self.path, &numbered(1))
    }
}

/// Two writers at once would link to the same line.
fn lock(file: &File) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= end => {
                return Err(io::Error::other("another process holds it"));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(200)),
        }
    }
}

/// Whether the file of this name is still this one.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = file.metadata()?;
        Ok((there.dev(), there.ino()) == (own.dev(), own.ino()))
    }
    #[cfg(not(unix))]
    Ok(there.len() == file.metadata()?.len())
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// The chain to go on with, and whether the last line is whole. A file that was just begun when its process died has no
/// line yet: then the chain ends in the one that was put aside.
fn resume(path: &Path) -> io::Result<(Option<Chain>, bool)> {
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
    Ok((chain, whole))
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

fn opened(path: &Path) -> io::Result<Open> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
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
    fn writers_of_one_file_make_one_chain() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        // Small enough that each puts it aside now and then, while the other has it open.
        let open = || AuditFile::open(path.clone(), 2_000, 1_000, true).expect("opened");
        let writers = [open(), open()];
        std::thread::scope(|scope| {
            for (number, writer) in writers.iter().enumerate() {
                scope.spawn(move || {
                    for line in 0..100 {
                        writer.write(&format!("{{\"writer\":{number},\"line\":{line}}}")).expect("written");
                    }
                });
            }
        });
        open().write("{\"writer\":2}").expect("written");
        let mut files: Vec<_> =
            std::fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("one").path()).collect();
        let age = |path: &PathBuf| path.extension().and_then(|end| end.to_str()?.parse::<u32>().ok()).unwrap_or(0);
        files.sort_by_key(|path| std::cmp::Reverse(age(path)));
        assert!(files.len() > 2, "it was put aside: {files:?}");
        let opened =
            files.iter().map(|path| (path.display().to_string(), io::BufReader::new(File::open(path).expect("there"))));
        let found = super::super::verify(opened).expect("read");
        assert_eq!((found.faults, found.lines, found.first, found.last), (Vec::new(), 201, 1, 201));
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
