"""The operations that one event loop, or one thread, waits for: the Python half of the native class."""

from __future__ import annotations

from . import _native
from ._errors import checked
from ._values import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._native import Credentials


class Hub:
    """Operations, and the socket that becomes readable when one of them may have ended."""

    __slots__ = ("_hub",)

    def __init__(self) -> None:
        """Raises Unavailable if the process has no free descriptors."""
        self._hub = checked(_native.open_hub())

    def fileno(self) -> int:
        """The descriptor that is readable when `step` has something to do."""
        return self._hub.fileno()

    @property
    def foreign(self) -> bool:
        """Whether this process is a child of the one that made the hub."""
        return self._hub.foreign

    def start_header(
        self, credentials: Credentials, token: bool, timeout: float | None, min_ttl: float | None
    ) -> int:
        """Starts a wait for a header, or for a bare token. Returns the number of the operation."""
        return self._hub.start_header(
            credentials, token, seconds(timeout, "timeout"), seconds(min_ttl, "min_ttl")
        )

    def start_revoke(self, credentials: Credentials, timeout: float | None) -> int:
        """Starts a revocation."""
        return self._hub.start_revoke(credentials, seconds(timeout, "timeout"))

    def start_changes(self, credentials: Credentials) -> int:
        """Starts to wait for new tokens, again and again. The credentials are not kept alive."""
        return self._hub.start_changes(credentials)

    def listen_to_log(self) -> None:
        """Becomes readable for each new log record, too."""
        self._hub.listen_to_log()

    def cancel(self, number: int) -> None:
        """Gives an operation up."""
        self._hub.cancel(number)

    def step(self, credentials: Credentials | None, limit: int) -> list[tuple[int, bool, Any]]:
        """Looks at no more than `limit` operations that may have ended. Returns `(number, succeeded, value)` for each that
        has; the value of one that has failed is for `_errors.exception`.
        """
        ended: list[Any] = []
        self._hub.step(credentials, limit, ended)
        return list(zip(ended[::3], ended[1::3], ended[2::3]))
