"""For `grpcio`: call credentials, for channels of `grpc` and of `grpc.aio`.

    channel = grpc.secure_channel("llm.api.cloud.yandex.net:443", channel_credentials())

gRPC asks for the header on a thread of its own, for each call, and only on a channel with TLS. The host is checked by the
target of the channel. A call that passes an `authorization` of its own in `metadata` sends both, its own first: leave it out.
`Replay` sends a call once more whose token was refused.
"""

from __future__ import annotations

import grpc

from ._adapter import Guard
from ._credentials import Credentials
from ._grpc_calls import Attempt, Future, Stream, is_refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["MetadataPlugin", "Replay", "call_credentials", "channel_credentials"]


class MetadataPlugin(Guard, grpc.AuthMetadataPlugin):  # type: ignore[misc,unused-ignore]
    """`grpc.metadata_call_credentials(MetadataPlugin())`. Options: `allow_hosts`, `allow_loopback`."""

    def __call__(self, context: Any, callback: Callable[[tuple[tuple[str, str], ...], Exception | None], None]) -> None:
        """Called by gRPC for each call."""
        try:
            header = self._header(context.service_url)
        except Exception as error:
            callback((), error)
        else:
            callback(header.metadata() if header is not None else (), None)


def call_credentials(
    auth: Credentials | str | None = None, *, allow_hosts: Iterable[str] = (), allow_loopback: bool = False
) -> grpc.CallCredentials:
    """Call credentials, to be composed with those of a channel."""
    try:
        plugin = MetadataPlugin(auth, allow_hosts=allow_hosts, allow_loopback=allow_loopback)
    finally:
        del auth
    return grpc.metadata_call_credentials(plugin, name="yandex-cloud-auth")


def channel_credentials(
    auth: Credentials | str | None = None,
    *,
    root_certificates: bytes | None = None,
    allow_hosts: Iterable[str] = (),
    allow_loopback: bool = False,
) -> grpc.ChannelCredentials:
    """TLS together with the header of each call."""
    try:
        return grpc.composite_channel_credentials(
            grpc.ssl_channel_credentials(root_certificates=root_certificates),
            call_credentials(auth, allow_hosts=allow_hosts, allow_loopback=allow_loopback),
        )
    finally:
        del auth


class Replay(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc,unused-ignore]
    """`grpc.intercept_channel(channel, Replay(credentials))`: a call whose token is refused before the first message is
    made once more, within the timeout of the call. `credentials` are those of the channel, so the second call has a new
    token by itself. Without a new token the caller gets the refusal of the server.
    """

    def __init__(self, credentials: Credentials) -> None:
        if not isinstance(credentials, Credentials):
            raise TypeError(f"credentials must be those of the channel, not {type(credentials).__name__}")
        self._credentials = credentials

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """One answer, at once or by `future`."""
        attempt = Attempt(self._credentials, continuation, details, request)
        call = attempt.first()
        if not call.done():
            return Future(attempt, call)
        return (attempt.second() if is_refused(call) else None) or call

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        """A stream of answers."""
        return Stream(Attempt(self._credentials, continuation, details, request))
