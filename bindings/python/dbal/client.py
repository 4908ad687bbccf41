"""The client whose methods answer on the calling thread. It may be shared by threads."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from dbal._native import Database, Entity
from dbal._native import Transaction as Held
from dbal._shared import Adapter, Asks, Catalogue, Limits, Schema, confirmed, invalid, options_of, principal_of, url_of

if TYPE_CHECKING:
    from typing_extensions import Self

Result = TypeVar("Result")


class Transaction(Asks):
    """A transaction that is open: the entities and requests of a client, and transactions inside it."""

    _handle = Entity

    def __init__(self, native: Held, catalogue: Catalogue) -> None:
        self._native = native
        self._catalogue = catalogue

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Entity[dict[str, Any]]: ...

    def transaction(self) -> Block:
        """A transaction inside this one, as a context manager: undone by itself, kept as long as the outer one."""
        return Block(self._native.begin, self._catalogue)


class Block:
    """A transaction as a context manager: committed when the block ends well, rolled back when it raises."""

    __slots__ = ("_begin", "_catalogue", "_held", "_of")

    def __init__(self, begin: Callable[[], Held], catalogue: Catalogue, of: type[Transaction] = Transaction) -> None:
        self._begin = begin
        self._catalogue = catalogue
        self._held: Held | None = None
        self._of = of

    def __enter__(self) -> Transaction:
        if self._held is not None:
            raise invalid("transaction", "a block is entered once")
        self._held = self._begin()
        return self._of(self._held, self._catalogue)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held = self._held
        assert held is not None
        if kind is None:
            held.end(True)
            return
        try:
            held.end(False)
        except Exception:
            # The error that undid it says more than one of undoing it.
            pass


class Client(Asks):
    """An opened database, asked by trusted code; see :meth:`as_principal`.

    >>> with dbal.Client("sqlite:app.db", schema="api/schema") as db:
    ...     db.migrate()
    ...     ada = db.users.create(username="ada", email="ada@example.org")
    ...     page = db.users.list(filter={"role": "user"}, sort={"created_at": "desc"}, limit=10)
    """

    _handle = Entity
    _native: Database

    def __init__(
        self,
        url: str | None = None,
        *,
        adapter: Adapter | None = None,
        schema: Schema | None = None,
        rules: str | None = None,
        rules_file: str | None = None,
        timeout: float | None = None,
        pool_size: int | None = None,
        cache_kib: int | None = None,
        synchronous: Literal["normal", "full"] | None = None,
        limits: Limits | None = None,
        cursor_key: bytes | None = None,
        sweep_interval: int | None = None,
        audit_log: str | None = None,
        audit_failure: Literal["closed", "open"] | None = None,
        endpoint: str | None = None,
        token: str | None = None,
        ca: str | None = None,
        cert: str | None = None,
        key: str | None = None,
        retry_writes: bool | None = None,
        **unknown: Any,
    ) -> None:
        given = {
            "adapter": adapter,
            "schema": schema,
            "rules": rules,
            "rules_file": rules_file,
            "timeout": timeout,
            "pool_size": pool_size,
            "cache_kib": cache_kib,
            "synchronous": synchronous,
            "limits": limits,
            "cursor_key": cursor_key,
            "sweep_interval": sweep_interval,
            "audit_log": audit_log,
            "audit_failure": audit_failure,
            "endpoint": endpoint,
            "token": token,
            "ca": ca,
            "cert": cert,
            "key": key,
            "retry_writes": retry_writes,
            **unknown,
        }
        self._native = Database(url_of(url, endpoint), options_of(given))
        self._catalogue = Catalogue(self._native)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Entity[dict[str, Any]]: ...

    def _with(self, native: Database) -> Self:
        made = object.__new__(type(self))
        made._native = native
        made._catalogue = self._catalogue
        return made

    def as_principal(
        self,
        principal: Mapping[str, Any] | None = None,
        /,
        *,
        user: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        roles: Sequence[str] | None = None,
    ) -> Self:
        """The same database on behalf of a caller: every access rule applies. ``user`` and ``session`` are what rules
        call ``$user`` and ``$session``; without ``roles``, the user's ``role`` is the one."""
        return self._with(self._native.bind(principal_of(principal, user, session, roles)))

    def with_timeout(self, seconds: float | None) -> Self:
        """The same client with a deadline for each request; None waits for ever."""
        return self._with(self._native.within(seconds))

    def newest(self) -> Self:
        """The same client whose reads see everything that was committed before: none goes to a copy of the database."""
        return self._with(self._native.newest())

    @overload
    def transaction(self, *, timeout: float | None = None) -> Block: ...

    @overload
    def transaction(
        self, work: Callable[[Transaction], Result], *, retries: int | None = None, timeout: float | None = None
    ) -> Result: ...

    def transaction(
        self,
        work: Callable[[Transaction], Any] | None = None,
        *,
        retries: int | None = None,
        timeout: float | None = None,
    ) -> Any:
        """One transaction: a context manager, or a function that is given one.

        A function is run again from its start, twice unless ``retries`` says otherwise, when another transaction got
        there first; a block cannot be.

        >>> with db.transaction() as tx:
        ...     tx.users.create(username="ada", email="ada@example.org")
        >>> db.transaction(lambda tx: tx.users.update(ada["id"], level=4))
        """
        tries = self._native.tries(retries, timeout)
        if work is None:
            return Block(lambda: self._native.begin(tries), self._catalogue)
        if inspect.iscoroutinefunction(work):
            raise invalid("transaction", "expected a function that is not async; see AsyncClient")
        while True:
            block = Block(lambda: self._native.begin(tries), self._catalogue)
            try:
                with block as inside:
                    return work(inside)
            except Exception as error:
                again = getattr(error, "reason", None) == "serialization" or _lost(block)
                pause = tries.next() if again else None
                if pause is None:
                    raise
            time.sleep(pause)

    def explain(
        self, operation: str, entity: str, *, principal: Mapping[str, Any] | None = None, **args: Any
    ) -> dict[str, Any]:
        """What would happen to a request: the statements, where their parameters come from, the rules applied."""
        return self._native.explain(operation, self._catalogue.name(entity), args, principal)

    def migrate(self) -> list[str]:
        """Creates what the database lacks, and gives the statements that ran."""
        return self._native.migrate()

    def reset(self, *, confirm: bool = False) -> None:
        """Drops every table and creates them anew, empty. For tests."""
        confirmed(confirm)
        self._native.reset()

    def sweep(self) -> int:
        """Removes rows past their time; says how many there were."""
        return self._native.sweep()

    def capabilities(self) -> dict[str, str]:
        """What the backend can do: native, emulated or unsupported, by name."""
        return dict(self._catalogue.capabilities)

    @property
    def warnings(self) -> list[str]:
        """What is odd about the schema without being wrong."""
        return list(self._catalogue.warnings)

    def close(self) -> None:
        """Lets go of the database. Clients made of this one with ``as_principal`` or ``with_timeout`` stay open."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<dbal.{type(self).__name__}: {', '.join(self._catalogue.plurals)}>"


def _lost(block: Block) -> bool:
    return block._held is not None and block._held.lost
