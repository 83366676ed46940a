"""For the package `openai` (and `langchain-openai`): a callable in the place of the key, which is asked for each attempt.

    from openai import AsyncOpenAI, OpenAI
    from yandex_cloud_auth.openai import api_key, api_key_async

    client = OpenAI(api_key=api_key(), base_url="https://ai.api.cloud.yandex.net/v1", project=FOLDER_ID)
    client = AsyncOpenAI(api_key=api_key_async(), base_url=…, project=FOLDER_ID)

The callable does not see the URL. `yandex_cloud_auth.httpx2.Auth` in the client's `http_client` does: it checks the host, and
replays a request after a 401.
"""

from __future__ import annotations

from ._adapter import credentials_of
from ._credentials import Credentials
from ._errors import NotConfigured

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["api_key", "api_key_async"]


def api_key(auth: Credentials | str | None = None) -> Callable[[], str]:
    """For `OpenAI(api_key=…)` and `ChatOpenAI(api_key=…)`."""
    try:
        credentials = credentials_of(auth)
    finally:
        del auth

    def token() -> str:
        return _present(credentials.token())

    return token


def api_key_async(auth: Credentials | str | None = None) -> Callable[[], Awaitable[str]]:
    """For `AsyncOpenAI(api_key=…)`: that client refuses a callable that is not async."""
    try:
        credentials = credentials_of(auth)
    finally:
        del auth

    async def token() -> str:
        return _present(await credentials.token_async())

    return token


def _present(token: str | None) -> str:
    if token is None:
        raise NotConfigured("the method none has no token, and this client cannot do without one", method="none")
    return token
