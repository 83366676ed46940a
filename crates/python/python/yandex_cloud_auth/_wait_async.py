"""Waits in an event loop: asyncio and its relatives by `add_reader`, trio by `wait_readable`.

All waits of one event loop for one set of credentials share one socket pair, which exists while there are any.
"""

from __future__ import annotations

import sys

from . import _events, _wait
from ._errors import exception
from ._hub import Hub

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from typing import Any

    from ._native import Credentials

    Start = Callable[[Hub], int]

#: How many operations one step looks at: other work of the loop has its turn between two steps.
BATCH = 64


async def header(credentials: Credentials, token: bool, timeout: float | None, min_ttl: float | None) -> str | None:
    """The header or the token, after a wait."""
    result: str | None = await run(
        credentials, lambda hub: hub.start_header(credentials, token, timeout, min_ttl)
    )
    return result


async def revoke(credentials: Credentials, timeout: float | None) -> str | None:
    """The subject of the revoked token."""
    result: str | None = await run(credentials, lambda hub: hub.start_revoke(credentials, timeout))
    return result


async def run(credentials: Credentials, start: Start) -> Any:
    """Waits for one operation."""
    _events.attach()
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        succeeded, value = await _run_in_trio(credentials, start, trio)
    else:
        # Outside of both this raises `RuntimeError: no running event loop`.
        import asyncio

        succeeded, value = await _run_in_asyncio(credentials, start, asyncio.get_running_loop())
    if succeeded:
        return value
    raise exception(value)


class _Waits:
    """The waits of one event loop."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.hub = Hub()
        self.waiting: dict[int, Any] = {}

    def step(self) -> None:
        for number, succeeded, value in self.hub.step(self.credentials, BATCH):
            waiter = self.waiting.pop(number, None)
            # One that was cancelled at this very moment is not told.
            if waiter is not None and not waiter.done():
                waiter.set_result((succeeded, value))


def _table(credentials: Credentials) -> dict[Any, Any]:
    """The waits of the credentials, by loop."""
    table: dict[Any, Any] = credentials.__dict__.setdefault("_waits", {})
    return table


# asyncio


async def _run_in_asyncio(credentials: Credentials, start: Start, loop: asyncio.AbstractEventLoop) -> Any:
    table = _table(credentials)
    found: _Waits | None = table.get(loop)
    if found is not None and not found.hub.foreign:
        waits = found
    else:
        # Other threads change the table at any moment, and `list` copies the keys in one step.
        for other in list(table):
            if getattr(other, "is_closed", bool)():
                table.pop(other, None)
        waits = _Waits(credentials)
        try:
            loop.add_reader(waits.hub.fileno(), waits.step)
        except NotImplementedError:
            # The proactor loop of Windows watches no sockets for others.
            return True, await loop.run_in_executor(None, _wait.run, credentials, start)
        table[loop] = waits
    future: asyncio.Future[Any] = loop.create_future()
    number = None
    try:
        number = start(waits.hub)
        waits.waiting[number] = future
        return await future
    finally:
        if number is not None and waits.waiting.pop(number, None) is not None:
            waits.hub.cancel(number)
        if not waits.waiting and table.get(loop) is waits:
            table.pop(loop, None)
            if not loop.is_closed():
                loop.remove_reader(waits.hub.fileno())
        # Its `repr` has the token, if the task was cancelled at the moment of the result.
        del future


# trio


class _TrioWaiter:
    def __init__(self, event: Any) -> None:
        self.event = event
        self.outcome: Any = None

    def done(self) -> bool:
        return self.outcome is not None

    def set_result(self, outcome: Any) -> None:
        self.outcome = outcome
        self.event.set()


async def _watch(waits: _Waits, scope: Any, trio: Any) -> None:
    """Runs as a task of trio's own while there are waits."""
    with scope:
        while True:
            await trio.lowlevel.wait_readable(waits.hub.fileno())
            waits.step()


async def _run_in_trio(credentials: Credentials, start: Start, trio: Any) -> Any:
    table = _table(credentials)
    key = trio.lowlevel.current_trio_token()
    found: tuple[_Waits, Any] | None = table.get(key)
    if found is None or found[0].hub.foreign:
        found = _Waits(credentials), trio.CancelScope()
        table[key] = found
        trio.lowlevel.spawn_system_task(_watch, *found, trio)
    waits, scope = found
    waiter = _TrioWaiter(trio.Event())
    number = None
    try:
        number = start(waits.hub)
        waits.waiting[number] = waiter
        await waiter.event.wait()
        return waiter.outcome
    finally:
        if number is not None and waits.waiting.pop(number, None) is not None:
            waits.hub.cancel(number)
        if not waits.waiting and table.get(key) is found:
            table.pop(key, None)
            scope.cancel()
