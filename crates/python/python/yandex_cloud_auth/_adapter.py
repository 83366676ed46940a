"""What the adapters share: the credentials, and the hosts that get the header."""

from __future__ import annotations

from . import _native
from ._credentials import Credentials
from ._errors import AuthError, InvalidCredential, checked
from ._values import flag, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def credentials_of(auth: Credentials | str | None) -> Credentials:
    """Credentials as they are, a bare string, or automatic selection."""
    try:
        return auth if isinstance(auth, Credentials) else Credentials(auth)
    finally:
        # Not in a traceback of a string that is refused.
        del auth


def method_of(owner: Any) -> str | None:
    """For a `repr`, which a traceback may ask of an object that has no credentials yet."""
    return getattr(getattr(owner, "credentials", None), "method", None)


class _Rules:
    """The hosts that get the header."""

    def __init__(
        self, credentials: Credentials, allow_hosts: Iterable[str] | None, allow_loopback: bool, skip_other_hosts: bool
    ) -> None:
        hosts = [] if allow_hosts is None else texts(allow_hosts, "allow_hosts")
        loopback, skip = flag(allow_loopback, "allow_loopback"), flag(skip_other_hosts, "skip_other_hosts")
        self._rules = checked(_native.host_rules(credentials, hosts, loopback, skip))

    def check(self, url: str) -> bool:
        """Whether a request to this URL gets the header. Raises Blocked where the request must not be sent."""
        return checked(self._rules.check(text(url, "url")))


class Guard:
    """Credentials for a client whose URLs are seen. The header goes to Yandex Cloud's hosts over TLS, and elsewhere only
    as the options say.
    """

    def __init__(
        self,
        auth: Credentials | str | None = None,
        *,
        allow_hosts: Iterable[str] = (),
        allow_loopback: bool = False,
        skip_other_hosts: bool = False,
    ) -> None:
        try:
            self.credentials = credentials_of(auth)
        finally:
            del auth
        self._rules = _Rules(self.credentials, allow_hosts, allow_loopback, skip_other_hosts)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} method={method_of(self)!r}>"

    def _header(self, url: str) -> Header | None:
        return Header.of(self.credentials, self.credentials.header()) if self._rules.check(url) else None

    async def _header_async(self, url: str) -> Header | None:
        return Header.of(self.credentials, await self.credentials.header_async()) if self._rules.check(url) else None


class Header:
    """The header of one request. Tools that show the variables of each frame of a traceback show its `repr`, which has no
    secret: so a frame that calls code of others has this object, and not the `str`.
    """

    __slots__ = ("_credentials", "_value")

    def __init__(self, credentials: Credentials, value: str) -> None:
        self._credentials = credentials
        self._value = value

    @classmethod
    def of(cls, credentials: Credentials, value: str | None) -> Header | None:
        """None where there is no value."""
        return None if value is None else cls(credentials, value)

    def put_into(self, headers: Any) -> None:
        """In the place of another one."""
        headers["Authorization"] = self._value

    def is_in(self, headers: Any) -> bool:
        """Whether a request was sent with this header."""
        return bool(headers.get("Authorization") == self._value)

    def metadata(self) -> tuple[tuple[str, str]]:
        """For gRPC."""
        return (("authorization", self._value),)

    def renewed(self, timeout: float | None = None) -> Header | None:
        """The header in the place of this one, which was refused, within `timeout` seconds; None if there is no other."""
        self._credentials.invalidate(self._value)
        try:
            return self._other(self._credentials.header(timeout=_bounded(timeout)))
        except AuthError:
            # The refusal of the server says more than that no other token could be had.
            return None

    async def renewed_async(self, timeout: float | None = None) -> Header | None:
        """As `renewed`, without blocking."""
        self._credentials.invalidate(self._value)
        try:
            return self._other(await self._credentials.header_async(timeout=_bounded(timeout)))
        except AuthError:
            return None

    def _other(self, value: str | None) -> Header | None:
        return None if value == self._value else self.of(self._credentials, value)


def _bounded(timeout: float | None) -> float | None:
    """A client may allow a longer timeout than the credentials do."""
    return None if timeout is None else min(max(timeout, 0.0), 1e9)


def bearer(header: str | None) -> str:
    """The token of a header for a client that sends `Bearer` before it, whatever it is given."""
    if header is None or not header.startswith("Bearer "):
        what = "no credentials" if header is None else "an API key"
        del header
        raise InvalidCredential(
            f"the client can send IAM tokens only, and the method gives {what}",
            help="use a method that gives IAM tokens, such as metadata or service_account_key",
        )
    return header[len("Bearer ") :]
