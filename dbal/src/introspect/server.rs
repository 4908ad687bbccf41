//! What a database says of itself: which version it is, and what it takes for the time.

use crate::adapter::Connection;
use crate::error::Result;
use crate::plan::operation::Lowering;
use crate::sql::dialect::Dialect;
use crate::value::{DateTime, Map, Value};

/// A server, or a library that is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its version, in its own words.
    pub version: String,
    /// What it took for the time when it was asked; none where it has no clock of its own.
    pub now: Option<DateTime>,
}

/// Asks a database what it is; none where there is nobody to ask.
pub(crate) fn server(connection: &mut dyn Connection, how: Lowering) -> Result<Option<Server>> {
    let mut ask = |text: &str| -> Result<Map> { Ok(connection.ask(text)?.into_iter().next().unwrap_or_default()) };
    let (version, time) = match how {
        Lowering::Sql(Dialect::Sqlite) => (ask("SELECT sqlite_version() AS version")?, None),
        Lowering::Sql(Dialect::Postgres) => (
            ask("SELECT current_setting('server_version') AS version")?,
            Some(ask("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS now")?),
        ),
        Lowering::Document => (ask(r#"{"buildInfo":1}"#)?, Some(ask(r#"{"hello":1}"#)?)),
        Lowering::Ast => return Ok(None),
    };
    let version = version.get("version").and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let now = time.and_then(|time| {
        let millis = time.get("now").or(time.get("localTime")).and_then(Value::as_i64)?;
        DateTime::from_epoch_millis(millis)
    });
    Ok(Some(Server { version, now }))
}
