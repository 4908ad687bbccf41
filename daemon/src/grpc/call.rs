//! One call of the service: the request it carries, run as any other.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use dbal::{Error, ErrorKind, Operation, Request, Result};
use futures_util::{Stream, stream};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Response, Status, Streaming};

use super::{answer, failure, told, transaction, value};
use crate::accept::Place;
use crate::body::Held;
use crate::caller::Caller;
use crate::catalogue;
use crate::generated::dbal_v1::dbal_server::Dbal;
use crate::generated::dbal_v1::{
    CapabilitiesRequest, Document, Request as Asked, Response as Answered, Rows, SchemaRequest, TransactionRequest,
    TransactionResponse,
};
use crate::http::gather;
use crate::service::{Ask, Service};

/// Messages, one after the other.
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Ends when a token does.
pub type Revoked = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A call with its caller.
#[derive(Clone)]
pub struct Call {
    /// The daemon.
    pub service: Arc<Service>,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// How long it may take.
    pub within: Duration,
    peer: IpAddr,
    id: String,
    place: Option<Arc<Place>>,
    key: Option<String>,
    token: Option<String>,
}

impl Call {
    /// The call of a request, once it is known whose it is.
    ///
    /// # Errors
    /// UNAUTHORIZED for a token that does not count, VALIDATION_ERROR for metadata that make no sense.
    pub async fn new(service: Arc<Service>, peer: IpAddr, id: &str, head: &Parts) -> Result<Call> {
        let (token, timeout, key) = told(head)?;
        let caller = service.caller(token.as_deref(), peer, id).await?;
        let place = head.extensions.get::<Arc<Place>>().cloned();
        Ok(Call { within: service.within(timeout), service, caller, peer, id: id.to_owned(), place, key, token })
    }

    /// What is known of a request beside itself.
    pub fn ask(&self, timeout: Duration) -> Ask<'_> {
        Ask { transport: "grpc", peer: self.peer, id: &self.id, timeout: Some(timeout), key: self.key.as_deref() }
    }

    /// An error as this transport tells it.
    pub fn status(&self, error: &Error) -> Status {
        failure::status(error, &self.id)
    }

    /// Ends when the caller's token does not count any more.
    pub fn revoked(&self) -> Revoked {
        Box::pin(self.service.clone().until_revoked(self.token.clone()))
    }

    /// The request of a message. What is none is written down.
    ///
    /// # Errors
    /// As [`request`].
    fn read(&self, asked: Asked) -> Result<Request> {
        let (operation, entity) = (asked.operation.clone(), asked.entity.clone());
        request(asked)
            .or_else(|error| self.service.refuse(&self.caller, &operation, &entity, &self.ask(self.within), error))
    }

    /// A place for a transaction among those of the connection.
    pub fn transaction(&self) -> Result<Option<OwnedSemaphorePermit>> {
        self.place.as_ref().map(|place| place.transaction()).transpose()
    }
}

/// The request of a message.
///
/// # Errors
/// VALIDATION_ERROR for a word that is no operation, and for arguments that no request may hold.
pub fn request(asked: Asked) -> Result<Request> {
    let unknown = || Error::validation("operation", "expected an operation, such as list");
    let operation = Operation::parse(&asked.operation).ok_or_else(unknown)?;
    let args = value::arguments(asked.args.unwrap_or_default())?;
    Ok(Request { operation, entity: asked.entity.into(), args })
}

#[tonic::async_trait]
impl Dbal for Call {
    async fn execute(&self, asked: tonic::Request<Asked>) -> Result<Response<Answered>, Status> {
        let run = async {
            let request = self.read(asked.into_inner())?;
            if request.operation == Operation::Stream {
                return Err(Error::validation("operation", "a stream has a method of its own"));
            }
            self.service.run(&self.caller, &request, &self.ask(self.within)).await
        };
        match run.await {
            Ok(response) => Ok(Response::new(answer::of(response))),
            Err(error) => Err(self.status(&error)),
        }
    }

    type StreamStream = Messages<Rows>;

    async fn stream(&self, asked: tonic::Request<Asked>) -> Result<Response<Messages<Rows>>, Status> {
        let begin = async {
            let mut asked = asked.into_inner();
            if !matches!(asked.operation.as_str(), "" | "stream") {
                return Err(Error::validation("operation", "expected stream, or nothing"));
            }
            asked.operation = Operation::Stream.as_str().to_owned();
            let place = self.place.as_ref().map(|place| place.stream()).transpose()?;
            let rows = self.service.stream(&self.caller, self.read(asked)?, &self.ask(self.within)).await?;
            Ok((rows, place))
        };
        let (rows, place) = begin.await.map_err(|error| self.status(&error))?;
        let state = Some((rows, place, self.clone(), self.revoked()));
        let parts = stream::unfold(state, |state| async move {
            let (mut rows, place, call, mut revoked) = state?;
            let gathered = tokio::select! {
                biased;
                () = &mut revoked => Err(Error::unauthorized()),
                gathered = gather(&mut rows) => gathered,
            };
            match gathered {
                Ok(gathered) if gathered.is_empty() => None,
                Ok(gathered) => Some((Ok(value::rows(gathered)), Some((rows, place, call, revoked)))),
                Err(error) => Some((Err(call.status(&error)), None)),
            }
        });
        Ok(Response::new(Box::pin(parts)))
    }

    type TransactionStream = Messages<TransactionResponse>;

    async fn transaction(
        &self,
        steps: tonic::Request<Streaming<TransactionRequest>>,
    ) -> Result<Response<Messages<TransactionResponse>>, Status> {
        let held = steps.extensions().get::<Held>().cloned();
        let answers = transaction::run(self.clone(), steps.into_inner(), held).map_err(|error| self.status(&error))?;
        Ok(Response::new(Box::pin(answers)))
    }

    async fn schema(&self, _: tonic::Request<SchemaRequest>) -> Result<Response<Document>, Status> {
        let json = catalogue::text(self.caller.client.blocking(), self.caller.principal.as_ref()).0;
        Ok(Response::new(Document { json }))
    }

    async fn capabilities(&self, _: tonic::Request<CapabilitiesRequest>) -> Result<Response<Document>, Status> {
        Ok(Response::new(Document { json: catalogue::capabilities(self.caller.client.blocking()) }))
    }
}

/// The transaction ended otherwise than by its caller's word.
pub fn over(message: &'static str) -> Error {
    Error::new(ErrorKind::Conflict, message).with_reason(dbal::Reason::Aborted)
}
