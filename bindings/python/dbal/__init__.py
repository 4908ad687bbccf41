"""Work with entities instead of a particular database.

Entities, their rules and who may do what are declared once; requests are plain data; the same request gives the same
answer on every backend.
"""

import os as _os

from dbal._codes import *  # noqa: F403
from dbal._codes import __all__ as _codes
from dbal._native import UNSET, AsyncEntity, Entity, forked
from dbal.aio import AsyncClient, AsyncTransaction
from dbal.client import Client, Transaction
from dbal.errors import *  # noqa: F403
from dbal.errors import __all__ as _errors
from dbal.page import Page

__all__ = [
    "UNSET",
    "AsyncClient",
    "AsyncEntity",
    "AsyncTransaction",
    "Client",
    "Entity",
    "Page",
    "Transaction",
    *_codes,
    *_errors,
]

if hasattr(_os, "register_at_fork"):
    # A client is its process's own; a child that uses one is told so.
    _os.register_at_fork(after_in_child=forked)

for _kind in (*_codes, *_errors):
    # Shown, and pickled, as what they are called here.
    globals()[_kind].__module__ = "dbal"
