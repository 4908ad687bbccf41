//! Written by `cargo xtask codegen` from api/schema/errors.yaml. Do not edit.

/// What went wrong, as a stable code. The numbers are part of the C ABI and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum ErrorKind {
    /// The entity asked for does not exist, or the caller may not see it.
    NotFound = 1,
    /// The write contradicts what is stored: a unique key, a foreign key, a version, another transaction.
    Conflict = 2,
    /// The caller's identity is missing or could not be verified.
    Unauthorized = 3,
    /// No rule lets the caller do this.
    Forbidden = 4,
    /// The request is malformed or a value breaks a rule of the schema.
    ValidationError = 5,
    /// The caller did this too often; try again after `retry_after`.
    RateLimitExceeded = 6,
    /// A fault in dbal itself.
    InternalError = 7,
    /// The backend, or this version of dbal, cannot do what was asked.
    CapabilityNotSupported = 8,
    /// The database failed or holds something that does not fit the schema.
    DatabaseError = 9,
    /// The deadline passed before the database answered.
    Timeout = 10,
    /// The request tried what the sandbox forbids: a file or network location outside the configured ones, or a path
    /// trick in a URL or name.
    SandboxViolation = 11,
    /// The content scan refused a value.
    MaliciousCodeDetected = 12,
}

impl ErrorKind {
    /// Every kind, in the order of its number.
    pub const ALL: &'static [ErrorKind] = &[
        ErrorKind::NotFound,
        ErrorKind::Conflict,
        ErrorKind::Unauthorized,
        ErrorKind::Forbidden,
        ErrorKind::ValidationError,
        ErrorKind::RateLimitExceeded,
        ErrorKind::InternalError,
        ErrorKind::CapabilityNotSupported,
        ErrorKind::DatabaseError,
        ErrorKind::Timeout,
        ErrorKind::SandboxViolation,
        ErrorKind::MaliciousCodeDetected,
    ];

    /// The code as every host spells it, such as `NOT_FOUND`.
    pub const fn code(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "NOT_FOUND",
            ErrorKind::Conflict => "CONFLICT",
            ErrorKind::Unauthorized => "UNAUTHORIZED",
            ErrorKind::Forbidden => "FORBIDDEN",
            ErrorKind::ValidationError => "VALIDATION_ERROR",
            ErrorKind::RateLimitExceeded => "RATE_LIMIT_EXCEEDED",
            ErrorKind::InternalError => "INTERNAL_ERROR",
            ErrorKind::CapabilityNotSupported => "CAPABILITY_NOT_SUPPORTED",
            ErrorKind::DatabaseError => "DATABASE_ERROR",
            ErrorKind::Timeout => "TIMEOUT",
            ErrorKind::SandboxViolation => "SANDBOX_VIOLATION",
            ErrorKind::MaliciousCodeDetected => "MALICIOUS_CODE_DETECTED",
        }
    }

    /// The HTTP status that carries this kind.
    pub const fn http_status(self) -> u16 {
        match self {
            ErrorKind::NotFound => 404,
            ErrorKind::Conflict => 409,
            ErrorKind::Unauthorized => 401,
            ErrorKind::Forbidden => 403,
            ErrorKind::ValidationError => 422,
            ErrorKind::RateLimitExceeded => 429,
            ErrorKind::InternalError => 500,
            ErrorKind::CapabilityNotSupported => 501,
            ErrorKind::DatabaseError => 503,
            ErrorKind::Timeout => 504,
            ErrorKind::SandboxViolation => 403,
            ErrorKind::MaliciousCodeDetected => 403,
        }
    }

    /// The gRPC status that carries this kind, with a reason that may decide it, such as `unique`.
    pub fn grpc_status(self, reason: Option<&str>) -> &'static str {
        match (self, reason) {
            (ErrorKind::NotFound, _) => "NOT_FOUND",
            (ErrorKind::Conflict, Some("unique")) => "ALREADY_EXISTS",
            (ErrorKind::Conflict, Some("foreign_key")) => "ALREADY_EXISTS",
            (ErrorKind::Conflict, _) => "ABORTED",
            (ErrorKind::Unauthorized, _) => "UNAUTHENTICATED",
            (ErrorKind::Forbidden, _) => "PERMISSION_DENIED",
            (ErrorKind::ValidationError, _) => "INVALID_ARGUMENT",
            (ErrorKind::RateLimitExceeded, _) => "RESOURCE_EXHAUSTED",
            (ErrorKind::InternalError, _) => "INTERNAL",
            (ErrorKind::CapabilityNotSupported, _) => "UNIMPLEMENTED",
            (ErrorKind::DatabaseError, _) => "UNAVAILABLE",
            (ErrorKind::Timeout, _) => "DEADLINE_EXCEEDED",
            (ErrorKind::SandboxViolation, _) => "PERMISSION_DENIED",
            (ErrorKind::MaliciousCodeDetected, _) => "PERMISSION_DENIED",
        }
    }
}
