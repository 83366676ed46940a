"""For `requests`: `session.auth = Auth()`, or `requests.get(url, auth=Auth())`.

The host is checked before anything is sent; on a redirect to another host the client itself drops the header. A request
that is answered with 401 is sent once more with a new token, if its body is held in memory.
"""

from __future__ import annotations

import requests
from requests.auth import AuthBase

from ._adapter import Guard, renewed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Auth"]


class Auth(Guard, AuthBase):
    """`Auth()` selects automatically; `Auth(credentials)`, `Auth("AQVN…")`. Options: `allow_hosts=["api.example"]` (or
    `"*.example"`), `allow_loopback=True`, `skip_other_hosts=True`.
    """

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Called for each request, before it is sent."""
        header = self._header(request.url or "")
        if header is not None:
            request.headers["Authorization"] = header
            request.register_hook("response", self._replay)  # type: ignore[no-untyped-call,unused-ignore]
        return request

    def _replay(self, response: requests.Response, **options: Any) -> requests.Response:
        request = response.request
        header = request.headers.get("Authorization")
        if response.status_code != 401 or not header or not self._rules.check(request.url or ""):
            return response
        if not isinstance(request.body, (str, bytes, type(None))):
            return response
        second_header = renewed(self.credentials, header)
        if second_header is None:
            return response
        # The connection is free for the next request once the response is read.
        _ = response.content
        response.close()
        again = request.copy()
        again.deregister_hook("response", self._replay)  # type: ignore[no-untyped-call,unused-ignore]
        again.headers["Authorization"] = second_header
        second: requests.Response = response.connection.send(again, **options)
        second.history.append(response)
        second.request = again
        return second
