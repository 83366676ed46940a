"""For `httpx2`: `httpx2.Client(auth=Auth())`, and `AsyncClient`.

The header replaces one that the request has. The host is checked before anything is sent; on a redirect to another host
the client itself drops the header. A request that is answered with 401 is sent once more with a new token, if its
body is held in memory.
"""

from __future__ import annotations

import httpx2

from ._httpx import Flows

__all__ = ["Auth"]


class Auth(Flows, httpx2.Auth):
    """`Auth()` selects automatically; `Auth(credentials)`, `Auth("AQVN…")`. Options: `allow_hosts=["api.example"]` (or
    `"*.example"`), `allow_loopback=True`, `skip_other_hosts=True`.
    """

    _held = httpx2.ByteStream
