"""What credentials do: the header, the token, and what is known about them."""

from __future__ import annotations

from . import _native
from ._errors import Importing
from ._hub import start_header, start_revoke
from ._values import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from types import ModuleType
    from typing import NoReturn

    from typing_extensions import Self

    from ._report import Report

importing = Importing()
#: The module, after the first wait in a loop: a thousand tasks that wait look it up in one turn.
_wait_async: ModuleType | None = None


def _import_wait_async() -> ModuleType:
    global _wait_async
    with importing:
        from . import _wait_async as module

    _wait_async = module
    return module


class Calls(_native.Credentials):
    """The calls of `Credentials`, whatever the method."""

    __module__ = "yandex_cloud_auth"

    def header(self, timeout: float | None = None, min_ttl: float | None = None) -> str | None:
        """The value for `Authorization`, such as `Bearer …` or `Api-Key …`; None for the method `none` alone.

        Returns at once while a usable token is at hand. Otherwise waits for the one fetch that all callers share, for
        `timeout` seconds at most. `min_ttl` asks for a token that lives this many seconds more. Raises AuthError.
        """
        if min_ttl is None and (header := self._ready_header()) is not False:
            return header
        with importing:
            from . import _wait

        return _wait.header(self, False, timeout, min_ttl)

    def token(self, timeout: float | None = None, min_ttl: float | None = None) -> str | None:
        """The bare token or key, for a client that makes the header itself; None for the method `none` alone.

        Ask again for each request: the token changes. Waits and raises as `header` does.
        """
        if min_ttl is None and (token := self._ready_token()) is not False:
            return token
        with importing:
            from . import _wait

        return _wait.header(self, True, timeout, min_ttl)

    async def header_async(self, timeout: float | None = None, min_ttl: float | None = None) -> str | None:
        """As `header`, without blocking: for asyncio, uvloop and trio. Does not suspend while a token is at hand."""
        if min_ttl is None and (header := self._ready_header()) is not False:
            return header
        # Written out in each method: a coroutine of its own for the wait would cost as much as the rest of the wait.
        waits = _wait_async or _import_wait_async()
        waiter = waits.begin(self, start_header(False, min_ttl), timeout)
        try:
            return waits.value(await waiter)  # type: ignore[no-any-return]
        finally:
            waits.end(self, waiter)
            del waiter

    async def token_async(self, timeout: float | None = None, min_ttl: float | None = None) -> str | None:
        """As `token`, without blocking: for asyncio, uvloop and trio. Does not suspend while a token is at hand."""
        if min_ttl is None and (token := self._ready_token()) is not False:
            return token
        waits = _wait_async or _import_wait_async()
        waiter = waits.begin(self, start_header(True, min_ttl), timeout)
        try:
            return waits.value(await waiter)  # type: ignore[no-any-return]
        finally:
            waits.end(self, waiter)
            del waiter

    def revoke(self, *, timeout: float | None = None) -> str | None:
        """Revokes the current token, after a fetch if there is none: IAM refuses it from then on, and nothing in this
        process sends it. Returns the id of its subject, if IAM says it.
        """
        with importing:
            from . import _wait

        return _wait.revoke(self, timeout)

    async def revoke_async(self, *, timeout: float | None = None) -> str | None:
        """As `revoke`, without blocking."""
        waits = _wait_async or _import_wait_async()
        waiter = waits.begin(self, start_revoke, timeout)
        try:
            return waits.value(await waiter)  # type: ignore[no-any-return]
        finally:
            waits.end(self, waiter)
            del waiter

    def invalidate(self, token: str | None) -> bool:
        """Drops exactly this token, or the token of this header, because a server refused it: the next call fetches.

        Returns False if that changes nothing: a newer token has replaced it, the method has no other to give (`api-key`,
        `iam-token`, `none`), or four refusals came in a row. Later ones are answered at growing intervals.
        """
        return token is not None and self._invalidate(text(token, "token"))

    def report(self) -> Report | None:
        """Why this method was selected; after a selection that failed, what it tried. None before the first selection."""
        found = self._report()
        if found is None:
            return None
        with importing:
            from . import _report

        return _report.make(found)

    @property
    def expires_at(self) -> datetime | None:
        """When the current token ends according to its issuer, a datetime in UTC; None if there is no token now, or its
        issuer did not say.
        """
        end = self._ends_at()
        if end is None:
            return None
        from datetime import datetime, timezone

        return datetime.fromtimestamp(end, timezone.utc)

    def counters(self) -> dict[str, int]:
        """How often things happened: a dict with `fetches`, `failures` and `waited`."""
        counts: list[int] = []
        self._count(counts)
        return dict(zip(("fetches", "failures", "waited"), counts))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} method={self.method!r}>"

    def __copy__(self) -> Self:
        """Credentials do not copy: the copy is the object itself, with the one token and the one fetch."""
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        """As `__copy__`."""
        return self

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(
            "Credentials cannot be pickled: the pickle would hold the secret in plain text. Make them in each process: "
            "after a fork they work as they are, and the shared cache gives all processes one token"
        )
