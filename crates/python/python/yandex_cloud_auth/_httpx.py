"""The flows of `httpx` and of `httpx2`, whose requests and responses have the same shape."""

from __future__ import annotations

from ._adapter import Guard, Header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from typing import Any


class Flows(Guard):
    """The methods that a client calls for each request."""

    #: The client's class for a body that is held in memory.
    _held: type

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """The flow of `Client`."""
        header = self._header(str(request.url))
        if header is not None:
            header.put_into(request.headers)
        response = yield request
        if header is not None and self._is_replayable(request, response, header):
            second = header.renewed(timeout=_read_timeout(request))
            if second is not None:
                second.put_into(request.headers)
                yield request

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """The flow of `AsyncClient`."""
        header = await self._header_async(str(request.url))
        if header is not None:
            header.put_into(request.headers)
        response = yield request
        if header is not None and self._is_replayable(request, response, header):
            second = await header.renewed_async(timeout=_read_timeout(request))
            if second is not None:
                second.put_into(request.headers)
                yield request

    def _is_replayable(self, request: Any, response: Any, header: Header) -> bool:
        # Behind a redirect to another host, the server has not seen the header.
        refused = response.status_code == 401 and header.is_in(response.request.headers)
        return refused and isinstance(request.stream, self._held)


def _read_timeout(request: Any) -> float | None:
    """How long the client waits for an answer."""
    seconds: float | None = (request.extensions.get("timeout") or {}).get("read")
    return seconds
