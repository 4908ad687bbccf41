//! What a backend can do, as data. The struct is generated from `api/schema/capabilities.yaml`.

pub use crate::generated::capabilities::{Capabilities, Support};
