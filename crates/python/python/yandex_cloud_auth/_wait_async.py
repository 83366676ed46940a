"""Waits in an event loop: asyncio and its relatives by `add_reader`, trio by `wait_readable`.

A call that waits does `begin`, awaits, and does `end`. All waits of one event loop for one set of credentials share one
socket pair, which exists while there are any.
"""

from __future__ import annotations

import os
import sys
from collections import deque

from . import _events, _wait
from ._errors import exception
from ._hub import Hub
from ._values import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Generator
    from typing import Any

    from ._hub import Start
    from ._native import Credentials

    #: Whether the operation succeeded, and its value, or its failure.
    Outcome = tuple[bool, Any]

#: How many operations one step starts, or looks at: other work of the loop has its turn between two steps.
BATCH = 64

#: Stands for this process: a child of a fork has another one. Cheaper than a look at the number of the process.
_process = object()


def _after_fork_in_child() -> None:
    global _process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def begin(credentials: Credentials, start: Start, timeout: float | None) -> Awaitable[Outcome]:
    """Begins a wait for one operation. The caller awaits its outcome, and calls `end` in any case."""
    if timeout is not None:
        timeout = seconds(timeout, "timeout")
    _events.attach()
    # A module that another thread imports at this moment lacks attributes, and runs no loop yet.
    trio = sys.modules.get("trio")
    try:
        is_trio = trio is not None and trio.lowlevel.in_trio_task()
    except AttributeError:
        is_trio = False
    if is_trio:
        return _begin_in_trio(credentials, start, timeout, trio)
    get_running_loop = getattr(sys.modules.get("asyncio"), "get_running_loop", None)
    if get_running_loop is None:
        raise RuntimeError("no running event loop")
    # Outside of a loop this raises the same.
    loop = get_running_loop()
    waits: _LoopWaits | None = _table(credentials).get(loop)
    if waits is None or waits.process is not _process:
        waits = _open(credentials, loop)
        if waits is None:
            outcome: Awaitable[Outcome] = loop.run_in_executor(None, _block, credentials, start, timeout)
            return outcome
    return waits.queue(start, timeout)


def value(outcome: Outcome) -> Any:
    """The value of the operation. Raises the exception of its failure."""
    succeeded, value = outcome
    if succeeded:
        return value
    raise exception(value)


def end(credentials: Credentials, waiter: Any) -> None:
    """Ends a wait: nobody awaits its outcome any more. An operation that still runs is given up."""
    waits = _table(credentials).get(waiter.get_loop())
    if waits is not None:
        waits.end(waiter)


def _block(credentials: Credentials, start: Start, timeout: float | None) -> Outcome:
    return True, _wait.run(credentials, start, timeout)


def _table(credentials: Credentials) -> dict[Any, Any]:
    """The waits of the credentials, by loop."""
    try:
        return credentials._waits  # type: ignore[attr-defined,no-any-return]
    except AttributeError:
        # Another thread may be faster.
        table: dict[Any, Any] = credentials.__dict__.setdefault("_waits", {})
        return table


class _Waits:
    """The operations of one event loop, and who waits for them.

    A signal handler may raise between any two statements. So the socket stays readable until a step has found nothing to
    do: what an exception has interrupted is done by the next step.
    """

    def __init__(self, credentials: Credentials, loop: Any) -> None:
        self.credentials = credentials
        self.loop = loop
        self.hub = Hub()
        self.process = _process
        #: The number of each waiter's operation. None until the operation has been started.
        self.waiters: dict[Any, int | None] = {}
        self.by_number: dict[int, Any] = {}

    def start(self, waiter: Any, start: Start, timeout: float | None) -> None:
        number = start(self.hub, self.credentials, timeout)
        self.by_number[number] = waiter
        self.waiters[waiter] = number

    def step(self, keep: bool = False) -> None:
        """Tells the waiters of operations that have ended. `keep`: the caller has more to do."""
        self.hub.step(self.credentials, BATCH, keep)
        for number, succeeded, value in self.hub.ended():
            waiter = self.by_number.get(number)
            if waiter is not None:
                # One that was cancelled at this very moment is not told.
                if not waiter.done():
                    waiter.set_result((succeeded, value))
                self.waiters.pop(waiter, None)
                self.by_number.pop(number, None)
        self.close_if_done()

    def end(self, waiter: Any) -> None:
        number = self.waiters.pop(waiter, None)
        if number is not None:
            self.by_number.pop(number, None)
            self.hub.cancel(number)
        self.close_if_done()

    def close_if_done(self) -> None:
        """Leaves the loop if nobody waits."""
        table = _table(self.credentials)
        # After a fork the child may end a wait of its parent's, who still waits at the same socket.
        if not self.waiters and table.get(self.loop) is self and self.process is _process:
            table.pop(self.loop, None)
            self.close()

    def close(self) -> None:
        raise NotImplementedError


# asyncio


class _LoopWaits(_Waits):
    """The waits of a loop of asyncio's kind.

    A thousand tasks may begin to wait in one turn of the loop. The task only enters a queue: its operation is started
    in a turn of its own, beside a few others.
    """

    def __init__(self, credentials: Credentials, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(credentials, loop)
        self.queued: deque[tuple[asyncio.Future[Outcome], Start, float | None]] = deque()

    def queue(self, start: Start, timeout: float | None) -> asyncio.Future[Outcome]:
        loop = self.loop
        future: asyncio.Future[Outcome] = loop.create_future()
        if not self.queued:
            self.hub.wake()
        # The timeout begins here.
        self.queued.append((future, start, None if timeout is None else loop.time() + timeout))
        self.waiters[future] = None
        return future

    def turn(self) -> None:
        """What the loop calls while the socket is readable."""
        if self.process is not _process:
            # A child of a fork runs the loop of its parent. The operations are the parent's.
            return
        self.start_queued()
        self.step(bool(self.queued))

    def start_queued(self) -> None:
        for _ in range(min(BATCH, len(self.queued))):
            future, start, end = self.queued[0]
            # Neither one that was cancelled in the queue, nor one that was started before an exception.
            if self.waiters.get(future, 0) is None and not future.done():
                try:
                    self.start(future, start, None if end is None else max(0.0, end - self.loop.time()))
                except Exception as error:
                    future.set_exception(error)
            self.queued.popleft()

    def close(self) -> None:
        self.queued.clear()
        if not self.loop.is_closed():
            self.loop.remove_reader(self.hub.fileno())


def _open(credentials: Credentials, loop: asyncio.AbstractEventLoop) -> _LoopWaits | None:
    """New waits for the loop. None for the proactor loop of Windows, which watches no sockets for others."""
    table = _table(credentials)
    # Other threads change the table at any moment, and `list` copies the keys in one step.
    for other in list(table):
        if getattr(other, "is_closed", bool)():
            table.pop(other, None)
    waits = _LoopWaits(credentials, loop)
    try:
        loop.add_reader(waits.hub.fileno(), waits.turn)
    except NotImplementedError:
        return None
    table[loop] = waits
    return waits


# trio


class _TrioWaits(_Waits):
    """The waits of a loop of trio's. A task of trio's own watches the socket."""

    def __init__(self, credentials: Credentials, loop: Any, trio: Any) -> None:
        super().__init__(credentials, loop)
        self.trio = trio
        self.scope = trio.CancelScope()
        trio.lowlevel.spawn_system_task(self.watch)

    async def watch(self) -> None:
        with self.scope:
            while True:
                await self.trio.lowlevel.wait_readable(self.hub.fileno())
                self.step()

    def close(self) -> None:
        self.scope.cancel()


class _TrioWaiter:
    """As a future of asyncio's."""

    def __init__(self, event: Any, loop: Any) -> None:
        self.event = event
        self.loop = loop
        self.outcome: Outcome | None = None

    def get_loop(self) -> Any:
        return self.loop

    def done(self) -> bool:
        return self.outcome is not None

    def set_result(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.event.set()

    def __await__(self) -> Generator[Any, Any, Outcome]:
        yield from self.event.wait().__await__()
        assert self.outcome is not None
        return self.outcome


def _begin_in_trio(credentials: Credentials, start: Start, timeout: float | None, trio: Any) -> _TrioWaiter:
    table = _table(credentials)
    loop = trio.lowlevel.current_trio_token()
    waits: _TrioWaits | None = table.get(loop)
    if waits is None or waits.process is not _process:
        waits = table[loop] = _TrioWaits(credentials, loop, trio)
    waiter = _TrioWaiter(trio.Event(), loop)
    try:
        waits.start(waiter, start, timeout)
    except BaseException:
        waits.close_if_done()
        raise
    return waiter
