"""What dbal raises. The classes are those of Python's DB-API 2.0 (PEP 249); each code has one of its own below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "DataError",
    "DatabaseError",
    "Error",
    "Fault",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one input: which field or option, what is wrong, and which row of many, from 0."""

    field: str
    message: str
    index: int | None = None


class Error(Exception):
    """What dbal reports when it cannot do what was asked. ``code`` is stable; the message is for people.

    ``reason`` says why a write conflicted; ``fields`` names every fault at once; ``retryable`` whether trying again may
    help, after ``retry_after`` seconds where that is set; ``outcome`` what is known of a write that got no answer.
    ``detail`` is the driver's own text: for the log, and for trusted code alone.
    """

    code: str
    reason: str | None
    fields: tuple[Fault, ...]
    retryable: bool
    outcome: Literal["not_applied", "unknown"] | None
    operation: str | None
    entity: str | None
    retry_after: float | None
    detail: str | None
    entry: int | None

    def __init__(self, message: str = "", **told: Any) -> None:
        super().__init__(message)
        self.code = told.get("code", "INTERNAL_ERROR")
        self.reason = told.get("reason")
        self.fields = tuple(
            fault if isinstance(fault, Fault) else Fault(*fault) for fault in told.get("fields", ())
        )
        self.retryable = told.get("retryable", False)
        self.outcome = told.get("outcome")
        self.operation = told.get("operation")
        self.entity = told.get("entity")
        self.retry_after = told.get("retry_after")
        self.detail = told.get("detail")
        self.entry = told.get("entry")

    @property
    def message(self) -> str:
        """The message without the code."""
        return str(self.args[0])

    def __str__(self) -> str:
        place = f" [{self.entity}.{self.operation}]" if self.entity and self.operation else ""
        return f"{self.code}{place}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions travel between processes.
        return (_again, (type(self), self.message, dict(self.__dict__)))


def _again(kind: type[Error], message: str, told: dict[str, Any]) -> Error:
    return kind(message, **told)


class InterfaceError(Error):
    """The client was used in a way it is not made for: after it was closed, or in another process than its own."""


class DatabaseError(Error):
    """Something about the database or the request."""


class DataError(DatabaseError):
    """The data or the request is malformed."""


class OperationalError(DatabaseError):
    """The database, the network or the load; not the program's fault."""


class IntegrityError(DatabaseError):
    """The write contradicts what is stored."""


class InternalError(DatabaseError):
    """A fault in dbal itself."""


class ProgrammingError(DatabaseError):
    """Something that this caller may not do."""


class NotSupportedError(DatabaseError):
    """The backend cannot do this."""
