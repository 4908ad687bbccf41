//! How far a long run is, on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Says how many rows are written: on a terminal in one line that changes, elsewhere in a line from time to time.
/// Short runs stay silent.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    next: Instant,
    terminal: bool,
    said: bool,
}

impl Progress {
    pub fn new(total: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Progress { total, next: Instant::now() + Duration::from_secs(1), terminal, said: false }
    }

    /// So many rows are done.
    pub fn at(&mut self, done: usize) {
        // A clock is asked rarely: it costs as much as a small row.
        if !done.is_multiple_of(64) || Instant::now() < self.next {
            return;
        }
        self.said = true;
        let pause = if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(10) };
        self.next = Instant::now() + pause;
        let percent = done * 100 / self.total.max(1);
        match self.terminal {
            true => eprint!("\r{done} of {} rows ({percent} %)", self.total),
            false => eprintln!("{done} of {} rows ({percent} %)", self.total),
        }
        // Nothing is lost when a terminal does not take it.
        let _ = std::io::stderr().flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.said {
            eprint!("\r\u{1b}[K");
        }
    }
}
