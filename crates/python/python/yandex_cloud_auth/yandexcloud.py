"""For `yandexcloud`: `sdk = yandex_cloud_auth.yandexcloud.sdk()` in the place of `yandexcloud.SDK(…)`.

The SDK asks for the token for each call. It sends IAM tokens only.
"""

from __future__ import annotations

from yandexcloud import SDK  # type: ignore[attr-defined,unused-ignore]

from . import _adapter
from ._credentials import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["sdk"]


class _Token(str):
    """The `iam_token` of the SDK, which puts it into the header of each call by an f-string."""

    _auth: Credentials

    def __format__(self, spec: str) -> str:
        return _adapter.bearer(self._auth.header())

    def __str__(self) -> str:
        return _adapter.bearer(self._auth.header())

    def __repr__(self) -> str:
        return "<IAM token of yandex_cloud_auth>"


def sdk(auth: Credentials | str | None = None, **options: Any) -> SDK:
    """An SDK with these credentials; the options are those of `yandexcloud.SDK`. A refused token is replaced, and the call
    made once more, unless an `interceptor` is given.
    """
    from .grpc import Replay

    try:
        credentials = _adapter.credentials_of(auth)
    finally:
        del auth
    token = _Token()
    token._auth = credentials
    options.setdefault("interceptor", Replay(credentials))
    return SDK(iam_token=token, **options)
