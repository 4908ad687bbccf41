"""What clients and transactions have in common, awaited or not."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from dbal._native import Database
from dbal._raise import raised


class Limits(TypedDict, total=False):
    """Lower limits than the engine's own."""

    filter_depth: int
    filter_nodes: int
    in_values: int
    include_depth: int
    include_relations: int
    included_rows: int
    row_bytes: int
    index_bytes: int
    request_bytes: int
    many_rows: int
    batch_entries: int
    bound_rows: int


#: What the URL says anyway, or ``prisma`` over a URL of SQLite or PostgreSQL: a database that Prisma made.
Adapter = Literal["sqlite", "postgres", "mongodb", "memory", "prisma"]

#: A folder of entity files, a schema.prisma, entities as mappings, or ``{"text": ...}`` with YAML.
Schema = str | os.PathLike[str] | Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Catalogue:
    """What is known of an opened database's entities."""

    __slots__ = ("capabilities", "names", "plurals", "told", "warnings")

    def __init__(self, native: Database) -> None:
        told = native.describe()
        self.told: list[dict[str, Any]] = told["entities"]
        self.capabilities: dict[str, str] = told["capabilities"]
        self.warnings: list[str] = told["warnings"]
        self.plurals: dict[str, str] = {entity["plural"]: entity["name"] for entity in self.told}

    def name(self, given: str) -> str:
        """The name of the entity that a name or a plural means; unknown ones are for the engine to report."""
        return self.plurals.get(given, given)


class Asks:
    """Whoever answers requests. Entities are attributes by their plural: ``db.users``."""

    _native: Any
    _catalogue: Catalogue
    _handle: Any

    def __getattr__(self, name: str) -> Any:
        catalogue = self.__dict__.get("_catalogue")
        if catalogue is None or name not in catalogue.plurals:
            raise AttributeError(f"there is no entity with the plural {name!r}", name=name, obj=self)
        handle = self._handle(self._native, catalogue.plurals[name])
        # Found at once from then on.
        self.__dict__[name] = handle
        return handle

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._catalogue.plurals})

    def entity(self, name: str) -> Any:
        """An entity by its name (``User``) or its plural (``users``)."""
        return self._handle(self._native, self._catalogue.name(name))

    def batch(self, entries: Sequence[Mapping[str, Any]], /, **options: Any) -> Any:
        """Runs requests in one transaction, all or none, and gives their answers. ``{"$ref": "0.id"}`` is part of an
        earlier answer."""
        if isinstance(entries, (list, tuple)):
            entries = [self._entry(entry) for entry in entries]
        return self._native.ask("batch", "", {"entries": entries, **options})

    def call(self, name: str, input: Mapping[str, Any] | None = None, /, **fields: Any) -> Any:
        """Runs an operation that the schema declares, such as ``User.login``."""
        return self._native.ask("call", "", {"name": name, "input": fields if input is None else input})

    def _entry(self, entry: Any) -> Any:
        if isinstance(entry, Mapping) and isinstance(entry.get("entity"), str):
            return {**entry, "entity": self._catalogue.name(entry["entity"])}
        return entry


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in given.items() if value is not None}
    if "schema" not in options and os.path.isdir("api/schema"):
        options["schema"] = "api/schema"
    for name in ("schema", "rules_file"):
        if isinstance(options.get(name), os.PathLike):
            options[name] = os.fspath(options[name])
    return options


def url_of(url: str | None, endpoint: str | None = None) -> str:
    """Where to connect to. An endpoint always means a daemon; the environment is asked last."""
    given = endpoint if endpoint is not None else url
    if given is None:
        given = os.environ.get("DBAL_ENDPOINT")
        # `host:port` says by itself what it is, and so does a name of a host.
        if given is not None and "://" not in given:
            given = f"dbal://{given}"
    if given is None:
        given = os.environ.get("DATABASE_URL")
    if given is None:
        raise invalid("url", "missing; expected something like sqlite:app.db, or DATABASE_URL in the environment")
    if not isinstance(given, str):
        raise invalid("url", "expected text such as sqlite:app.db")
    return given


def principal_of(
    given: Mapping[str, Any] | None,
    user: Mapping[str, Any] | None,
    session: Mapping[str, Any] | None,
    roles: Sequence[str] | None,
) -> Mapping[str, Any]:
    if given is not None:
        return given
    return {"user": user, "session": session, "roles": roles}


def confirmed(confirm: bool) -> None:
    if confirm is not True:
        raise invalid("confirm", "reset removes every row; say confirm=True")


def invalid(field: str, message: str) -> Exception:
    return raised("VALIDATION_ERROR", f"{field}: {message}", fields=[(field, message, None)])
