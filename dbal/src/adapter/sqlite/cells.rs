//! Cells where SQLite has them.
//!
//! rusqlite asks for a cell's type, its text and its length in three calls, each of which finds the cell anew, and the
//! text is copied to where a NUL fits behind it. Read as the bytes that they are, texts stay in the page: a row costs
//! half as much.

use std::ptr::NonNull;
use std::slice;

use rusqlite::types::ValueRef as Raw;
use rusqlite::{Row, ffi};

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
