"""Makes the exceptions that native code raises."""

from __future__ import annotations

from typing import Any

from dbal._codes import CODES
from dbal.errors import DatabaseError, Error, InterfaceError


def raised(code: str, message: str, **told: Any) -> Error:
    kind = CODES.get(code, DatabaseError)
    # Used after its end, or in another process: a fault of the program that has no code of its own.
    if code == "INTERNAL_ERROR" and message.startswith(("the client was closed", "this was opened before")):
        kind = InterfaceError
    return kind(message, code=code, **told)
