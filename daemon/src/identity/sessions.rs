//! Sessions of the contract: the operation `Session.validate`, as trusted code.

use dbal::{AsyncClient, DateTime, Error, ErrorKind, Map, Operation, Request, Response, Result, Value};

use super::{Verified, with_row};

const SESSION: &str = "Session";

/// The caller whose session has this token. `again`: it is not marked as used.
pub async fn verify(trusted: &AsyncClient, token: &str, again: bool) -> Result<Verified> {
    let schema = trusted.blocking().schema();
    let declared = schema.by_name(SESSION).map(|id| schema.entity(id));
    if declared.and_then(|entity| entity.operation("validate")).is_none() {
        return Err(Error::unauthorized());
    }
    let named = Value::Map(Map(vec![("token".into(), token.into())]));
    let request = match again && declared.is_some_and(|entity| entity.field_by_name("token").is_some()) {
        true => Request::new(Operation::First, SESSION).arg("filter", named),
        false => Request::new(Operation::Call, SESSION).arg("name", "validate").arg("input", named),
    };
    let session = match trusted.execute(&request).await.map(Response::uncalled) {
        Ok(Response::Row(row) | Response::Maybe(Some(row))) => row.into_map(),
        Ok(Response::Maybe(None)) => return Err(Error::unauthorized()),
        Ok(_) => return Err(Error::internal("Session.validate answers with no session")),
        // What cannot be a token is none.
        Err(error) if matches!(error.kind(), ErrorKind::ValidationError | ErrorKind::NotFound) => {
            return Err(Error::unauthorized());
        }
        // Which operation looked the token up is not what the caller asked for.
        Err(error) if error.kind() == ErrorKind::Unauthorized => return Err(Error::unauthorized()),
        Err(error) => return Err(error),
    };
    let user = session.get("user_id").filter(|user| !user.is_null()).ok_or_else(Error::unauthorized)?;
    let user = dbal::value::json::to_wire(user);
    let mut principal = with_row(trusted, user.trim_matches('"'), None).await?;
    let expires = match session.get("expires_at") {
        Some(Value::DateTime(expires)) => Some(*expires),
        _ => None,
    };
    if expires.is_some_and(|expires: DateTime| expires <= DateTime::now()) {
        return Err(Error::unauthorized());
    }
    principal.session = session;
    Ok(Verified { principal: Some(principal), expires })
}
