//! What one JavaScript environment has: the buffers that requests and answers go through, and what is in flight.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::task::Poll;

use dbal::client::nonblocking::{AsyncRows, AsyncTransaction};
use dbal::client::stream::Rows;
use dbal::client::{Envelope, Page};
use dbal::packed::{Piece, Pieces};
use dbal::{Error, Result};
use napi::bindgen_prelude::{BigUint64Array, Uint8Array};
use napi::{Env, JsString};
use napi_derive::napi;

use crate::error;
use crate::task::{Bell, Tasks, Work};
use crate::transaction::Lent;
use crate::value::Reader;

/// Slots before the cells. `lib/port.js` has the same numbers.
const HEAD: usize = 16;
const STATUS: usize = 0;
const SHAPE: usize = 1;
const ROWS: usize = 2;
const LAYOUT: usize = 3;
const MORE: usize = 4;
const NEEDED: usize = 5;
const TASK: usize = 6;
const NUMBER: usize = 7;
const TOTAL: usize = 8;
const PAGE: usize = 9;
const LIMIT: usize = 10;
const HAS_MORE: usize = 11;
const NEXT: usize = 12;
const PREV: usize = 13;

/// What a request or another call comes to.
pub enum Answer {
    /// Rows, and what else there is to say.
    Rows(Pieces, Envelope),
    /// The answers to the entries of a batch.
    Many(VecDeque<(Pieces, Envelope)>),
    /// Some rows of a stream; whether it has ended.
    Some(Pieces, bool),
    /// A transaction or a stream, by number.
    Handle(u32),
    /// JSON.
    Json(String),
    /// Nothing to say.
    Nothing,
}

/// As many pieces keep their memory for the next ones.
const SPARE: usize = 64;

/// The environment's side of everything that is open.
pub struct Shared {
    input: RefCell<Uint8Array>,
    output: RefCell<BigUint64Array>,
    /// Pieces of the last answer that were not taken yet.
    rest: RefCell<Pieces>,
    /// Answers of the last batch that were not taken yet.
    entries: RefCell<VecDeque<(Pieces, Envelope)>>,
    /// Pieces that were handed over, for the memory they have.
    spare: RefCell<Vec<Piece>>,
    tasks: RefCell<Tasks>,
    /// Open transactions by number.
    pub transactions: RefCell<Handles<Rc<AsyncTransaction>>>,
    /// Open streams by number; none while one is being read.
    pub streams: RefCell<Handles<Option<AsyncRows>>>,
    /// Open streams of the synchronous face.
    pub rows: RefCell<Handles<Option<Rows>>>,
    /// Open transactions of the synchronous face.
    pub lent: RefCell<Lent>,
}

/// Things by number.
pub struct Handles<T> {
    held: HashMap<u32, T>,
    next: u32,
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Handles { held: HashMap::new(), next: 0 }
    }
}

impl<T> Handles<T> {
    /// Keeps a thing and gives its number.
    pub fn keep(&mut self, thing: T) -> u32 {
        self.next += 1;
        self.held.insert(self.next, thing);
        self.next
    }

    /// The thing of a number.
    pub fn get(&mut self, number: u32) -> Option<&mut T> {
        self.held.get_mut(&number)
    }

    /// The thing of a number, which has none from then on.
    pub fn take(&mut self, number: u32) -> Option<T> {
        self.held.remove(&number)
    }
}

impl Shared {
    /// Reads what was written into the input buffer.
    pub fn read<T>(&self, length: u32, read: impl FnOnce(&mut Reader<'_>) -> Result<T>) -> Result<T> {
        let input = self.input.borrow();
        let bytes =
            input.get(..length as usize).ok_or_else(|| Error::internal("a request is longer than its buffer"))?;
        read(&mut Reader::new(bytes))
    }

    /// Starts work, and answers at once if it is done at once.
    pub fn start<'e>(&self, env: &'e Env, mut work: Work) -> napi::Result<JsString<'e>> {
        let begun = self.tasks.borrow_mut().begin();
        match begun.poll(&mut work) {
            Poll::Ready(outcome) => self.answer(env, outcome),
            Poll::Pending => {
                let id = self.tasks.borrow_mut().keep(begun, work);
                self.write(&[(STATUS, 5.0), (TASK, f64::from(id))]);
                env.create_string_latin1([])
            }
        }
    }

    /// Writes an answer into the output buffer; its text is returned.
    pub fn answer<'e>(&self, env: &'e Env, outcome: Result<Answer>) -> napi::Result<JsString<'e>> {
        let mut rest = self.rest.borrow_mut();
        *rest = Pieces::default();
        match outcome {
            Err(error) => {
                self.write(&[(STATUS, 1.0), (MORE, 0.0)]);
                env.create_string(error::describe(&error))
            }
            Ok(Answer::Json(text)) => {
                self.write(&[(STATUS, 2.0)]);
                env.create_string(text)
            }
            Ok(Answer::Handle(number)) => {
                self.write(&[(STATUS, 3.0), (NUMBER, f64::from(number))]);
                env.create_string_latin1([])
            }
            Ok(Answer::Nothing) => {
                self.write(&[(STATUS, 4.0)]);
                env.create_string_latin1([])
            }
            Ok(Answer::Many(entries)) => {
                self.write(&[(STATUS, 6.0), (NUMBER, entries.len() as f64)]);
                *self.entries.borrow_mut() = entries;
                env.create_string_latin1([])
            }
            Ok(Answer::Some(pieces, ended)) => {
                *rest = pieces;
                drop(rest);
                self.write(&[(STATUS, 0.0), (SHAPE, 10.0), (NUMBER, f64::from(u8::from(ended)))]);
                self.piece(env, None)
            }
            Ok(Answer::Rows(pieces, envelope)) => {
                *rest = pieces;
                drop(rest);
                let shape = match &envelope {
                    Envelope::Row => 0.0,
                    Envelope::Maybe => 1.0,
                    Envelope::Rows => 2.0,
                    Envelope::Page(_) => 3.0,
                    Envelope::Count(_) => 4.0,
                    Envelope::Affected(_) => 5.0,
                    Envelope::Values => 6.0,
                    Envelope::Group => 7.0,
                    Envelope::Groups => 8.0,
                    Envelope::Done => 9.0,
                    Envelope::Value => 11.0,
                };
                self.write(&[(STATUS, 0.0), (SHAPE, shape)]);
                let mut page = None;
                match envelope {
                    Envelope::Count(count) | Envelope::Affected(count) => self.write(&[(NUMBER, count as f64)]),
                    Envelope::Page(given) => page = Some(given),
                    _ => {}
                }
                self.piece(env, page.as_deref())
            }
        }
    }

    /// Writes the next piece of the answer. One that does not fit stays: the buffer is replaced and it is asked for
    /// again.
    fn piece<'e>(&self, env: &'e Env, page: Option<&Page>) -> napi::Result<JsString<'e>> {
        let mut cursors = String::new();
        if let Some(page) = page {
            let mut cursor = |cursor: &Option<String>| match cursor {
                Some(text) => {
                    cursors.push_str(text);
                    text.len() as f64
                }
                None => -1.0,
            };
            self.write(&[
                (TOTAL, page.total.map_or(f64::NAN, |total| total as f64)),
                (PAGE, page.page as f64),
                (LIMIT, page.limit as f64),
                (HAS_MORE, f64::from(u8::from(page.has_more))),
                (NEXT, cursor(&page.next_cursor)),
                (PREV, cursor(&page.prev_cursor)),
            ]);
        }
        let mut rest = self.rest.borrow_mut();
        let capacity = self.output.borrow().len();
        let fits = rest.front().is_none_or(|piece| piece.slots.len() + HEAD <= capacity);
        let piece = if fits { rest.pop().unwrap_or_default() } else { Piece::default() };
        let needed = if fits { 0 } else { rest.front().map_or(0, |piece| piece.slots.len() + HEAD) };
        self.write(&[
            (ROWS, f64::from(piece.rows)),
            (LAYOUT, f64::from(piece.layout)),
            (MORE, f64::from(u8::from(!rest.is_empty()))),
            (NEEDED, needed as f64),
        ]);
        drop(rest);
        let mut output = self.output.borrow_mut();
        // SAFETY: the memory belongs to JavaScript, which does not run while this call does.
        let slots = unsafe { output.as_mut() };
        slots[HEAD..HEAD + piece.slots.len()].copy_from_slice(&piece.slots);
        drop(output);
        let made = if cursors.is_empty() {
            text(env, &piece.text, piece.is_ascii())
        } else {
            cursors.push_str(&piece.text);
            text(env, &cursors, piece.is_ascii())
        };
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE {
            spare.extend(piece.emptied());
        }
        made
    }

    /// An empty piece, with memory if there is some.
    pub fn spare(&self) -> Piece {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    fn write(&self, slots: &[(usize, f64)]) {
        let mut output = self.output.borrow_mut();
        // SAFETY: as above.
        let memory = unsafe { output.as_mut() };
        for (slot, value) in slots {
            memory[*slot] = value.to_bits();
        }
    }
}

fn text<'e>(env: &'e Env, text: &str, ascii: bool) -> napi::Result<JsString<'e>> {
    if ascii { env.create_string_latin1(text) } else { env.create_string(text) }
}

/// One environment's port.
#[napi]
pub struct Port {
    pub(crate) shared: Rc<Shared>,
}

#[napi]
impl Port {
    /// A port with its buffers, and what is called when something is done.
    #[napi(constructor, catch_unwind)]
    pub fn new(input: Uint8Array, output: BigUint64Array, bell: Bell) -> napi::Result<Self> {
        if output.len() < HEAD {
            return Err(napi::Error::from_reason("the output buffer is too small"));
        }
        Ok(Port {
            shared: Rc::new(Shared {
                input: RefCell::new(input),
                output: RefCell::new(output),
                rest: RefCell::default(),
                entries: RefCell::default(),
                spare: RefCell::default(),
                tasks: RefCell::new(Tasks::new(bell)),
                transactions: RefCell::default(),
                streams: RefCell::default(),
                rows: RefCell::default(),
                lent: RefCell::default(),
            }),
        })
    }

    /// Replaces the input buffer.
    #[napi(catch_unwind)]
    pub fn set_input(&self, input: Uint8Array) {
        *self.shared.input.borrow_mut() = input;
    }

    /// Replaces the output buffer by a larger one.
    #[napi(catch_unwind)]
    pub fn set_output(&self, output: BigUint64Array) {
        if output.len() >= HEAD {
            *self.shared.output.borrow_mut() = output;
        }
    }

    /// The answer of something that is done; none when nothing is.
    #[napi(catch_unwind)]
    pub fn next<'e>(&self, env: &'e Env) -> napi::Result<Option<JsString<'e>>> {
        loop {
            let woken = self.shared.tasks.borrow_mut().woken();
            let Some((begun, mut work)) = woken else { return Ok(None) };
            match begun.poll(&mut work) {
                Poll::Ready(outcome) => {
                    self.shared.write(&[(TASK, f64::from(begun.id()))]);
                    return self.shared.answer(env, outcome).map(Some);
                }
                Poll::Pending => drop(self.shared.tasks.borrow_mut().keep(begun, work)),
            }
        }
    }

    /// The next piece of the answer that was given last.
    #[napi(catch_unwind)]
    pub fn take<'e>(&self, env: &'e Env) -> napi::Result<JsString<'e>> {
        self.shared.piece(env, None)
    }

    /// The answer to the next entry of the batch that was answered last.
    #[napi(catch_unwind)]
    pub fn entry<'e>(&self, env: &'e Env) -> napi::Result<JsString<'e>> {
        let entry = self.shared.entries.borrow_mut().pop_front();
        let (pieces, envelope) = entry.unwrap_or((Pieces::default(), Envelope::Done));
        self.shared.answer(env, Ok(Answer::Rows(pieces, envelope)))
    }

    /// Gives work up that is in flight.
    #[napi(catch_unwind)]
    pub fn cancel(&self, task: u32) {
        // Dropped after the tasks are free again: what it holds may wake others.
        let work = self.shared.tasks.borrow_mut().drop(task);
        drop(work);
    }
}
