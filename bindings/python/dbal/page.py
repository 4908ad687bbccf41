"""A page of rows: the answer of ``list``."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import pandas
    import polars

Row = TypeVar("Row")

#: Rows and characters of a cell that a notebook shows.
_MOST_ROWS, _MOST_TEXT = 60, 80


class Page(Generic[Row]):
    """Rows with what is known of the rest. It is gone through, indexed and measured as its rows are.

    ``total`` is None where it was not asked for; the cursors are there on pages by cursor.
    """

    __slots__ = ("data", "has_more", "limit", "next_cursor", "page", "prev_cursor", "total")

    def __init__(
        self,
        data: list[Row],
        total: int | None,
        page: int,
        limit: int,
        has_more: bool,
        next_cursor: str | None = None,
        prev_cursor: str | None = None,
    ) -> None:
        self.data = data
        self.total = total
        self.page = page
        self.limit = limit
        self.has_more = has_more
        self.next_cursor = next_cursor
        self.prev_cursor = prev_cursor

    def __iter__(self) -> Iterator[Row]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Row:
        return self.data[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Page) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    def as_dict(self) -> dict[str, Any]:
        """The page as plain data."""
        return {name: getattr(self, name) for name in (
            "data", "total", "page", "limit", "has_more", "next_cursor", "prev_cursor",
        )}

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a frame of pandas, which has to be installed."""
        import pandas

        return pandas.DataFrame.from_records(self._records(), columns=self._columns() or None)

    def to_polars(self) -> polars.DataFrame:
        """The rows as a frame of polars, which has to be installed. UUIDs become text there."""
        import uuid

        import polars

        text = [
            {name: str(cell) if isinstance(cell, uuid.UUID) else cell for name, cell in row.items()}
            for row in self._records()
        ]
        return polars.DataFrame(text, infer_schema_length=None)

    def _records(self) -> list[dict[str, Any]]:
        return [_plain(row) for row in self.data]

    def _columns(self) -> list[str]:
        return list(_plain(self.data[0])) if self.data else []

    def __repr__(self) -> str:
        of = "" if self.total is None else f" of {self.total}"
        more = ", more follow" if self.has_more else ""
        return f"<Page {self.page}: {len(self.data)}{of} rows{more}>"

    def _repr_html_(self) -> str:
        names = self._columns()
        cells = [[_plain(row).get(name) for name in names] for row in self.data[:_MOST_ROWS]]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join(f"<tr>{''.join(f'<td>{_shown(cell)}</td>' for cell in row)}</tr>" for row in cells)
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
            f"<caption>{html.escape(repr(self)[1:-1])}</caption></table>"
        )


def _plain(row: Any) -> dict[str, Any]:
    if isinstance(row, Mapping):
        return dict(row)
    if is_dataclass(row):
        return {field.name: getattr(row, field.name) for field in fields(row)}
    return dict(vars(row))


def _shown(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return html.escape(text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…")
