//! Secrets against their hashes: the same work and the same answer, whatever is or is not there.

use std::sync::OnceLock;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::Call;
use super::input::Saved;
use crate::adapter::Connection;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Machine, blocking};
use crate::row::RecordSink;
use crate::schema::convert::{convert, verify_hash};
use crate::schema::{EntityId, FieldId, StoredAs, Template};
use crate::value::Value;

/// One secret to verify: a read of its hash, then the slow part, which needs no connection.
pub(in crate::client) struct Secret {
    machine: Mutex<Option<Machine>>,
    how: StoredAs,
    given: String,
}

impl Secret {
    pub(super) fn new(
        call: &Call,
        entity: EntityId,
        key: &[(FieldId, Template)],
        field: FieldId,
        input: &str,
    ) -> Result<Secret> {
        let engine = &call.client.engine;
        let mut values = Vec::with_capacity(key.len());
        for (key, template) in key {
            let value = call.value(template, &Saved::new())?;
            let field = match template {
                Template::Input(name) => format!("input.{name}"),
                _ => engine.schema.entity(entity).field(*key).name.clone(),
            };
            let ty = &engine.schema.entity(entity).field(*key).ty;
            let value = convert(ty, &value).map_err(|message| Error::validation(field, message))?;
            values.push((*key, value));
        }
        let given = match call.input.get(input) {
            Some(Value::Text(text)) => text.clone(),
            other => {
                let got = other.map_or("nothing", Value::kind);
                return Err(Error::validation(format!("input.{input}"), format!("expected text, got {got}")));
            }
        };
        let how = engine.schema.entity(entity).field(field).stored_as.unwrap_or(StoredAs::Argon2id);
        let machine = engine.hidden_field(&call.body.caller, entity, &values, field)?;
        Ok(Secret { machine: Mutex::new(Some(machine)), how, given })
    }

    /// The stored hash; none without a row.
    pub(in crate::client) fn read(
        &self,
        connection: &mut dyn Connection,
        deadline: Option<Instant>,
    ) -> Result<Option<String>> {
        let mut machine = self.machine.lock().take().ok_or_else(|| Error::internal("a secret is read once"))?;
        let mut sink = RecordSink::default();
        match blocking::run(connection, &mut machine, None, deadline, &mut sink) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(sink.records.pop().and_then(|record| record.into_values().pop()).and_then(|value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        }))
    }

    /// UNAUTHORIZED unless they fit.
    pub(in crate::client) fn verify(&self, stored: Option<String>) -> Result<()> {
        let _turn = (self.how == StoredAs::Argon2id).then(Turn::take);
        let fits = match &stored {
            Some(stored) => verify_hash(self.how, stored, &self.given),
            // As much work as with a row, for nothing.
            None => {
                verify_hash(self.how, dummy(self.how), &self.given);
                false
            }
        };
        if fits { Ok(()) } else { Err(Error::unauthorized()) }
    }
}

/// A hash of nothing that anybody knows: it costs what that of a row costs, from the first time on.
fn dummy(how: StoredAs) -> &'static str {
    match how {
        StoredAs::Argon2id => {
            "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        }
        StoredAs::Sha256 => "0000000000000000000000000000000000000000000000000000000000000000",
    }
}

/// Each hash takes 19 MiB and a processor for a while: no more run at once than there are processors.
struct Turn;

static TURNS: Mutex<usize> = Mutex::new(0);
static FREE: Condvar = Condvar::new();

impl Turn {
    fn take() -> Turn {
        static MOST: OnceLock<usize> = OnceLock::new();
        let most = *MOST.get_or_init(|| std::thread::available_parallelism().map_or(2, usize::from));
        let mut taken = TURNS.lock();
        while *taken >= most {
            FREE.wait(&mut taken);
        }
        *taken += 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TURNS.lock() -= 1;
        FREE.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::convert::hash_stored;

    #[test]
    fn the_dummy_costs_what_a_stored_hash_costs() {
        let parameters = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        let stored = hash_stored(StoredAs::Argon2id, "x").expect("it can be hashed");
        assert_eq!(parameters(dummy(StoredAs::Argon2id)), parameters(&stored));
        assert_eq!(dummy(StoredAs::Argon2id).len(), stored.len());
    }
}
