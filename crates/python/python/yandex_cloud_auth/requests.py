"""For `requests`: `session.auth = Auth()`, or `requests.get(url, auth=Auth())`.

The host is checked before anything is sent; on a redirect to another host the client itself drops the header. A request
that is answered with 401 is sent once more with a new token, if its body is held in memory.
"""

from __future__ import annotations

import requests
from requests.auth import AuthBase

from ._adapter import Guard, Header

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
            header.put_into(request.headers)
            # The first of the hooks: those of the program see the last response alone.
            replay = _Replay(self, header)
            request.hooks = {**request.hooks, "response": [replay, *_response_hooks(request)]}
        return request


class _Replay:
    """The hook of one request that has our header."""

    def __init__(self, auth: Auth, header: Header) -> None:
        self._auth = auth
        self._header = header

    def __call__(self, response: requests.Response, **options: Any) -> requests.Response:
        request = response.request
        # Behind a redirect to another host the header is not ours.
        if response.status_code != 401 or not self._header.is_in(request.headers):
            return response
        # A session of the program's own may keep the header there.
        if not self._auth._rules.check(request.url or ""):
            return response
        if not isinstance(request.body, (str, bytes, type(None))):
            return response
        second_header = self._header.renewed(timeout=_read_timeout(options.get("timeout")))
        if second_header is None:
            return response
        # The connection is free for the next request once the response is read.
        _ = response.content
        response.close()
        again = request.copy()
        # A copy shares the hooks, and the client goes through this very list at the moment.
        again.hooks = {**request.hooks, "response": [hook for hook in _response_hooks(request) if hook is not self]}
        second_header.put_into(again.headers)
        second: requests.Response = response.connection.send(again, **options)
        second.history.append(response)
        second.request = again
        return second


def _read_timeout(timeout: Any) -> float | None:
    """How long the client waits for an answer. `timeout` is a number, a pair, an object of urllib3, or None."""
    if isinstance(timeout, tuple):
        timeout = timeout[-1]
    for name in ["total", "read_timeout"]:
        if isinstance(seconds := getattr(timeout, name, timeout), (int, float)):
            return seconds
    return None


def _response_hooks(request: requests.PreparedRequest) -> list[Any]:
    hooks: Any = request.hooks.get("response") or []
    return [hooks] if callable(hooks) else list(hooks)
