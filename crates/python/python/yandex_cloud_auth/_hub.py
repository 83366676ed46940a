"""The operations that one event loop, or one thread, waits for: the Python half of the native class."""

from __future__ import annotations

from . import _native
from ._errors import checked
from ._values import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ._native import Credentials

    #: Starts an operation that may take some seconds. Returns its number.
    Start = Callable[["Hub", Credentials, float | None], int]


class Hub:
    """Operations, and the socket that becomes readable when one of them may have ended."""

    __slots__ = ("native", "_ended")

    def __init__(self) -> None:
        """Raises Unavailable if the process has no free descriptors."""
        self.native = checked(_native.open_hub())
        #: Three values for each operation that has ended.
        self._ended: list[Any] = []

    def fileno(self) -> int:
        """The descriptor that is readable when `step` has something to do."""
        return self.native.fileno()

    @property
    def foreign(self) -> bool:
        """Whether this process is a child of the one that made the hub."""
        return self.native.foreign

    def start_changes(self, credentials: Credentials) -> int:
        """Starts to wait for new tokens, again and again. The credentials are not kept alive."""
        return self.native.start_changes(credentials)

    def listen_to_log(self) -> None:
        """Becomes readable for each new log record, too."""
        self.native.listen_to_log()

    def cancel(self, number: int) -> None:
        """Gives an operation up."""
        self.native.cancel(number)

    def wake(self) -> None:
        """Makes the descriptor readable."""
        self.native.wake()

    def step(self, credentials: Credentials | None, limit: int, keep: bool = False) -> None:
        """Looks at no more than `limit` operations that may have ended, and adds those that have to `ended`.

        The descriptor stays readable until a call has nothing to do, and while `keep` is true.
        """
        self.native.step(credentials, limit, keep, self._ended)

    def ended(self) -> Iterator[tuple[int, bool, Any]]:
        """Takes `(number, succeeded, value)` of each operation that has ended; the value of one that has failed is for
        `_errors.exception`. An operation is gone only when the next one is asked for: an exception of a signal handler
        loses none.
        """
        ended = self._ended
        while ended:
            number, succeeded, value = ended[:3]
            yield number, succeeded, value
            del ended[:3]


def start_header(token: bool, min_ttl: float | None) -> Start:
    """What starts a wait for a header, or for a bare token."""
    if min_ttl is None:
        return _start_token if token else _start_header
    life = seconds(min_ttl, "min_ttl")
    return lambda hub, credentials, timeout: hub.native.start_header(credentials, token, timeout, life)


def _start_header(hub: Hub, credentials: Credentials, timeout: float | None) -> int:
    return hub.native.start_header(credentials, False, timeout, None)


def _start_token(hub: Hub, credentials: Credentials, timeout: float | None) -> int:
    return hub.native.start_header(credentials, True, timeout, None)


def start_revoke(hub: Hub, credentials: Credentials, timeout: float | None) -> int:
    """Starts a revocation."""
    return hub.native.start_revoke(credentials, timeout)
