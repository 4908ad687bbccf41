//! Cells where SQLite has them, and texts for SQLite where we have them.
//!
//! rusqlite asks for a cell's type, its text and its length in three calls, each of which finds the cell anew, and the
//! text may have to be copied to where a NUL fits behind it. Here the cell is found once, and its text is read as the
//! bytes that it is: that takes half the instructions. What is bound is copied by rusqlite into memory of SQLite's, whose
//! allocator takes a lock to get it and again to let go of it.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;

use rusqlite::types::{ToSqlOutput, ValueRef as Raw};
use rusqlite::{Row, Statement, ffi};

/// Reads the cells of a statement's rows.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    /// The statement; none where nobody knows it.
    statement: Option<NonNull<ffi::sqlite3_stmt>>,
    columns: usize,
}

impl Cells {
    /// Of a statement with so many columns, on a connection whose texts are UTF-8. It is kept with the statement and no
    /// longer.
    pub fn of(statement: Option<NonNull<ffi::sqlite3_stmt>>, columns: usize) -> Cells {
        Cells { statement, columns }
    }

    /// How many columns the statement has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A cell of the row that the statement stands on; none where it has no such column.
    #[inline]
    #[allow(unsafe_code, reason = "rusqlite reads cells in a way of its own only")]
    pub fn cell<'r>(&self, row: &'r Row<'_>, column: usize) -> Option<Raw<'r>> {
        let Some(statement) = self.statement else { return row.get_ref(column).ok() };
        if column >= self.columns {
            return None;
        }
        // SAFETY: the statement lives and stands on a row, which `row` borrows. Nothing else uses the connection, which
        // goes from thread to thread as a whole: so its values need no mutex to be read. What they point to stays until
        // the statement takes its next step, for which `row` must be let go; to read text as bytes converts nothing.
        unsafe {
            let value = ffi::sqlite3_column_value(statement.as_ptr(), column as i32);
            let bytes = || {
                let length = usize::try_from(ffi::sqlite3_value_bytes(value)).ok()?;
                let start = ffi::sqlite3_value_blob(value).cast::<u8>();
                match (start.is_null(), length) {
                    (false, length) => Some(slice::from_raw_parts(start, length)),
                    // Of nothing there is no start; of anything else there is no memory for it.
                    (true, 0) => Some(&[][..]),
                    (true, _) => None,
                }
            };
            Some(match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_NULL => Raw::Null,
                ffi::SQLITE_INTEGER => Raw::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => Raw::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => Raw::Text(bytes()?),
                _ => Raw::Blob(bytes()?),
            })
        }
    }
}

/// Binds texts to a statement for as long as `'t` at most.
///
/// It may stand for a longer `'t`, but not for a shorter one: then it would take texts that are gone too early.
pub(super) struct Texts<'t> {
    statement: Option<NonNull<ffi::sqlite3_stmt>>,
    lasting: PhantomData<fn(&'t ())>,
}

impl<'t> Texts<'t> {
    /// For the statement whose cells these are.
    ///
    /// # Safety
    /// Before `'t` ends, the bindings of the statement are cleared, or it is finalized.
    #[allow(unsafe_code, reason = "the compiler cannot know what SQLite holds on to")]
    pub unsafe fn of(cells: &Cells) -> Texts<'t> {
        Texts { statement: cells.statement, lasting: PhantomData }
    }

    /// Binds a text to a placeholder, counted from 1, of the statement that both are of. It MUST be UTF-8.
    ///
    /// # Errors
    /// As rusqlite.
    #[inline]
    #[allow(unsafe_code, reason = "rusqlite binds copies only")]
    pub fn bind(&self, statement: &mut Statement<'_>, at: usize, text: &'t [u8]) -> rusqlite::Result<()> {
        if let (Some(place), Ok(number)) = (self.statement, i32::try_from(at)) {
            let (start, length) = (text.as_ptr().cast(), text.len() as u64);
            // SAFETY: the statement lives, and nobody else uses it: the caller has it to change it. The text stays where
            // it is until `'t` ends, and `of` was told that SQLite does not look at it any more by then.
            let done = unsafe {
                let stays = ffi::SQLITE_STATIC();
                ffi::sqlite3_bind_text64(place.as_ptr(), number, start, length, stays, ffi::SQLITE_UTF8 as u8)
            };
            if done == ffi::SQLITE_OK {
                return Ok(());
            }
        }
        // Also what was refused, which rusqlite can say in words.
        statement.raw_bind_parameter(at, ToSqlOutput::Borrowed(Raw::Text(text)))
    }
}
