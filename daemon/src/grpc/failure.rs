//! Errors as `google.rpc.Status`.

use std::collections::HashMap;

use dbal::{Error, Outcome};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// The domain of `ErrorInfo`.
const DOMAIN: &str = "dbal";

/// Text of faults in one status, in bytes. It travels in a header, of which clients take 8 KiB.
const MOST: usize = 3 << 10;

/// Text of a message.
const MESSAGE: usize = 1 << 10;

/// The status of an error.
pub fn status(error: &Error, request_id: &str) -> Status {
    let (retry, outcome) = (error.retry().as_str(), error.outcome().map(Outcome::as_str));
    let mut more = HashMap::new();
    let mut say = |name: &str, value: Option<String>| drop(value.map(|value| more.insert(name.to_owned(), value)));
    say("number", Some((error.kind() as u32).to_string()));
    say("retry", Some(retry.to_owned()));
    say("reason", error.reason().map(|reason| reason.as_str().to_owned()));
    say("outcome", outcome.map(str::to_owned));
    say("operation", error.operation().map(str::to_owned));
    say("entity", error.entity().map(str::to_owned));
    say("entry", error.entry().map(|entry| entry.to_string()));
    let (faults, indexes) = faults(error);
    let left_out = error.fields().len() - faults.len();
    say("faults_left_out", (left_out > 0).then(|| left_out.to_string()));
    say("field_indexes", indexes.iter().any(|index| !index.is_empty()).then(|| indexes.join(",")));
    let mut details = ErrorDetails::new();
    details.set_error_info(error.code(), DOMAIN, more);
    if !faults.is_empty() {
        details.set_bad_request(faults);
    }
    if let Some(wait) = error.retry_after() {
        details.set_retry_info(Some(wait));
    }
    details.set_request_info(request_id, "");
    Status::with_error_details(code(error), cut(error.message(), MESSAGE), details)
}

/// The faults that find room, and the row of each in an input of many.
fn faults(error: &Error) -> (Vec<FieldViolation>, Vec<String>) {
    let mut room = MOST;
    let fits = |fault: &&dbal::FieldFault| {
        room = room.saturating_sub(fault.field.len() + fault.message.len() + 16);
        room > 0
    };
    let all = error.fields().iter().take_while(fits).map(|fault| {
        let index = fault.index.map(|index| index.to_string()).unwrap_or_default();
        (FieldViolation::new(fault.field.as_str(), fault.message.as_str()), index)
    });
    all.unzip()
}

fn cut(text: &str, most: usize) -> String {
    match text.len() > most {
        true => {
            let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text[..end].to_owned() + "…"
        }
        false => text.to_owned(),
    }
}

fn code(error: &Error) -> Code {
    let word = error.kind().grpc_status(error.reason().map(|reason| reason.as_str()));
    match word {
        "NOT_FOUND" => Code::NotFound,
        "ALREADY_EXISTS" => Code::AlreadyExists,
        "ABORTED" => Code::Aborted,
        "UNAUTHENTICATED" => Code::Unauthenticated,
        "PERMISSION_DENIED" => Code::PermissionDenied,
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "RESOURCE_EXHAUSTED" => Code::ResourceExhausted,
        "UNIMPLEMENTED" => Code::Unimplemented,
        "UNAVAILABLE" => Code::Unavailable,
        "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
        _ => Code::Internal,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use dbal::{ErrorKind, FieldFault, Reason};

    use super::*;

    #[test]
    fn each_kind_has_its_status() {
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "x");
            assert_eq!(code(&error) == Code::Internal, kind.grpc_status(None) == "INTERNAL", "{kind:?}");
        }
        let conflict = |reason| code(&Error::conflict(reason, &[], "x"));
        assert_eq!(conflict(Reason::Unique), Code::AlreadyExists);
        assert_eq!(conflict(Reason::Version), Code::Aborted);
    }

    #[test]
    fn a_status_fits_in_a_header() {
        let fault = |index: usize| FieldFault { field: "name".into(), message: "x".repeat(100), index: Some(index) };
        let told = status(&Error::invalid((0..1_000).map(fault).collect()), "id");
        assert!(told.details().len() < 6 << 10, "{} bytes", told.details().len());
        let details = told.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("VALIDATION_ERROR", "dbal"));
        let kept = details.bad_request().unwrap().field_violations.len();
        assert_eq!(info.metadata["faults_left_out"], (1_000 - kept).to_string());
        assert!(info.metadata["field_indexes"].starts_with("0,1,2,"));
        assert_eq!(details.request_info().unwrap().request_id, "id");
    }
}
