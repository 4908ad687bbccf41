//! A connection with the statements prepared on it.
//!
//! rusqlite keeps statements as well, by their text, which it hashes when one is taken and again when it comes back: a
//! twentieth of a read by key. Here they are known by where the text of their plan lies, and that is not let go of.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};
use std::rc::Rc;
use std::sync::Arc;

use hashlink::LruCache;
use rusqlite::{Connection, PrepFlags, Statement, ffi};
use self_cell::self_cell;

use super::cells::{Cells, Texts};

/// How many statements a connection keeps: those that were used last.
const STATEMENTS: usize = 512;

/// Where a statement is kept.
struct Place<'c> {
    /// Another text cannot come to lie where this one does.
    _text: Arc<str>,
    /// A statement that is not in use; none while it is. In a box, so that to take it and to put it back moves a pointer.
    ready: Cell<Option<Box<Ready<'c>>>>,
}

/// A statement and what reads its cells.
struct Ready<'c> {
    statement: Statement<'c>,
    cells: Cells,
}

/// Places are shared with whoever uses their statement, who need not look for them again to put it back.
type Statements<'c> = RefCell<LruCache<usize, Rc<Place<'c>>, foldhash::fast::FixedState>>;

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
// once. Here both go, and nobody holds a borrow of either meanwhile, or shares a place: whoever sends this owns it, and
// `with` lets go of the place that it uses. SQLite itself allows it for connections without a mutex as long as one thread
// at a time uses one.
#[allow(unsafe_code, reason = "the compiler cannot know that the connection goes along")]
unsafe impl Send for Sqlite {}

impl Sqlite {
    pub fn new(connection: Connection) -> Sqlite {
        let hasher = foldhash::fast::FixedState::default();
        Sqlite(Both::new(connection, |_| RefCell::new(LruCache::with_hasher(STATEMENTS, hasher))))
    }

    /// Does something with the statement of a text, what reads its cells, and what binds texts to it. Afterwards nothing
    /// is bound to it. Of the same text in use already, another one is prepared.
    ///
    /// # Errors
    /// Those of the preparation, and what is done says.
    #[allow(unsafe_code, reason = "the compiler cannot know what SQLite holds on to")]
    pub fn with<'t, T, E: From<rusqlite::Error>>(
        &self,
        text: &Arc<str>,
        work: impl FnOnce(&mut Statement<'_>, &Cells, &Texts<'t>) -> Result<T, E>,
    ) -> Result<T, E> {
        let key = Arc::as_ptr(text).cast::<u8>() as usize;
        self.0.with_dependent(|connection, statements| {
            let known = statements.borrow_mut().get(&key).cloned();
            let place = known.unwrap_or_else(|| {
                let place = Rc::new(Place { _text: text.clone(), ready: Cell::new(None) });
                statements.borrow_mut().insert(key, place.clone());
                place
            });
            let mut ready = match place.ready.take() {
                Some(ready) => ready,
                None => Box::new(prepare(connection, text)?),
            };
            // SAFETY: `'t` is longer than this call, and what is bound is cleared below. Where `work` panics, the statement
            // is finalized on the way out of here.
            let texts = unsafe { Texts::of(&ready.cells) };
            let done = work(&mut ready.statement, &ready.cells, &texts);
            ready.statement.clear_bindings();
            place.ready.set(Some(ready));
            done
        })
    }
}

/// Prepares a statement. rusqlite does not say where it lies: it is the one that was not there before.
fn prepare<'c>(connection: &'c Connection, text: &str) -> rusqlite::Result<Ready<'c>> {
    let before: HashSet<NonNull<ffi::sqlite3_stmt>> = statements(connection).collect();
    let statement = connection.prepare_with_flags(text, PrepFlags::SQLITE_PREPARE_PERSISTENT)?;
    let place = statements(connection).find(|place| !before.contains(place));
    let cells = Cells::of(place, statement.column_count());
    Ok(Ready { statement, cells })
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
