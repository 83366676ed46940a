"""For `aiohttp` 3.12 and later: `ClientSession(middlewares=[Auth()])`.

The middleware sees each hop of a redirect, so a redirect to a host that must not have the header fails; with
`skip_other_hosts=True` it goes on without. A request that is answered with 401 is sent once more with a new token, if
its body is held in memory. The `total` timeout of the client counts the wait for that token too.
"""

from __future__ import annotations

import aiohttp

from ._adapter import Guard

__all__ = ["Auth"]


class Auth(Guard):
    """`Auth()` selects automatically; `Auth(credentials)`, `Auth("AQVN…")`. Options: `allow_hosts=["api.example"]` (or
    `"*.example"`), `allow_loopback=True`, `skip_other_hosts=True`.
    """

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Called for each request, before it is sent."""
        header = await self._header_async(str(request.url))
        if header is None:
            return await handler(request)
        header.put_into(request.headers)
        response = await handler(request)
        held = not request.body or isinstance(request.body, aiohttp.BytesPayload)
        if response.status == 401 and held:
            second = await header.renewed_async()
            if second is not None:
                response.release()
                second.put_into(request.headers)
                response = await handler(request)
        return response
