"""For `httpx`: `httpx.Client(auth=Auth())`, and `AsyncClient`.

The header replaces one that the request has. The host is checked before anything is sent; on a redirect to another host
the client itself drops the header. A request that is answered with 401 is sent once more with a new token, if its
body is held in memory.
"""

from __future__ import annotations

import httpx

from ._adapter import Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

__all__ = ["Auth"]


class Auth(Guard, httpx.Auth):
    """`Auth()` selects automatically; `Auth(credentials)`, `Auth("AQVN…")`. Options: `allow_hosts=["api.example"]` (or
    `"*.example"`), `allow_loopback=True`, `skip_other_hosts=True`.
    """

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The flow of `httpx.Client`."""
        header = self._header(str(request.url))
        if header is not None:
            request.headers["authorization"] = header
        response = yield request
        if header is not None and _is_replayable(request, response, header):
            renewed = self._renewed(header)
            if renewed is not None:
                request.headers["authorization"] = renewed
                yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The flow of `httpx.AsyncClient`."""
        header = await self._header_async(str(request.url))
        if header is not None:
            request.headers["authorization"] = header
        response = yield request
        if header is not None and _is_replayable(request, response, header):
            renewed = await self._renewed_async(header)
            if renewed is not None:
                request.headers["authorization"] = renewed
                yield request


def _is_replayable(request: httpx.Request, response: httpx.Response, header: str) -> bool:
    # Behind a redirect to another host, the server has not seen the header.
    refused = response.status_code == 401 and response.request.headers.get("authorization") == header
    return refused and isinstance(request.stream, httpx.ByteStream)
