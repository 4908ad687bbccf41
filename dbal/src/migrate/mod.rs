//! The life of a database: from what it holds to what a schema declares, and back.
//!
//! `model` is what a database keeps of a schema. `diff` says what leads from one model to another, in `change`s that
//! know no database; `lower` spells them for one, questions about rows first. `apply` carries them out, under a lock,
//! and writes down in `history` what it did. `adopt` looks at databases that have no history yet. Nothing but `apply`,
//! `history` and `lock` does anything.

pub mod adopt;
pub mod apply;
pub mod change;
pub mod compat;
mod convert;
pub mod diff;
pub mod history;
mod lock;
pub mod lower;
pub mod model;
pub mod record;

pub use apply::{Options, Plan, Progress, Survey};
pub use change::Change;
pub use history::{Entry, State};
pub use lower::Step;
pub use model::Model;
