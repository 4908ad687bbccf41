//! gRPC's own question after health: what `/ready` says beside the port.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::service::{Service, has_stopped};

/// How often whoever watches is told of a change.
const LOOK: Duration = Duration::from_secs(5);

/// The health of a daemon.
pub struct Served {
    service: Arc<Service>,
}

impl Served {
    /// Of this one.
    pub fn new(service: Arc<Service>) -> Self {
        Served { service }
    }
}

async fn status(service: &Service) -> ServingStatus {
    match !service.is_stopping() && service.probe.is_ready(service).await {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    }
}

fn is_known(name: &str) -> bool {
    matches!(name, "" | "dbal.v1.Dbal")
}

fn message(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for Served {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if !is_known(&request.get_ref().service) {
            // As gRPC has it, not an entity that is missing.
            return Err(Status::with_details(tonic::Code::NotFound, "there is no such service", UNKNOWN.into()));
        }
        Ok(Response::new(message(status(&self.service).await)))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let known = is_known(&request.get_ref().service);
        let state = Some((self.service.clone(), None));
        let told = stream::unfold(state, move |state| async move {
            let (service, last) = state?;
            let mut stopping = service.stopping.clone();
            loop {
                if last.is_some() {
                    tokio::select! {
                        () = has_stopped(&mut stopping) => {}
                        () = tokio::time::sleep(LOOK) => {}
                    }
                }
                let now = if known { status(&service).await } else { ServingStatus::ServiceUnknown };
                if service.is_stopping() {
                    return Some((Ok(message(ServingStatus::NotServing)), None));
                }
                if last != Some(now) {
                    return Some((Ok(message(now)), Some((service, Some(now)))));
                }
            }
        });
        Ok(Response::new(Box::pin(told)))
    }
}

/// An empty `google.rpc.Status` of NOT_FOUND, so that it is left as it is.
const UNKNOWN: &[u8] = &[8, 5];
