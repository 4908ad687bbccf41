//! Reads that are awaited, on copies of the database.

use std::sync::Arc;

use parking_lot::Mutex;

use super::submit::driven;
use crate::adapter::{Awaited, Intent, Pending};
use crate::client::copies::{Copy, may_be_asked_elsewhere};
use crate::client::{Client, retry};
use crate::error::{Error, Result};
use crate::exec::{Machine, Summary};
use crate::row::RowSink;

/// What a copy answers; the sink where the database itself is to be asked.
pub(super) async fn run<S: RowSink + Send + 'static>(
    client: &Client,
    machine: &Machine,
    sink: S,
) -> Result<Result<(Summary, S)>, S> {
    let copy = client.copy(machine);
    let Some((copy, driver)) = copy.and_then(|copy| Some((copy, copy.adapter.driver()?))) else { return Err(sink) };
    let (deadline, brief, machine) = (client.deadline(), machine.is_brief(), machine.clone());
    // Shared, so that it is still there when no connection was to be had.
    let kept = Arc::new(Mutex::new(Some(sink)));
    let taken = kept.clone();
    let work = move |mut connection: Box<dyn Awaited>| -> Pending<'static, Option<Result<(Summary, S)>>> {
        Box::pin(async move {
            let Some(mut sink) = taken.lock().take() else { return Err(Error::internal("a sink is taken once")) };
            let mut given = retry::Given::new(&mut sink);
            let ran = retry::alone_awaited(&mut *connection, machine, false, deadline, &mut given).await;
            let rows = given.rows;
            Ok(match ran {
                Err(error) if rows == 0 && may_be_asked_elsewhere(&error) => {
                    *taken.lock() = Some(sink);
                    None
                }
                ran => Some(ran.map(|summary| (summary, sink))),
            })
        })
    };
    let done = driven(driver, Intent::Read, brief, Some(Copy::until(deadline)), work).await;
    let back = kept.lock().take();
    match (done, back) {
        (Ok(Some(done)), _) => Ok(done),
        (Ok(None), Some(sink)) => Err(sink),
        (Ok(None), None) => Ok(Err(Error::internal("a sink that was given back is gone"))),
        // There was no connection.
        (Err(_), Some(sink)) => {
            copy.rest();
            Err(sink)
        }
        (Err(error), None) => Ok(Err(error)),
    }
}
