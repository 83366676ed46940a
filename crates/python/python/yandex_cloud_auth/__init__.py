"""Authentication for Yandex Cloud and AI Studio.

    from yandex_cloud_auth import Credentials

    creds = Credentials()            # automatic; Credentials("AQVN…") takes a bare string
    creds.header()                   # "Bearer …", for the header Authorization; in async code: await creds.header_async()
    creds.token()                    # the bare token, for a client that makes the header

Ask for each request anew: a token at hand costs less than a microsecond, and a stale one is renewed beside the calls.
`yandex_cloud_auth.httpx`, `.requests`, `.aiohttp`, `.grpc`, `.openai`, `.ai_studio`, `.ydb` and others put the credentials
into a client. Importing this package imports no other one.
"""

from __future__ import annotations

from ._credentials import Credentials
from ._errors import AuthError, Blocked, Expired, InvalidCredential, NotConfigured, Refused, Unavailable
from ._native import VERSION as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._report import Attempt, Report

__all__ = [
    "Attempt",
    "AuthError",
    "Blocked",
    "Credentials",
    "Expired",
    "InvalidCredential",
    "NotConfigured",
    "Refused",
    "Report",
    "Unavailable",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # Few programs name these classes, and none of them at its start.
    if name in ("Attempt", "Report"):
        from . import _report

        return getattr(_report, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
