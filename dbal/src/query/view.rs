//! What a caller may see of the schema, as far as names are resolved. Row filters come later, in `access`.

use crate::schema::{EntityId, FieldId};

/// Which fields exist for a caller.
pub trait View {
    /// Whether the caller is trusted in-process code.
    fn trusted(&self) -> bool;
    /// Whether the caller may select, filter, sort and group by the field.
    fn readable(&self, entity: EntityId, field: FieldId) -> bool;
    /// Whether the caller may give the field a value.
    fn writable(&self, entity: EntityId, field: FieldId) -> bool;
}

/// Trusted in-process code: every field, but sensitive ones are never returned.
#[derive(Clone, Copy, Debug)]
pub struct Trusted;

impl View for Trusted {
    fn trusted(&self) -> bool {
        true
    }

    fn readable(&self, _entity: EntityId, _field: FieldId) -> bool {
        true
    }

    fn writable(&self, _entity: EntityId, _field: FieldId) -> bool {
        true
    }
}
