//! A connection with the statements prepared on it.
//!
//! rusqlite keeps statements as well, by their text, which it hashes when one is taken and again when it comes back: a
//! twentieth of a read by key. Here they are known by where the text of their plan lies, and that is not let go of.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use hashlink::LruCache;
use rusqlite::{Connection, PrepFlags, Statement};
use self_cell::self_cell;

/// How many statements a connection keeps: those that were used last.
const STATEMENTS: usize = 512;

/// A statement that is not in use; none while it is.
struct Kept<'c> {
    /// Another text cannot come to lie where this one does.
    _text: Arc<str>,
    statement: Option<Statement<'c>>,
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

    /// Does something with the statement of a text. Afterwards nothing is bound to it. Of the same text in use already,
    /// another one is prepared.
    ///
    /// # Errors
    /// Those of the preparation.
    pub fn with<T>(&self, text: &Arc<str>, work: impl FnOnce(&mut Statement<'_>) -> T) -> rusqlite::Result<T> {
        let place = Arc::as_ptr(text).cast::<u8>() as usize;
        self.0.with_dependent(|connection, statements| {
            let kept = statements.borrow_mut().peek_mut(&place).and_then(|kept| kept.statement.take());
            let mut statement = match kept {
                Some(statement) => statement,
                None => connection.prepare_with_flags(text, PrepFlags::SQLITE_PREPARE_PERSISTENT)?,
            };
            let done = work(&mut statement);
            statement.clear_bindings();
            let mut statements = statements.borrow_mut();
            match statements.get_mut(&place) {
                Some(kept) => kept.statement = Some(statement),
                None => drop(statements.insert(place, Kept { _text: text.clone(), statement: Some(statement) })),
            }
            Ok(done)
        })
    }
}

impl Deref for Sqlite {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.borrow_owner()
    }
}
