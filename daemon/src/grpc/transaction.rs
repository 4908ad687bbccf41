//! A transaction is one call: steps come in, an answer to each goes out. Whatever ends the call before its commit undoes
//! everything, because what is open is dropped with it.

use std::time::{Duration, Instant};

use dbal::client::nonblocking::AsyncTransaction;
use dbal::{Error, Operation, Outcome, Result};
use futures_util::{Stream, stream};
use prost::Message as _;
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Status, Streaming};

use super::call::{Call, Revoked, over, request};
use super::{answer, status};
use crate::body::Held;
use crate::generated::dbal_v1::transaction_request::Step;
use crate::generated::dbal_v1::transaction_response;
use crate::generated::dbal_v1::{TransactionRequest, TransactionResponse};
use crate::metrics::Counted;

/// Bytes before each message.
const PREFIX: usize = 5;

/// The answers to the steps of a call.
///
/// # Errors
/// RATE_LIMIT_EXCEEDED when the connection has too many.
pub fn run(
    call: Call,
    steps: Streaming<TransactionRequest>,
    held: Option<Held>,
) -> Result<impl Stream<Item = Result<TransactionResponse, Status>> + Send> {
    let place = call.transaction()?;
    let counted = Counted::new(&call.service.metrics.transactions);
    let until = Instant::now() + call.within;
    let revoked = call.revoked();
    let running = Running { call, steps, open: Vec::new(), until, revoked, held, _place: place, _counted: counted };
    Ok(stream::unfold(Some(running), |running| async move {
        let mut running = running?;
        match running.next().await {
            Ok(answer) => {
                // The last of them ended, and the call with it.
                let more = !running.open.is_empty();
                Some((Ok(answer), more.then_some(running)))
            }
            Err(error) => Some((Err(running.call.status(&error)), None)),
        }
    }))
}

struct Running {
    call: Call,
    steps: Streaming<TransactionRequest>,
    /// Those that are open, each inside the one before it.
    open: Vec<AsyncTransaction>,
    until: Instant,
    revoked: Revoked,
    /// The room that its messages take.
    held: Option<Held>,
    _place: Option<OwnedSemaphorePermit>,
    _counted: Counted,
}

impl Running {
    /// The answer to the next step; an error ends the call.
    async fn next(&mut self) -> Result<TransactionResponse> {
        let late = || Error::timeout(Outcome::NotApplied);
        // Not while a step is carried out: whether a commit was, its caller has to be told.
        let step = tokio::select! {
            biased;
            () = &mut self.revoked => return Err(Error::unauthorized()),
            step = tokio::time::timeout_at(self.until.into(), self.steps.message()) => step.map_err(|_| late())?,
        };
        let step = step.map_err(|unread| status::error(&unread))?;
        let step = step.ok_or_else(|| over("the call ended without commit; nothing was applied"))?;
        let bytes = step.encoded_len() + PREFIX;
        let step = step.step.ok_or_else(|| Error::validation("step", "missing"))?;
        let result = self.carried_out(step).await?;
        if let Some(held) = &self.held {
            held.give_back(bytes);
        }
        Ok(TransactionResponse { result: Some(result) })
    }

    async fn carried_out(&mut self, step: Step) -> Result<transaction_response::Result> {
        Ok(match (step, self.open.is_empty()) {
            (Step::Begin(_), _) => {
                let begun = self.begin().await?;
                self.open.push(begun);
                transaction_response::Result::Done(true)
            }
            (_, true) => return Err(Error::validation("step", "expected begin: nothing is open yet")),
            (Step::Request(asked), false) => match self.request(asked).await {
                Ok(response) => transaction_response::Result::Response(answer::of(response)),
                Err(error) => transaction_response::Result::Error(self.call.status(&error).details().to_vec()),
            },
            (Step::Commit(_), false) => {
                self.last()?.commit().await?;
                transaction_response::Result::Done(true)
            }
            (Step::Rollback(_), false) => {
                self.last()?.rollback().await?;
                transaction_response::Result::Done(true)
            }
        })
    }

    async fn begin(&mut self) -> Result<AsyncTransaction> {
        match self.open.last() {
            Some(outer) => outer.begin().await,
            None => {
                let left = self.left();
                let client = self.call.ask(left).client(&self.call.caller, left);
                client.begin_until(Some(self.until)).await
            }
        }
    }

    async fn request(&mut self, asked: crate::generated::dbal_v1::Request) -> Result<dbal::Response> {
        let request = request(asked)?;
        if request.operation == Operation::Stream {
            return Err(Error::validation("operation", "a stream has a method of its own"));
        }
        let transaction = self.open.last().ok_or_else(|| over("the transaction has ended"))?;
        let ask = self.call.ask(self.left());
        self.call.service.run_inside(&self.call.caller, transaction, &request, &ask).await
    }

    fn last(&mut self) -> Result<AsyncTransaction> {
        self.open.pop().ok_or_else(|| over("the transaction has ended"))
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}
