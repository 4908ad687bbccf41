//! Written by `cargo xtask codegen` from api/schema/errors.yaml. Do not edit.

use dbal::ErrorKind;

/// How a call went. Numbers of errors are the same in every host, and never used again.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dbal_status {
    /// It is done.
    DBAL_OK = 0,
    /// The entity asked for does not exist, or the caller may not see it.
    DBAL_NOT_FOUND = 1,
    /// The write contradicts what is stored: a unique key, a foreign key, a version, another transaction.
    DBAL_CONFLICT = 2,
    /// The caller's identity is missing or could not be verified.
    DBAL_UNAUTHORIZED = 3,
    /// No rule lets the caller do this.
    DBAL_FORBIDDEN = 4,
    /// The request is malformed or a value breaks a rule of the schema.
    DBAL_VALIDATION_ERROR = 5,
    /// The caller did this too often; try again after `retry_after`.
    DBAL_RATE_LIMIT_EXCEEDED = 6,
    /// A fault in dbal itself.
    DBAL_INTERNAL_ERROR = 7,
    /// The backend, or this version of dbal, cannot do what was asked.
    DBAL_CAPABILITY_NOT_SUPPORTED = 8,
    /// The database failed or holds something that does not fit the schema.
    DBAL_DATABASE_ERROR = 9,
    /// The deadline passed before the database answered.
    DBAL_TIMEOUT = 10,
    /// The request tried what the sandbox forbids: a file or network location outside the configured ones, or a path
    /// trick in a URL or name.
    DBAL_SANDBOX_VIOLATION = 11,
    /// The content scan refused a value.
    DBAL_MALICIOUS_CODE_DETECTED = 12,
    /// There is a row under the cursor.
    DBAL_ROW = 1000,
    /// There are no more rows.
    DBAL_DONE = 1001,
    /// The program used the library in a way that it is not to be used: NULL, a handle of another kind or in use, a
    /// column that is not there. The error says what.
    DBAL_MISUSE = 1002,
    /// A callback wanted no more.
    DBAL_STOPPED = 1003,
}

/// The status of an error, and its code with NUL behind it.
pub fn status_of(kind: ErrorKind) -> (dbal_status, &'static str) {
    match kind {
        ErrorKind::NotFound => (dbal_status::DBAL_NOT_FOUND, "NOT_FOUND\0"),
        ErrorKind::Conflict => (dbal_status::DBAL_CONFLICT, "CONFLICT\0"),
        ErrorKind::Unauthorized => (dbal_status::DBAL_UNAUTHORIZED, "UNAUTHORIZED\0"),
        ErrorKind::Forbidden => (dbal_status::DBAL_FORBIDDEN, "FORBIDDEN\0"),
        ErrorKind::ValidationError => (dbal_status::DBAL_VALIDATION_ERROR, "VALIDATION_ERROR\0"),
        ErrorKind::RateLimitExceeded => (dbal_status::DBAL_RATE_LIMIT_EXCEEDED, "RATE_LIMIT_EXCEEDED\0"),
        ErrorKind::InternalError => (dbal_status::DBAL_INTERNAL_ERROR, "INTERNAL_ERROR\0"),
        ErrorKind::CapabilityNotSupported => (dbal_status::DBAL_CAPABILITY_NOT_SUPPORTED, "CAPABILITY_NOT_SUPPORTED\0"),
        ErrorKind::DatabaseError => (dbal_status::DBAL_DATABASE_ERROR, "DATABASE_ERROR\0"),
        ErrorKind::Timeout => (dbal_status::DBAL_TIMEOUT, "TIMEOUT\0"),
        ErrorKind::SandboxViolation => (dbal_status::DBAL_SANDBOX_VIOLATION, "SANDBOX_VIOLATION\0"),
        ErrorKind::MaliciousCodeDetected => (dbal_status::DBAL_MALICIOUS_CODE_DETECTED, "MALICIOUS_CODE_DETECTED\0"),
        // A kind that this list does not know is a fault of dbal's own.
        _ => (dbal_status::DBAL_INTERNAL_ERROR, "INTERNAL_ERROR\0"),
    }
}
