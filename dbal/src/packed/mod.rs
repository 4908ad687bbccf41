//! Rows packed for another program or another language, and unpacked.
//!
//! A result leaves as [`Pieces`]: its rows as slots of 64 bits, and one text for all of them. A [`Layout`] says what the
//! columns are called and how their cells are written, once for all results of one form. JavaScript in the same process
//! reads the slots where they are; over a wire they travel in a [`Frame`]. Whoever reads them in Rust has an
//! [`Unpacker`].
//!
//! ```
//! use std::sync::Arc;
//! use dbal::packed::{Frame, Layouts, Message, Packer, Told, Unpacker};
//! use dbal::{Client, Config, Operation, RecordSink, Request, value};
//!
//! let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true }\n  text: { type: string }\n";
//! let db = Client::open(Config::memory().schema_text(schema))?;
//! db.entity("Note")?.create(value!({ "id": 1, "text": "hello" }))?;
//!
//! // Here rows are packed while they are read ...
//! let layouts = Arc::new(Layouts::new(db.schema().clone()));
//! let mut packer = Packer::new(layouts.clone(), db.entity_id("Note")?);
//! let envelope = db.execute_into(&Request::new(Operation::FindMany, "Note"), &mut packer)?;
//! let mut told = Told::default();
//! let mut frame = Frame::new(&layouts, &mut told);
//! frame.pieces(packer.finish())?;
//! let bytes = frame.finish(dbal::client::packed::head(&envelope));
//!
//! // ... and there they are rows again.
//! let mut unpacker = Unpacker::new(db.schema().clone());
//! let mut message = Message::read(&bytes)?;
//! unpacker.learn(&message.head)?;
//! let mut sink = RecordSink::default();
//! unpacker.rows(&mut message, &mut sink)?;
//! assert_eq!(sink.records, db.entity("Note")?.find_many(dbal::query())?);
//! # Ok::<(), dbal::Error>(())
//! ```

mod frame;
mod layout;
mod pack;
mod unpack;

pub use frame::{Frame, Message, Told};
pub use layout::{Kind, Layout, Layouts};
pub use pack::{Packer, Piece, Pieces};
pub use unpack::Unpacker;
