//! The other end of a wire: a daemon, asked as `docs/protocol.md` says.
//!
//! Requests are sent as they come and never planned: what they mean is the daemon's to say, and who asks is whoever the
//! credentials name. One connection carries all requests of a client. A thread of its own keeps it ([`Remote`]): it
//! connects when there is something to send, runs again what may be run again, and tells whoever waits.

mod adapter;
mod answer;
mod catalogue;
mod credentials;
mod endpoint;
mod failure;
mod job;
mod link;
mod open;
mod params;
mod socket;

pub use answer::Answer;
pub use credentials::Credentials;
pub use endpoint::Endpoint;
pub use job::{Batches, Kind, Question, Reply, Transaction};
pub use open::Remote;

pub(crate) use adapter::RemoteAdapter;
pub(crate) use params::Params;
