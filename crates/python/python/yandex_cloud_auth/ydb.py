"""For `ydb`: `ydb.Driver(endpoint=…, database=…, credentials=Credentials())`, and `AsyncCredentials` for `ydb.aio`.

The driver sends the token over its own channel: use an endpoint with `grpcs://`.
"""

from __future__ import annotations

import ydb

from . import _adapter
from ._credentials import Credentials as _Credentials

__all__ = ["AsyncCredentials", "Credentials"]

_TICKET = "x-ydb-auth-ticket"


class Credentials(ydb.credentials.Credentials):  # type: ignore[misc,unused-ignore]
    """For `ydb.Driver`: asked for each request."""

    def __init__(self, auth: _Credentials | str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        try:
            self._auth = _adapter.credentials_of(auth)
        finally:
            del auth

    def auth_metadata(self) -> list[tuple[str, str]]:
        """The bare IAM token."""
        return [(_TICKET, _adapter.bearer(self._auth.header()))]


class AsyncCredentials(ydb.credentials.Credentials):  # type: ignore[misc,unused-ignore]
    """For `ydb.aio.Driver`: does not block the event loop."""

    def __init__(self, auth: _Credentials | str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        try:
            self._auth = _adapter.credentials_of(auth)
        finally:
            del auth

    async def auth_metadata(self) -> list[tuple[str, str]]:
        """The bare IAM token."""
        return [(_TICKET, _adapter.bearer(await self._auth.header_async()))]

    async def get_auth_token(self) -> str:  # type: ignore[override,unused-ignore]
        """The bare IAM token."""
        return _adapter.bearer(await self._auth.header_async())
