# Written by `cargo xtask codegen` from api/schema/errors.yaml. Do not edit.
"""The exception of each code."""

from dbal.errors import Error, DataError, DatabaseError, IntegrityError, InternalError, NotSupportedError, OperationalError, ProgrammingError


class NotFound(DatabaseError):
    """The entity asked for does not exist, or the caller may not see it."""


class Conflict(IntegrityError):
    """The write contradicts what is stored: a unique key, a foreign key, a version, another transaction."""


class Unauthorized(OperationalError):
    """The caller's identity is missing or could not be verified."""


class Forbidden(ProgrammingError):
    """No rule lets the caller do this."""


class ValidationError(DataError):
    """The request is malformed or a value breaks a rule of the schema."""


class RateLimitExceeded(OperationalError):
    """The caller did this too often; try again after `retry_after`."""


class CapabilityNotSupported(NotSupportedError):
    """The backend, or this version of dbal, cannot do what was asked."""


class Timeout(OperationalError):
    """The deadline passed before the database answered."""


class SandboxViolation(ProgrammingError):
    """The request tried what the sandbox forbids: a file or network location outside the configured ones, or a path trick in a URL or name."""


class MaliciousCodeDetected(ProgrammingError):
    """The content scan refused a value."""


CODES: dict[str, type[Error]] = {
    "NOT_FOUND": NotFound,
    "CONFLICT": Conflict,
    "UNAUTHORIZED": Unauthorized,
    "FORBIDDEN": Forbidden,
    "VALIDATION_ERROR": ValidationError,
    "RATE_LIMIT_EXCEEDED": RateLimitExceeded,
    "INTERNAL_ERROR": InternalError,
    "CAPABILITY_NOT_SUPPORTED": CapabilityNotSupported,
    "DATABASE_ERROR": OperationalError,
    "TIMEOUT": Timeout,
    "SANDBOX_VIOLATION": SandboxViolation,
    "MALICIOUS_CODE_DETECTED": MaliciousCodeDetected,
}

__all__ = [
    "NotFound",
    "Conflict",
    "Unauthorized",
    "Forbidden",
    "ValidationError",
    "RateLimitExceeded",
    "CapabilityNotSupported",
    "Timeout",
    "SandboxViolation",
    "MaliciousCodeDetected",
]
