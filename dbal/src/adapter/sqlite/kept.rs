//! A connection with the statements prepared on it.
//!
//! rusqlite keeps statements as well, by their text, which it hashes when one is taken and again when it comes back: a
//! twentieth of a read by key. Here they are known by where the text of their plan lies, and that is not let go of.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use hashlink::LruCache;
use rusqlite::{Connection, PrepFlags, Statement, ffi};
use self_cell::self_cell;

use super::cells::Cells;

/// How many statements a connection keeps: those that were used last.
const STATEMENTS: usize = 512;

/// A statement that is not in use; none while it is.
struct Kept<'c> {
    /// Another text cannot come to lie where this one does.
    _text: Arc<str>,
    statement: Option<(Statement<'c>, Cells)>,
}

type Statements<'c> = RefCell<LruCache<usize, Kept<'c>, foldhash::fast::FixedState>>;

self_cell!(
    struct Both {
        owner: Connection,

        #[not_covariant]
        dependent: Statements,
    }
);

/// A connection and its statements, which go together from thread to thread.
pub(super) struct Sqlite(Both);

// SAFETY: a statement may not go to another thread because it borrows its connection, which two threads may not use at
// once. Here both go, and nobody holds a borrow of either meanwhile: whoever sends this owns it. SQLite itself allows it
// for connections without a mutex as long as one thread at a time uses one.
#[allow(unsafe_code, reason = "the compiler cannot know that the connection goes along")]
unsafe impl Send for Sqlite {}

impl Sqlite {
    pub fn new(connection: Connection) -> Sqlite {
        let hasher = foldhash::fast::FixedState::default();
        Sqlite(Both::new(connection, |_| RefCell::new(LruCache::with_hasher(STATEMENTS, hasher))))
    }

    /// Does something with the statement of a text, and what reads its cells. Afterwards nothing is bound to it. Of the
    /// same text in use already, another one is prepared.
    ///
    /// # Errors
    /// Those of the preparation.
    pub fn with<T>(&self, text: &Arc<str>, work: impl FnOnce(&mut Statement<'_>, &Cells) -> T) -> rusqlite::Result<T> {
        let place = Arc::as_ptr(text).cast::<u8>() as usize;
        self.0.with_dependent(|connection, statements| {
            let kept = statements.borrow_mut().peek_mut(&place).and_then(|kept| kept.statement.take());
            let (mut statement, cells) = match kept {
                Some(kept) => kept,
                None => prepare(connection, text)?,
            };
            let done = work(&mut statement, &cells);
            statement.clear_bindings();
            let mut statements = statements.borrow_mut();
            match statements.get_mut(&place) {
                Some(kept) => kept.statement = Some((statement, cells)),
                None => {
                    drop(statements.insert(place, Kept { _text: text.clone(), statement: Some((statement, cells)) }))
                }
            }
            Ok(done)
        })
    }
}

/// Prepares a statement. rusqlite does not say where it lies: it is the one that was not there before.
fn prepare<'c>(connection: &'c Connection, text: &str) -> rusqlite::Result<(Statement<'c>, Cells)> {
    let before: HashSet<NonNull<ffi::sqlite3_stmt>> = statements(connection).collect();
    let statement = connection.prepare_with_flags(text, PrepFlags::SQLITE_PREPARE_PERSISTENT)?;
    let place = statements(connection).find(|place| !before.contains(place));
    let cells = Cells::of(place, statement.column_count());
    Ok((statement, cells))
}

/// All statements of a connection.
#[allow(unsafe_code, reason = "rusqlite has no words for it")]
fn statements(connection: &Connection) -> impl Iterator<Item = NonNull<ffi::sqlite3_stmt>> {
    // SAFETY: the handle is only asked for its statements, and each of them is there while the next is looked for.
    let next = |last| NonNull::new(unsafe { ffi::sqlite3_next_stmt(connection.handle(), last) });
    std::iter::successors(next(null_mut()), move |last| next(last.as_ptr()))
}

impl Deref for Sqlite {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.borrow_owner()
    }
}
