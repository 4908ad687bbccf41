"""The client whose methods are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from dbal._native import AsyncEntity, AwaitedDatabase, AwaitedTransaction, Database
from dbal._shared import Adapter, Asks, Catalogue, Limits, Schema, confirmed, invalid, options_of, principal_of, url_of

if TYPE_CHECKING:
    from typing_extensions import Self

Result = TypeVar("Result")


class AsyncTransaction(Asks):
    """A transaction that is open: the entities and requests of a client, and transactions inside it."""

    _handle = AsyncEntity

    def __init__(self, native: AwaitedTransaction, catalogue: Catalogue) -> None:
        self._native = native
        self._catalogue = catalogue

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> AsyncEntity[dict[str, Any]]: ...

    def transaction(self) -> AsyncBlock:
        """A transaction inside this one, as a context manager."""
        return AsyncBlock(self._native.begin, self._catalogue)


class AsyncBlock:
    """A transaction as a context manager: committed when the block ends well, rolled back when it raises."""

    __slots__ = ("_begin", "_catalogue", "_held", "lost")

    def __init__(self, begin: Callable[[], Awaitable[AwaitedTransaction]], catalogue: Catalogue) -> None:
        self._begin = begin
        self._catalogue = catalogue
        self._held: AwaitedTransaction | None = None
        self.lost = False

    async def __aenter__(self) -> AsyncTransaction:
        if self._held is not None:
            raise invalid("transaction", "a block is entered once")
        self._held = await self._begin()
        return AsyncTransaction(self._held, self._catalogue)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held = self._held
        assert held is not None
        # What nobody awaited belongs to the transaction all the same.
        while running := held.running():
            await asyncio.wait(running)
        self.lost = held.lost
        if kind is None:
            await held.end(True)
            return
        try:
            await held.end(False)
        except Exception:
            # The error that undid it says more than one of undoing it.
            pass


class AsyncClient(Asks):
    """An opened database whose requests are awaited, on any event loop; see :class:`dbal.Client`.

    >>> async with dbal.AsyncClient("sqlite:app.db", schema="api/schema") as db:
    ...     ada = await db.users.create(username="ada", email="ada@example.org")
    ...     async for user in db.users.stream(sort={"username": "asc"}):
    ...         print(user["username"])
    """

    _handle = AsyncEntity
    _native: AwaitedDatabase

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
        database = Database(url_of(url, endpoint), options_of(given))
        self._database = database
        self._native = AwaitedDatabase(database)
        self._catalogue = Catalogue(database)

    @classmethod
    async def open(cls, url: str | None = None, **options: Any) -> Self:
        """The same without blocking the event loop while the schema is read and the database opened."""
        return await asyncio.to_thread(cls, url, **options)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> AsyncEntity[dict[str, Any]]: ...

    def _with(self, database: Database) -> Self:
        made = object.__new__(type(self))
        made._database = database
        made._native = AwaitedDatabase(database)
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
        """The same database on behalf of a caller: every access rule applies."""
        return self._with(self._database.bind(principal_of(principal, user, session, roles)))

    def with_timeout(self, seconds: float | None) -> Self:
        """The same client with a deadline for each request; None waits for ever."""
        return self._with(self._database.within(seconds))

    def newest(self) -> Self:
        """The same client whose reads see everything that was committed before: none goes to a copy of the database."""
        return self._with(self._database.newest())

    @overload
    def transaction(self, *, timeout: float | None = None) -> AsyncBlock: ...

    @overload
    def transaction(
        self,
        work: Callable[[AsyncTransaction], Awaitable[Result]],
        *,
        retries: int | None = None,
        timeout: float | None = None,
    ) -> Awaitable[Result]: ...

    def transaction(
        self,
        work: Callable[[AsyncTransaction], Awaitable[Any]] | None = None,
        *,
        retries: int | None = None,
        timeout: float | None = None,
    ) -> Any:
        """One transaction: a context manager, or a coroutine function that is given one and run again, twice unless
        ``retries`` says otherwise, when another transaction got there first."""
        if work is None:
            tries = self._database.tries(retries, timeout)
            return AsyncBlock(lambda: self._native.begin(tries), self._catalogue)
        return self._run(work, retries, timeout)

    async def _run(self, work: Callable[[AsyncTransaction], Awaitable[Any]], retries: int | None, timeout: float | None) -> Any:
        tries = self._database.tries(retries, timeout)
        while True:
            block = AsyncBlock(lambda: self._native.begin(tries), self._catalogue)
            try:
                async with block as inside:
                    return await work(inside)
            except Exception as error:
                again = getattr(error, "reason", None) == "serialization" or block.lost
                pause = tries.next() if again else None
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def explain(
        self, operation: str, entity: str, *, principal: Mapping[str, Any] | None = None, **args: Any
    ) -> dict[str, Any]:
        """What would happen to a request."""
        return self._database.explain(operation, self._catalogue.name(entity), args, principal)

    async def migrate(self) -> list[str]:
        """Creates what the database lacks, and gives the statements that ran."""
        return await self._native.migrate()

    async def reset(self, *, confirm: bool = False) -> None:
        """Drops every table and creates them anew, empty. For tests."""
        confirmed(confirm)
        await self._native.reset()

    async def sweep(self) -> int:
        """Removes rows past their time; says how many there were."""
        return await asyncio.to_thread(self._database.sweep)

    def capabilities(self) -> dict[str, str]:
        """What the backend can do: native, emulated or unsupported, by name."""
        return dict(self._catalogue.capabilities)

    @property
    def warnings(self) -> list[str]:
        """What is odd about the schema without being wrong."""
        return list(self._catalogue.warnings)

    async def close(self) -> None:
        """Lets go of the database; what is in flight comes to its end."""
        await asyncio.to_thread(self._database.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<dbal.{type(self).__name__}: {', '.join(self._catalogue.plurals)}>"
