"""For `yandex-ai-studio-sdk`: an object for its parameter `auth`, its seven classes by their names, and interceptors.

    from yandex_cloud_auth.ai_studio import Auth, interceptors

    auth = Auth()                    # automatic; Auth(credentials), Auth("AQVN…")
    sdk = AIStudio(auth=auth, interceptors=interceptors(auth))

The interceptors replay a gRPC call whose token was refused. Over HTTP (`sdk.chat`) the SDK tells its `auth` nothing of a 401:
call `auth.credentials.invalidate(token)`, and the next call has a new token. The SDK does not show the URL to `auth`.
"""

from __future__ import annotations

import os
import sys
import time
import warnings

import grpc
from yandex_ai_studio_sdk._auth import BaseAuth

from ._adapter import Header, credentials_of, method_of
from ._credentials import Credentials
from ._errors import AuthError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from typing_extensions import Self

__all__ = [
    "APIKeyAuth",
    "Auth",
    "EnvIAMTokenAuth",
    "IAMTokenAuth",
    "MetadataAuth",
    "NoAuth",
    "OAuthTokenAuth",
    "YandexCloudCLIAuth",
    "interceptors",
]

#: The endpoint that yc and the SDK use if nobody names another one.
PUBLIC = "api.cloud.yandex.net"
#: How long yc may take to say its endpoint, in seconds.
YC_WITHIN = 30


class Auth(BaseAuth):
    """`AIStudio(auth=Auth())`: asked for each call, and for its timeout at most."""

    #: The credentials behind it.
    credentials: Credentials

    def __init__(self, auth: Credentials | str | None = None) -> None:
        try:
            self.credentials = credentials_of(auth)
        finally:
            # Not in a traceback of a string that is refused.
            del auth

    async def get_auth_metadata(self, client: Any, timeout: float, lock: Any) -> tuple[str, str] | None:
        """Called by the SDK for each call."""
        header = self.credentials._ready_header()
        if header is False:
            header = await self.credentials.header_async(timeout=timeout)
        return None if header is None else ("authorization", header)

    @classmethod
    async def applicable_from_env(cls, **_: Any) -> Self | None:
        """The object, if it works without a given value."""
        return await cls()._if_it_works()

    async def _if_it_works(self) -> Self | None:
        try:
            await self.credentials.header_async()
        except AuthError:
            return None
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} method={method_of(self)!r}>"


class NoAuth(Auth):
    """No credentials."""

    def __init__(self) -> None:
        super().__init__(Credentials.none())

    @classmethod
    async def applicable_from_env(cls, **_: Any) -> None:
        """Never by itself."""


class _GivenAuth(Auth):
    """A value that is given, or that a variable holds."""

    env_var: str

    @classmethod
    async def applicable_from_env(cls, **_: Any) -> Self | None:
        """The value in the variable."""
        return cls(os.environ[cls.env_var]) if os.environ.get(cls.env_var) else None


class APIKeyAuth(_GivenAuth):
    """An API key."""

    env_var = "YC_API_KEY"

    def __init__(self, api_key: str) -> None:
        try:
            super().__init__(Credentials.api_key(api_key))
        finally:
            del api_key


class IAMTokenAuth(_GivenAuth):
    """A given IAM token."""

    env_var = "YC_IAM_TOKEN"

    def __init__(self, token: str) -> None:
        try:
            super().__init__(Credentials.iam_token(token))
        finally:
            del token


class EnvIAMTokenAuth(Auth):
    """An IAM token in a variable, which is read for each call."""

    default_env_var = "YC_TOKEN"

    def __init__(self, env_var_name: str | None = None) -> None:
        super().__init__(Credentials.env_iam_token(env_var_name or self.default_env_var))

    @classmethod
    async def applicable_from_env(cls, **_: Any) -> Self | None:
        """If the variable is set."""
        return cls() if os.environ.get(cls.default_env_var) else None


class OAuthTokenAuth(_GivenAuth):
    """An OAuth token of a Yandex account."""

    env_var = "YC_OAUTH_TOKEN"

    def __init__(self, token: str) -> None:
        try:
            warnings.warn(
                "an OAuth token gives access to all that its owner has: prefer a service account", UserWarning, stacklevel=2
            )
            super().__init__(Credentials.oauth_token(token))
        finally:
            del token


class MetadataAuth(Auth):
    """The metadata service. `metadata_url` is an address or a URL; a first `token` is not used: the service is asked."""

    env_var = "YC_METADATA_ADDR"

    def __init__(self, token: str | None = None, metadata_url: str | None = None) -> None:
        del token
        address = metadata_url
        if address is not None:
            scheme, found, rest = address.partition("://")
            address = f"{scheme}://{rest.partition('/')[0]}" if found else address.partition("/")[0]
        super().__init__(Credentials.metadata(address))


class YandexCloudCLIAuth(Auth):
    """The command yc. A first `token` is not used: yc is asked."""

    env_var = "YC_PROFILE"

    def __init__(
        self, token: str | None = None, endpoint: str | None = None, yc_profile: str | None = None
    ) -> None:
        del token
        super().__init__(Credentials.yandex_cloud_cli(yc_profile, endpoint=endpoint))

    @classmethod
    async def applicable_from_env(
        cls, yc_profile: str | None = None, endpoint: str | None = None, **_: Any
    ) -> Self | None:
        """If standard input is a terminal, yc is configured for this endpoint, and yc has a token."""
        if not sys.stdin.isatty():
            return None
        profile = yc_profile or os.environ.get(cls.env_var)
        if endpoint is not None and await _endpoint_of_yc(profile) != _plain(endpoint):
            # `--endpoint` would send the login of another installation there.
            return None
        return await cls(endpoint=endpoint, yc_profile=yc_profile)._if_it_works()


def _plain(endpoint: str) -> str:
    """The form in which endpoints are compared. Without one yc uses the public endpoint."""
    host = endpoint.rpartition("://")[2].rstrip("/") or PUBLIC
    return host.removesuffix(":443")


async def _endpoint_of_yc(profile: str | None) -> str | None:
    """The endpoint in yc's configuration; None if yc does not say it."""
    import asyncio

    command = ["yc", "config", "get", "endpoint", *(["--profile", profile] if profile else [])]
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=null, stdout=pipe, stderr=null)
    except OSError:
        return None
    try:
        out, _ = await asyncio.wait_for(process.communicate(), YC_WITHIN)
    except asyncio.TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        return None
    # yc prints notices before the value.
    return _plain((out.decode(errors="replace").split() or [""])[-1])


def interceptors(auth: Auth | Credentials) -> list[Any]:
    """For `AIStudio(interceptors=…)`: a call whose token is refused before the first message is made once more."""
    credentials = auth.credentials if isinstance(auth, Auth) else auth
    return [_UnaryUnary(credentials), _UnaryStream(credentials)]


class _Attempt:
    """A call, and the second one in its place. The details have the header: see `Header`."""

    def __init__(self, credentials: Credentials, continuation: Any, details: Any, request: Any) -> None:
        self._credentials = credentials
        self._continuation = continuation
        self._details = details
        self._request = request
        self._until = None if details.timeout is None else time.monotonic() + details.timeout

    async def first(self) -> Any:
        # A copy: the SDK's retry takes a key of its own out of the metadata.
        return await self._made(None, self._details.timeout)

    async def renewal(self, error: grpc.aio.AioRpcError) -> Header | None:
        """The header of the second call after this error; None if there is no such call."""
        sent = Header.of(self._credentials, (self._details.metadata or {}).get("authorization"))
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED or sent is None:
            return None
        return await sent.renewed_async(timeout=self._left())

    async def second(self, header: Header) -> Any:
        return await self._made(header, self._left())

    def _made(self, header: Header | None, timeout: float | None) -> Any:
        metadata = grpc.aio.Metadata(*(self._details.metadata or ()))
        if header is not None:
            metadata["authorization"] = header.metadata()[0][1]
        return self._continuation(self._details._replace(metadata=metadata, timeout=timeout), self._request)

    def _left(self) -> float | None:
        return None if self._until is None else max(self._until - time.monotonic(), 0.0)


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc,unused-ignore]
    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        attempt = _Attempt(self._credentials, continuation, client_call_details, request)
        del client_call_details
        try:
            call = await attempt.first()
            await call
            return call
        except grpc.aio.AioRpcError as error:
            header = await attempt.renewal(error)
            if header is None:
                raise
        return await attempt.second(header)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[misc,unused-ignore]
    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        attempt = _Attempt(self._credentials, continuation, client_call_details, request)
        del client_call_details
        return _responses(await attempt.first(), attempt)


async def _responses(call: Any, attempt: _Attempt) -> AsyncIterator[Any]:
    has_begun = False
    try:
        async for response in call:
            has_begun = True
            yield response
        return
    except grpc.aio.AioRpcError as error:
        header = None if has_begun else await attempt.renewal(error)
        if header is None:
            raise
    async for response in await attempt.second(header):
        yield response
