"""For Airflow, and whatever else takes the dotted name of a callable: `yandex_cloud_auth.airflow.token` and `.header`.

The credentials of the process are made at the first call, by automatic selection. `http_auth` is an `auth_type` for
`HttpHook`: the login and the password of the connection are not used.
"""

from __future__ import annotations

from ._credentials import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .requests import Auth

__all__ = ["header", "http_auth", "token"]

_credentials: Credentials | None = None


def _shared() -> Credentials:
    global _credentials
    if _credentials is None:
        _credentials = Credentials()
    return _credentials


def token(*_: Any, **__: Any) -> str | None:
    """The bare token. Arguments are ignored."""
    del _, __
    return _shared().token()


def header(*_: Any, **__: Any) -> str | None:
    """The value of `Authorization`. Arguments are ignored."""
    del _, __
    return _shared().header()


def http_auth(*_: Any, **__: Any) -> Auth:
    """`HttpHook(auth_type=http_auth)`."""
    # They may be a login and a password.
    del _, __
    from .requests import Auth

    return Auth(_shared())
