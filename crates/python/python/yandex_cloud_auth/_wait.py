"""Waits that block their thread. The wait itself is Python's `poll`, which a signal interrupts."""

from __future__ import annotations

import select
import sys

from . import _events
from ._errors import exception
from ._hub import Hub, start_header, start_revoke
from ._values import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._hub import Start
    from ._native import Credentials


def header(credentials: Credentials, token: bool, timeout: float | None, min_ttl: float | None) -> str | None:
    """The header or the token, after a wait."""
    result: str | None = run(credentials, start_header(token, min_ttl), timeout)
    return result


def revoke(credentials: Credentials, timeout: float | None) -> str | None:
    """The subject of the revoked token."""
    result: str | None = run(credentials, start_revoke, timeout)
    return result


def run(credentials: Credentials, start: Start, timeout: float | None) -> Any:
    """Waits for one operation."""
    timeout = seconds(timeout, "timeout")
    _events.attach()
    hub = Hub()
    start(hub, credentials, timeout)
    while True:
        hub.step(credentials, 16)
        for _, succeeded, value in hub.ended():
            if succeeded:
                return value
            raise exception(value)
        if hub.foreign:
            # A signal handler has forked, and this is the child.
            hub = Hub()
            start(hub, credentials, timeout)
        else:
            until_readable(hub.fileno())


def until_readable(descriptor: int) -> None:
    """Returns when the descriptor is readable, or a little earlier."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
    elif sys.platform == "win32":
        # Ctrl-C does not end `select` there.
        select.select([descriptor], [], [], 0.05)
    else:
        select.select([descriptor], [], [])
