"""What awaited requests are: futures of asyncio's, resolved by one port for each event loop."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Generator
from typing import Any

from dbal._native import AwaitedBatches, Batches, Port

_ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Port] = weakref.WeakKeyDictionary()


class Pending(asyncio.Future):  # type: ignore[type-arg]
    """A future whose request is given up when it is cancelled."""

    _port: Port
    _number: int

    def cancel(self, msg: Any = None) -> bool:
        if not super().cancel(msg):
            return False
        if hasattr(self, "_port"):
            self._port.cancel(self._number)
        return True


def pending(loop: asyncio.AbstractEventLoop) -> Pending:
    return Pending(loop=loop)


def port_of(loop: asyncio.AbstractEventLoop) -> tuple[Any, Port]:
    """A weak reference to a loop, and its port."""
    port = _ports.get(loop)
    if port is None:
        port = _ports[loop] = _opened(loop)
    return weakref.ref(loop), port


def _opened(loop: asyncio.AbstractEventLoop) -> Port:
    try:
        port = Port(True, None, None)
        loop.add_reader(port.fileno(), port.drain)
        return port
    except (NotImplementedError, RuntimeError, AttributeError):
        # A loop that watches no sockets, such as the usual one on Windows.
        held: list[Port] = []
        known = weakref.ref(loop)

        def call(drain: Any) -> None:
            loop = known()
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(drain)

        held.append(Port(False, call, lambda: held[0].drain()))
        return held[0]


def rows(batches: Batches) -> Generator[Any, None, None]:
    """The rows of a stream."""
    try:
        while some := batches.next():
            yield from some
    finally:
        batches.close()


async def rows_awaited(batches: AwaitedBatches) -> AsyncGenerator[Any, None]:
    """The same, awaited."""
    try:
        while some := await batches.next():
            for row in some:
                yield row
    finally:
        batches.close()
