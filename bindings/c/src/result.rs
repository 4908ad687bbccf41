//! Answers: rows to step through, and what stands around them.

use std::cell::{Cell as Slot, RefCell, RefMut};
use std::ffi::c_char;
use std::ptr::{null, null_mut};

use dbal::Value;
use dbal::value::json;

use crate::error::{Fault, dbal_error, done, entry, misuse, quiet};
use crate::generated::status::dbal_status;
use crate::handle::{Tag, glance, handle, held, take};
use crate::rows::{Cell, Rows, UUID_TEXT, dbal_type};
use crate::text::{self, Text};
use crate::value::{dbal_value, node_of};

/// What an answer is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dbal_kind {
    /// Nothing: `first` found no row, or nothing was asked yet.
    DBAL_KIND_NOTHING = 0,
    /// One row, and the cursor stands on it.
    DBAL_KIND_ROW = 1,
    /// Rows.
    DBAL_KIND_ROWS = 2,
    /// A page of rows.
    DBAL_KIND_PAGE = 3,
    /// A count: dbal_result_number.
    DBAL_KIND_COUNT = 4,
    /// How many rows were written: dbal_result_number.
    DBAL_KIND_AFFECTED = 5,
    /// Rows of one column.
    DBAL_KIND_VALUES = 6,
    /// It is done: `delete`.
    DBAL_KIND_DONE = 7,
    /// An answer for each entry of a batch: dbal_result_part.
    DBAL_KIND_BATCH = 8,
}

/// An answer, with a cursor over its rows. Free it with dbal_result_free. Columns are numbered from 0. One thread at a time.
///
/// Getters cannot fail: what is not there, or is of another type, is 0 or NULL, and where the program asked for what cannot
/// be (a column that is not there, no row under the cursor, a type that the cell is not) the next dbal_result_next, or
/// dbal_result_check, says DBAL_MISUSE with what was wrong.
#[repr(C)]
pub struct dbal_result {
    tag: Tag,
    /// What it is.
    pub kind: dbal_kind,
    /// Its rows, of a stream the one under the cursor.
    pub rows: Rows,
    /// A count.
    pub number: i64,
    /// What stands around a page.
    pub page: Option<Box<Page>>,
    /// The answers of a batch.
    #[allow(clippy::vec_box, reason = "programs hold pointers to them")]
    pub parts: Vec<Box<dbal_result>>,
    /// Where further rows come from.
    pub stream: Option<Box<dbal::client::stream::Rows>>,
    /// The row under the cursor, counted from 1.
    row: usize,
    run: usize,
    made: RefCell<Made>,
    /// There is something in `made`: most rows are read without.
    has_made: Slot<bool>,
    fault: Slot<Option<String>>,
    /// The cursor stands on a row.
    on_row: bool,
    /// The first cell of the row that getters read, and how many it has: none where there is no such row. Worked out when
    /// the cursor moves, since there are many getters to a row.
    first_cell: usize,
    cells: usize,
}

handle!(dbal_result, "dbal_result", b"dres");

/// What getters had to make; it lasts as long as the row is under the cursor.
#[derive(Default)]
struct Made {
    texts: Vec<Text>,
    #[allow(clippy::vec_box, reason = "programs hold pointers to them")]
    values: Vec<Box<dbal_value>>,
    related: Vec<(usize, Box<dbal_result>)>,
    /// Results of related rows of earlier rows, whose memory the next ones take.
    #[allow(clippy::vec_box, reason = "as above")]
    spare: Vec<Box<dbal_result>>,
    /// The names of a run's columns.
    names: Option<(usize, Vec<Text>)>,
}

/// What stands around a page.
pub struct Page {
    total: i64,
    page: i64,
    limit: i64,
    has_more: bool,
    next: Option<Text>,
    previous: Option<Text>,
}

impl Page {
    /// Of an answer.
    pub fn new(page: &dbal::Page) -> Self {
        Page {
            total: page.total.unwrap_or(-1),
            page: page.page,
            limit: page.limit,
            has_more: page.has_more,
            next: page.next_cursor.as_deref().map(Text::new),
            previous: page.prev_cursor.as_deref().map(Text::new),
        }
    }
}

impl Default for dbal_result {
    fn default() -> Self {
        dbal_result {
            tag: Tag::new::<dbal_result>(),
            kind: dbal_kind::DBAL_KIND_NOTHING,
            rows: Rows::default(),
            number: 0,
            page: None,
            parts: Vec::new(),
            stream: None,
            row: 0,
            run: 0,
            made: RefCell::default(),
            has_made: Slot::new(false),
            fault: Slot::default(),
            on_row: false,
            first_cell: 0,
            cells: 0,
        }
    }
}

impl dbal_result {
    /// A part of something else.
    pub fn part() -> Box<Self> {
        Box::new(dbal_result { tag: Tag::lent::<dbal_result>(), ..dbal_result::default() })
    }

    /// Empties it, but keeps the memory.
    pub fn forget(&mut self) {
        self.rows.clear();
        self.kind = dbal_kind::DBAL_KIND_NOTHING;
        self.number = 0;
        self.page = None;
        self.parts.clear();
        self.stream = None;
        self.fault.take();
        self.rewind();
    }

    /// Before the first row. Also to be told when there are other rows, or the kind is another: the first of them may be
    /// of later columns, and a lone one is read without being stepped to.
    pub fn rewind(&mut self) {
        (self.row, self.run, self.on_row) = (0, self.rows.run_of(0), false);
        self.look();
        self.unmake(true);
    }

    /// Finds the cells that getters read.
    fn look(&mut self) {
        (self.first_cell, self.cells) = self.current().map_or((0, 0), |row| self.rows.place(self.run, row));
    }

    #[inline]
    fn unmake(&mut self, names: bool) {
        if self.has_made.get() {
            self.unmake_some(names);
        }
    }

    fn unmake_some(&mut self, names: bool) {
        let made = self.made.get_mut();
        made.texts.clear();
        made.values.clear();
        while let Some((_, mut part)) = made.related.pop() {
            part.forget();
            made.spare.push(part);
        }
        if names {
            made.names = None;
        }
        self.has_made.set(made.names.is_some());
    }

    /// What getters had to make, to add to it.
    fn making(&self) -> RefMut<'_, Made> {
        self.has_made.set(true);
        self.made.borrow_mut()
    }

    /// Goes on to the next row. Nothing moves where the program is told of a misuse.
    fn next(&mut self) -> Result<dbal_status, Fault> {
        if let Some(message) = self.fault.take() {
            return Err(misuse(message));
        }
        if let Some(stream) = &mut self.stream {
            self.on_row = false;
            self.rows.clear();
            let next = stream.next();
            self.rewind();
            let Some(record) = next else {
                self.stream = None;
                return Ok(dbal_status::DBAL_DONE);
            };
            // A stream that failed has no more rows.
            let record = record.inspect_err(|_| self.stream = None)?;
            self.rows.record(record)?;
        }
        let count = self.rows.count();
        self.on_row = self.row < count;
        if !self.on_row {
            self.look();
            return Ok(dbal_status::DBAL_DONE);
        }
        self.row += 1;
        let run = self.rows.run_of(self.row - 1);
        self.unmake(run != self.run);
        self.run = run;
        self.look();
        Ok(dbal_status::DBAL_ROW)
    }

    /// The row that getters read: a lone one without being stepped to.
    fn current(&self) -> Option<usize> {
        match (self.on_row, self.kind) {
            (true, _) => Some(self.row - 1),
            (false, dbal_kind::DBAL_KIND_ROW) if self.row == 0 => Some(0),
            _ => None,
        }
    }

    /// A cell of the row that getters read; none where it has no such column.
    #[inline]
    fn known_cell(&self, column: usize) -> Option<Cell> {
        match column < self.cells {
            true => self.rows.cell(self.first_cell + column),
            false => None,
        }
    }

    /// The same; what is not there is a misuse.
    #[inline]
    fn cell(&self, column: usize) -> Option<Cell> {
        self.known_cell(column).or_else(|| self.no_cell(column))
    }

    #[cold]
    fn no_cell(&self, column: usize) -> Option<Cell> {
        match self.current() {
            None => {
                self.wrong("there is no row under the cursor: call dbal_result_next first, until it says DBAL_DONE")
            }
            Some(_) => self.wrong(format!("there is no column {column}: there are {}", self.width())),
        }
    }

    fn width(&self) -> usize {
        self.rows.columns(self.run).map_or(0, |columns| columns.names.len())
    }

    /// Notes a misuse, the first one.
    fn wrong<T>(&self, message: impl Into<String>) -> Option<T> {
        let known = self.fault.take();
        self.fault.set(known.or_else(|| Some(message.into())));
        None
    }

    fn other<T>(&self, column: usize, wanted: &str) -> Option<T> {
        let name = self.rows.columns(self.run).and_then(|columns| columns.names.get(column).cloned());
        self.wrong(format!("column {column} ({}) is no {wanted}", name.unwrap_or_default()))
    }

    fn made_text(&self, text: &str) -> (*const c_char, usize) {
        let text = Text::new(text);
        let told = (text.pointer(), text.len());
        self.making().texts.push(text);
        told
    }

    /// Text as it lies in the row: that of most cells, found without anything that could panic.
    #[inline]
    fn lying_text(&self, column: usize) -> Option<(*const c_char, usize)> {
        let bytes = self.rows.lying_text(self.known_cell(column)?)?;
        Some((bytes.as_ptr().cast(), bytes.len()))
    }

    fn text(&self, column: usize) -> Option<(*const c_char, usize)> {
        Some(match self.cell(column)? {
            Cell::Null => return None,
            Cell::Text(..) | Cell::Json(..) | Cell::Uuid(_) => return self.lying_text(column),
            Cell::Bool(v) => self.made_text(if v { "true" } else { "false" }),
            Cell::Int(v) => self.made_text(&v.to_string()),
            Cell::Float(v) => self.made_text(&json::to_wire(&Value::Float(v))),
            Cell::DateTime(v) => self.made_text(&v.to_string()),
            Cell::Date(v) => self.made_text(&v.to_string()),
            Cell::Decimal(index) => self.made_text(&self.rows.decimal(index).to_string()),
            Cell::Whole(index) => match self.rows.whole(index) {
                Value::Record(_) | Value::Records(_) => return self.other(column, "text: read its rows"),
                document => self.made_text(&json::to_text(document)),
            },
            Cell::Bytes(..) => return self.other(column, "text: read its bytes"),
        })
    }

    /// A whole number, found without anything that could panic.
    #[inline]
    fn lying_int(&self, column: usize) -> Option<i64> {
        match self.known_cell(column)? {
            Cell::Int(v) => Some(v),
            Cell::Bool(v) => Some(v.into()),
            Cell::DateTime(v) => Some(v.epoch_millis()),
            Cell::Date(v) => Some(v.epoch_days().into()),
            _ => None,
        }
    }

    fn int(&self, column: usize) -> Option<i64> {
        match self.cell(column)? {
            Cell::Null => None,
            Cell::Int(_) | Cell::Bool(_) | Cell::DateTime(_) | Cell::Date(_) => self.lying_int(column),
            _ => self.other(column, "whole number"),
        }
    }

    /// The value of a cell as a tree.
    fn tree(&self, column: usize) -> Option<*const dbal_value> {
        let value = match self.cell(column)? {
            Cell::Null => Value::Null,
            Cell::Bool(v) => Value::Bool(v),
            Cell::Int(v) => Value::Int(v),
            Cell::Float(v) => Value::Float(v),
            Cell::DateTime(v) => Value::DateTime(v),
            Cell::Date(v) => Value::Date(v),
            Cell::Decimal(index) => Value::Decimal(Box::new(*self.rows.decimal(index))),
            Cell::Bytes(length, start) => Value::Bytes(self.rows.bytes(length, start).to_vec()),
            Cell::Json(length, start) => json::parse(self.rows.bytes(length, start)).ok()?,
            Cell::Text(length, start) => text_of(self.rows.bytes(length, start)),
            Cell::Uuid(start) => text_of(self.rows.bytes(UUID_TEXT as u32, start)),
            Cell::Whole(index) => self.rows.whole(index).clone(),
        };
        let made = dbal_value::part(node_of(&value));
        let place: *const dbal_value = made.as_ref();
        self.making().values.push(made);
        Some(place)
    }

    /// Related rows as a result of their own, from their beginning.
    fn related(&self, column: usize) -> Option<*mut dbal_result> {
        let index = match self.cell(column)? {
            Cell::Whole(index) => index,
            Cell::Null => return None,
            _ => return self.other(column, "related rows"),
        };
        let mut made = self.making();
        let known = made.related.iter().position(|(known, _)| *known == index);
        let known = match known {
            Some(known) => known,
            None => {
                let mut part = made.spare.pop().unwrap_or_else(dbal_result::part);
                let packed = match self.rows.whole(index) {
                    Value::Record(record) => {
                        part.kind = dbal_kind::DBAL_KIND_ROW;
                        part.rows.copy(record)
                    }
                    Value::Records(records) => {
                        part.kind = dbal_kind::DBAL_KIND_ROWS;
                        records.iter().try_for_each(|record| part.rows.copy(record))
                    }
                    _ => {
                        drop(made);
                        return self.other(column, "related rows");
                    }
                };
                packed.ok()?;
                made.related.push((index, part));
                made.related.len() - 1
            }
        };
        let part = &mut made.related[known].1;
        part.rewind();
        Some(part.as_mut())
    }

    fn name(&self, column: usize) -> Option<*const c_char> {
        let mut made = self.making();
        if made.names.as_ref().is_none_or(|(run, _)| *run != self.run) {
            let names = &self.rows.columns(self.run)?.names;
            made.names = Some((self.run, names.iter().map(|name| Text::new(name)).collect()));
        }
        made.names.as_ref().and_then(|(_, names)| names.get(column)).map(Text::pointer)
    }
}

fn text_of(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

/// Frees an answer. A stream stops reading. NULL is fine; answers that are parts of something are left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_free(result: *mut dbal_result) {
    quiet((), || take(result).map(drop));
}

/// What it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_kind(result: *const dbal_result) -> dbal_kind {
    quiet(dbal_kind::DBAL_KIND_NOTHING, || Some(glance(result)?.kind))
}

/// Goes on to the next row: DBAL_ROW, or DBAL_DONE behind the last one, or what went wrong. What getters gave of the row
/// before is gone then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_next(result: *mut dbal_result, err: *mut *mut dbal_error) -> dbal_status {
    entry(err, || held(result)?.next())
}

/// Whether the getters since the last step were given what they can answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_check(result: *mut dbal_result, err: *mut *mut dbal_error) -> dbal_status {
    done(err, || held(result)?.fault.take().map_or(Ok(()), |message| Err(misuse(message))))
}

/// Back to before the first row. Not of a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_rewind(result: *mut dbal_result, err: *mut *mut dbal_error) -> dbal_status {
    done(err, || {
        let mut result = held(result)?;
        match result.stream.is_some() {
            true => Err(misuse("a stream is read once")),
            false => {
                result.rewind();
                Ok(())
            }
        }
    })
}

/// How many rows there are; of a stream, whether one is under the cursor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_row_count(result: *const dbal_result) -> usize {
    quiet(0, || Some(glance(result)?.rows.count()))
}

/// A count, or how many rows were written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_number(result: *const dbal_result) -> i64 {
    quiet(0, || Some(glance(result)?.number))
}

/// How many rows there are on all pages; -1 where that was not asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_total(result: *const dbal_result) -> i64 {
    quiet(-1, || Some(glance(result)?.page.as_ref()?.total))
}

/// Which page it is, from 1; 0 where it is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_page(result: *const dbal_result) -> i64 {
    quiet(0, || Some(glance(result)?.page.as_ref()?.page))
}

/// How many rows a full page has; 0 where it is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_limit(result: *const dbal_result) -> i64 {
    quiet(0, || Some(glance(result)?.page.as_ref()?.limit))
}

/// Whether rows follow this page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_has_more(result: *const dbal_result) -> bool {
    quiet(false, || Some(glance(result)?.page.as_ref()?.has_more))
}

/// Of a page by cursor: what to give as `after` for the next one. NULL where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_next_cursor(result: *const dbal_result) -> *const c_char {
    quiet(null(), || glance(result)?.page.as_ref()?.next.as_ref().map(Text::pointer))
}

/// Of a page by cursor: what to give as `before` for the one before. NULL where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_prev_cursor(result: *const dbal_result) -> *const c_char {
    quiet(null(), || glance(result)?.page.as_ref()?.previous.as_ref().map(Text::pointer))
}

/// How many answers a batch has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_part_count(result: *const dbal_result) -> usize {
    quiet(0, || Some(glance(result)?.parts.len()))
}

/// The answer to entry `index` of a batch; NULL past the last. It belongs to `result`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_part(result: *mut dbal_result, index: usize) -> *mut dbal_result {
    quiet(null_mut(), || Some(held(result).ok()?.parts.get_mut(index)?.as_mut() as *mut dbal_result))
}

/// How many columns the rows have. An answer without a row may have none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_column_count(result: *const dbal_result) -> usize {
    quiet(0, || Some(glance(result)?.width()))
}

/// The name of a column: a field, a relation, or such as "count" and "sum.price". NULL past the last. It lasts until the
/// answer is freed, or has rows with other columns, as those of an upsert may.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_name(result: *const dbal_result, column: usize) -> *const c_char {
    quiet(null(), || glance(result)?.name(column))
}

/// The number of a column; -1 where there is none of this name. Rows of one answer have their columns in one order, so it
/// is worth asking once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_column(result: *const dbal_result, name: *const c_char) -> i64 {
    quiet(-1, || {
        let result = glance(result)?;
        let found = result.rows.columns(result.run)?.position(text::given(name, "name").ok()?)?;
        i64::try_from(found).ok()
    })
}

/// What a cell is; DBAL_TYPE_UNSET where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_type(result: *const dbal_result, column: usize) -> dbal_type {
    quiet(dbal_type::DBAL_TYPE_UNSET, || {
        let result = glance(result)?;
        Some(match result.cell(column)? {
            Cell::Null => dbal_type::DBAL_TYPE_NULL,
            Cell::Bool(_) => dbal_type::DBAL_TYPE_BOOL,
            Cell::Int(_) => dbal_type::DBAL_TYPE_INT,
            Cell::Float(_) => dbal_type::DBAL_TYPE_FLOAT,
            Cell::DateTime(_) => dbal_type::DBAL_TYPE_DATETIME,
            Cell::Date(_) => dbal_type::DBAL_TYPE_DATE,
            Cell::Text(..) => dbal_type::DBAL_TYPE_TEXT,
            Cell::Json(..) => dbal_type::DBAL_TYPE_JSON,
            Cell::Uuid(_) => dbal_type::DBAL_TYPE_UUID,
            Cell::Bytes(..) => dbal_type::DBAL_TYPE_BYTES,
            Cell::Decimal(_) => dbal_type::DBAL_TYPE_DECIMAL,
            Cell::Whole(index) => match result.rows.whole(index) {
                Value::Record(_) => dbal_type::DBAL_TYPE_ROW,
                Value::Records(_) => dbal_type::DBAL_TYPE_ROWS,
                _ => dbal_type::DBAL_TYPE_JSON,
            },
        })
    })
}

/// Whether a cell is null; so is one that is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_is_null(result: *const dbal_result, column: usize) -> bool {
    quiet(true, || Some(matches!(glance(result)?.cell(column)?, Cell::Null)))
}

/// A boolean.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_bool(result: *const dbal_result, column: usize) -> bool {
    quiet(false, || {
        let result = glance(result)?;
        match result.cell(column)? {
            Cell::Bool(v) => Some(v),
            Cell::Null => None,
            _ => result.other(column, "boolean"),
        }
    })
}

/// A whole number; the milliseconds since 1970 of an instant, the days of a date.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_int(result: *const dbal_result, column: usize) -> i64 {
    // A number that is there needs no guard against panics, whose cost many columns would feel.
    match glance(result).and_then(|result| result.lying_int(column)) {
        Some(number) => number,
        None => other_int(result, column),
    }
}

/// A number; of a decimal the nearest there is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_float(result: *const dbal_result, column: usize) -> f64 {
    quiet(0.0, || {
        let result = glance(result)?;
        match result.cell(column)? {
            Cell::Float(v) => Some(v),
            Cell::Int(v) => Some(v as f64),
            Cell::Decimal(index) => Some(result.rows.decimal(index).to_f64()),
            Cell::Null => None,
            _ => result.other(column, "number"),
        }
    })
}

/// A cell as text with NUL behind it: texts, UUIDs and documents as they are, numbers, booleans, instants and days as they
/// are written; NULL of null. Its length goes to `length` unless that is NULL: text from the outside may hold no NUL, so
/// the length says nothing more. It lasts until the next step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_text(
    result: *const dbal_result,
    column: usize,
    length: *mut usize,
) -> *const c_char {
    // As with whole numbers.
    match glance(result).and_then(|result| result.lying_text(column)) {
        Some((pointer, bytes)) => {
            text::tell(length, bytes);
            pointer
        }
        None => other_text(result, column, length),
    }
}

/// The text of a cell that has to be made, and what is said where there is none. Apart, so that those that lie in the row
/// are told in a few instructions.
#[inline(never)]
unsafe fn other_text(result: *const dbal_result, column: usize, length: *mut usize) -> *const c_char {
    let found = quiet(None, || Some(Some(glance(result)?.text(column)?)));
    text::tell(length, found.map_or(0, |(_, length)| length));
    found.map_or(null(), |(pointer, _)| pointer)
}

/// The same of whole numbers.
#[inline(never)]
unsafe fn other_int(result: *const dbal_result, column: usize) -> i64 {
    quiet(0, || glance(result)?.int(column))
}

/// Bytes; NULL of null. They last until the next step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_bytes(result: *const dbal_result, column: usize, length: *mut usize) -> *const u8 {
    let found = quiet(None, || {
        let result = glance(result)?;
        match result.cell(column)? {
            Cell::Bytes(length, start) => {
                let bytes = result.rows.bytes(length, start);
                Some(Some((bytes.as_ptr(), bytes.len())))
            }
            Cell::Null => None,
            _ => result.other(column, "bytes"),
        }
    });
    text::tell(length, found.map_or(0, |(_, length)| length));
    found.map_or(null(), |(pointer, _)| pointer)
}

/// A cell as a value: a document taken apart. It belongs to `result` and lasts until the next step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_value(result: *const dbal_result, column: usize) -> *const dbal_value {
    quiet(null(), || glance(result)?.tree(column))
}

/// The related rows of an include, before the first of them; NULL where there is none. They belong to `result` and last
/// until the next step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_result_rows(result: *const dbal_result, column: usize) -> *mut dbal_result {
    quiet(null_mut(), || glance(result)?.related(column))
}
