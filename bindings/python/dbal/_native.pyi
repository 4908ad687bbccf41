from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar, overload
from uuid import UUID

from dbal.page import Page

Row = TypeVar("Row")
Other = TypeVar("Other")

# `list` is a method below.
_List = list
_Data = Mapping[str, Any]
_Query = Mapping[str, Any]
_Key = str | int | bytes | UUID | Mapping[str, Any]
_Sort = Mapping[str, Any] | Sequence[Mapping[str, Any]]
_Include = Mapping[str, Any]

class Unset:
    def __bool__(self) -> Literal[False]: ...

UNSET: Unset

def forked() -> None: ...

class Entity(Generic[Row]):
    """One entity, as a client or a transaction sees it.

    Methods that take data take it as a mapping, with options as keywords, or else as keywords. Methods that take a query
    take its parts as keywords, as a mapping, or both.
    """

    def __new__(cls, native: Any, name: str, into: Callable[..., Row] | None = None) -> Entity[Row]: ...
    @property
    def name(self) -> str: ...
    def into(self, cls: Callable[..., Other], /) -> Entity[Other]:
        """The same entity with its rows made into a class, by keywords."""
    def create(self, data: _Data = ..., /, **fields: Any) -> Row:
        """Makes a row and returns it as stored."""
    def read(self, key: _Key = ..., /, **fields: Any) -> Row:
        """The row with this key: its id, or the fields of a unique key, also as keywords."""
    def update(self, key: _Key, patch: _Data = ..., /, **fields: Any) -> Row:
        """Changes the named fields and returns the new row. Beside a mapping: ``if_version``."""
    def delete(self, key: _Key = ..., /, **fields: Any) -> Literal[True]:
        """Removes a row."""
    @overload
    def create_many(self, rows: Iterable[_Data], /, *, returning: Literal[False]) -> dict[Literal["count"], int]: ...
    @overload
    def create_many(self, rows: Iterable[_Data], /, *, returning: Literal[True] = ...) -> _List[Row]:
        """Makes rows, all or none, and returns them in the order given."""
    def update_many(
        self, query: _Query | None = None, /, *, filter: _Data = ..., data: _Data = ..., all: bool = ...
    ) -> dict[Literal["count"], int]:
        """Changes all rows that match, and says how many there were."""
    def delete_many(
        self, query: _Query | None = None, /, *, filter: _Data = ..., all: bool = ...
    ) -> dict[Literal["count"], int]:
        """Removes all rows that match, and says how many there were."""
    def upsert(
        self,
        query: _Query | None = None,
        /,
        *,
        where: _Data = ...,
        create: _Data = ...,
        update: _Data = ...,
        if_version: int = ...,
    ) -> Row:
        """Makes a row, or changes the one with this unique key."""
    def upsert_many(self, rows: Iterable[_Data], /) -> _List[Row]:
        """The same for many rows, all or none."""
    def list(
        self,
        query: _Query | None = None,
        /,
        *,
        filter: _Data = ...,
        sort: _Sort = ...,
        page: int = ...,
        offset: int = ...,
        after: str | None = ...,
        before: str | None = ...,
        limit: int = ...,
        select: Sequence[str] = ...,
        include: _Include = ...,
        total: bool = ...,
    ) -> Page[Row]:
        """A page of rows, and how many there are on all pages."""
    def find_many(
        self,
        query: _Query | None = None,
        /,
        *,
        filter: _Data = ...,
        sort: _Sort = ...,
        limit: int = ...,
        offset: int = ...,
        select: Sequence[str] = ...,
        include: _Include = ...,
    ) -> _List[Row]:
        """All rows that match."""
    def first(
        self,
        query: _Query | None = None,
        /,
        *,
        filter: _Data = ...,
        sort: _Sort = ...,
        offset: int = ...,
        select: Sequence[str] = ...,
        include: _Include = ...,
    ) -> Row | None:
        """The first row that matches."""
    def count(self, query: _Query | None = None, /, *, filter: _Data = ...) -> int:
        """How many rows match."""
    def distinct(
        self, field: str, query: _Query | None = None, /, *, filter: _Data = ..., sort: _Sort = ...
    ) -> _List[Any]:
        """The values of a field, each once."""
    @overload
    def aggregate(
        self,
        query: None = None,
        /,
        *,
        group_by: Sequence[str],
        filter: _Data = ...,
        count: bool = ...,
        sum: Sequence[str] = ...,
        avg: Sequence[str] = ...,
        min: Sequence[str] = ...,
        max: Sequence[str] = ...,
        count_distinct: Sequence[str] = ...,
        having: _Data = ...,
        sort: _Sort = ...,
        limit: int = ...,
    ) -> _List[dict[str, Any]]: ...
    @overload
    def aggregate(
        self,
        query: None = None,
        /,
        *,
        filter: _Data = ...,
        count: bool = ...,
        sum: Sequence[str] = ...,
        avg: Sequence[str] = ...,
        min: Sequence[str] = ...,
        max: Sequence[str] = ...,
        count_distinct: Sequence[str] = ...,
    ) -> dict[str, Any]: ...
    @overload
    def aggregate(self, query: _Query, /, **options: Any) -> Any:
        """Counts, sums, averages, least and greatest values, also by groups."""
    def stream(
        self,
        query: _Query | None = None,
        /,
        *,
        filter: _Data = ...,
        sort: _Sort = ...,
        limit: int = ...,
        offset: int = ...,
        select: Sequence[str] = ...,
        include: _Include = ...,
    ) -> Generator[Row, None, None]:
        """The rows that match, one after the other, in constant memory."""
    def call(self, name: str, input: _Data = ..., /, **fields: Any) -> Any:
        """Runs an operation that the schema declares."""

class AsyncEntity(Generic[Row]):
    """One entity, as an awaited client or transaction sees it: the same methods, awaited.

    Methods that take data take it as a mapping, with options as keywords, or else as keywords. Methods that take a query
    take its parts as keywords, as a mapping, or both.
    """

    def __new__(cls, native: Any, name: str, into: Callable[..., Row] | None = None) -> AsyncEntity[Row]: ...
    @property
    def name(self) -> str: ...
    def into(self, cls: Callable[..., Other], /) -> AsyncEntity[Other]:
        """The same entity with its rows made into a class, by keywords."""
    def create(self, data: _Data = ..., /, **fields: Any) -> Awaitable[Row]:
        """Makes a row and returns it as stored."""
    def read(self, key: _Key = ..., /, **fields: Any) -> Awaitable[Row]:
        """The row with this key: its id, or the fields of a unique key, also as keywords."""
    def update(self, key: _Key, patch: _Data = ..., /, **fields: Any) -> Awaitable[Row]:
        """Changes the named fields and returns the new row. Beside a mapping: ``if_version``."""
    def delete(self, key: _Key = ..., /, **fields: Any) -> Awaitable[Literal[True]]:
        """Removes a row."""
    @overload
    def create_many(self, rows: Iterable[_Data], /, *, returning: Literal[False]) -> Awaitable[dict[Literal["count"], int]]: ...
    @overload
    def create_many(self, rows: Iterable[_Data], /, *, returning: Literal[True] = ...) -> Awaitable[_List[Row]]:
        """Makes rows, all or none, and returns them in the order given."""
    def update_many(
        self, query: _Query | None = None, /, *, filter: _Data = ..., data: _Data = ..., all: bool = ...
    ) -> Awaitable[dict[Literal["count"], int]]:
        """Changes all rows that match, and says how many there were."""
    def delete_many(
        self, query: _Query | None = None, /, *, filter: _Data = ..., all: bool = ...
    ) -> Awaitable[dict[Literal["count"], int]]:
        """Removes all rows that match, and says how many there were."""
    def upsert(
        self,
        query: _Query | None = None,
        /,
        *,
        where: _Data = ...,
        create: _Data = ...,
        update: _Data = ...,
        if_version: int = ...,
    ) -> Awaitable[Row]:
        """Makes a row, or changes the one with this unique key."""
    def upsert_many(self, rows: Iterable[_Data], /) -> Awaitable[_List[Row]]:
        """The same for many rows, all or none."""
    def list(
        self,
        query: _Query | None = None,
        /,
        *,
        filter: _Data = ...,
        sort: _Sort = ...,
        page: int = ...,
        offset: int = ...,
        after: str | None = ...,
        before: str | None = ...,
        limit: int = ...,
        select: Sequence[str] = ...,
        include: _Include = ...,
        total: bool = ...,
    ) -> Awaitable[Page[Row]]:
        """A page of rows, and how many there are on all pages."""
    def find_many(
        self,
        query: _Query | None = None,
        /,
        *,
        filter: _Data = ...,
        sort: _Sort = ...,
        limit: int = ...,
        offset: int = ...,
        select: Sequence[str] = ...,
        include: _Include = ...,
    ) -> Awaitable[_List[Row]]:
        """All rows that match."""
    def first(
        self,
        query: _Query | None = None,
        /,
        *,
        filter: _Data = ...,
        sort: _Sort = ...,
        offset: int = ...,
        select: Sequence[str] = ...,
        include: _Include = ...,
    ) -> Awaitable[Row | None]:
        """The first row that matches."""
    def count(self, query: _Query | None = None, /, *, filter: _Data = ...) -> Awaitable[int]:
        """How many rows match."""
    def distinct(
        self, field: str, query: _Query | None = None, /, *, filter: _Data = ..., sort: _Sort = ...
    ) -> Awaitable[_List[Any]]:
        """The values of a field, each once."""
    @overload
    def aggregate(
        self,
        query: None = None,
        /,
        *,
        group_by: Sequence[str],
        filter: _Data = ...,
        count: bool = ...,
        sum: Sequence[str] = ...,
        avg: Sequence[str] = ...,
        min: Sequence[str] = ...,
        max: Sequence[str] = ...,
        count_distinct: Sequence[str] = ...,
        having: _Data = ...,
        sort: _Sort = ...,
        limit: int = ...,
    ) -> Awaitable[_List[dict[str, Any]]]: ...
    @overload
    def aggregate(
        self,
        query: None = None,
        /,
        *,
        filter: _Data = ...,
        count: bool = ...,
        sum: Sequence[str] = ...,
        avg: Sequence[str] = ...,
        min: Sequence[str] = ...,
        max: Sequence[str] = ...,
        count_distinct: Sequence[str] = ...,
    ) -> Awaitable[dict[str, Any]]: ...
    @overload
    def aggregate(self, query: _Query, /, **options: Any) -> Awaitable[Any]:
        """Counts, sums, averages, least and greatest values, also by groups."""
    def stream(
        self,
        query: _Query | None = None,
        /,
        *,
        filter: _Data = ...,
        sort: _Sort = ...,
        limit: int = ...,
        offset: int = ...,
        select: Sequence[str] = ...,
        include: _Include = ...,
    ) -> AsyncGenerator[Row, None]:
        """The rows that match, one after the other, in constant memory."""
    def call(self, name: str, input: _Data = ..., /, **fields: Any) -> Awaitable[Any]:
        """Runs an operation that the schema declares."""

class Database:
    def __new__(cls, url: str, options: dict[str, Any]) -> Database: ...
    def bind(self, principal: Mapping[str, Any]) -> Database: ...
    def newest(self) -> Database: ...
    def within(self, timeout: float | None) -> Database: ...
    def close(self) -> None: ...
    def ask(self, operation: str, entity: str, args: dict[str, Any]) -> Any: ...
    def explain(
        self, operation: str, entity: str, args: dict[str, Any], principal: Mapping[str, Any] | None
    ) -> dict[str, Any]: ...
    def tries(self, retries: int | None, timeout: float | None) -> Tries: ...
    def begin(self, tries: Tries) -> Transaction: ...
    def migrate(self) -> list[str]: ...
    def reset(self) -> None: ...
    def sweep(self) -> int: ...
    def describe(self) -> dict[str, Any]: ...

class Tries:
    def next(self) -> float | None: ...

class Transaction:
    def begin(self) -> Transaction: ...
    def end(self, commit: bool) -> None: ...
    @property
    def lost(self) -> bool: ...
    def ask(self, operation: str, entity: str, args: dict[str, Any]) -> Any: ...

class AwaitedDatabase:
    def __new__(cls, database: Database) -> AwaitedDatabase: ...
    def ask(self, operation: str, entity: str, args: dict[str, Any]) -> Any: ...
    def migrate(self) -> Awaitable[list[str]]: ...
    def reset(self) -> Awaitable[None]: ...
    def begin(self, tries: Tries) -> Awaitable[AwaitedTransaction]: ...

class AwaitedTransaction:
    def begin(self) -> Awaitable[AwaitedTransaction]: ...
    def end(self, commit: bool) -> Awaitable[None]: ...
    def running(self) -> list[Any]: ...
    @property
    def lost(self) -> bool: ...
    def ask(self, operation: str, entity: str, args: dict[str, Any]) -> Any: ...

class Batches:
    def next(self) -> list[Any]: ...
    def close(self) -> None: ...

class AwaitedBatches:
    def next(self) -> Awaitable[list[Any]]: ...
    def close(self) -> None: ...

class Port:
    def __new__(cls, watched: bool, call: Any, drain: Any) -> Port: ...
    def fileno(self) -> int: ...
    def drain(self) -> None: ...
    def cancel(self, id: int) -> None: ...
