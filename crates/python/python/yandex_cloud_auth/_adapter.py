"""What the adapters share: the credentials, and the hosts that get the header."""

from __future__ import annotations

from . import _native
from ._credentials import Credentials
from ._errors import AuthError, InvalidCredential, checked
from ._values import flag, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def credentials_of(auth: Credentials | str | None) -> Credentials:
    """Credentials as they are, a bare string, or automatic selection."""
    return auth if isinstance(auth, Credentials) else Credentials(auth)


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
        self.credentials = credentials_of(auth)
        self._rules = _Rules(self.credentials, allow_hosts, allow_loopback, skip_other_hosts)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} method={self.credentials.method!r}>"

    def _header(self, url: str) -> str | None:
        return self.credentials.header() if self._rules.check(url) else None

    async def _header_async(self, url: str) -> str | None:
        return await self.credentials.header_async() if self._rules.check(url) else None


def renewed(credentials: Credentials, refused: str, timeout: float | None = None) -> str | None:
    """The header in the place of a refused one, within `timeout` seconds; None if there is no other."""
    credentials.invalidate(refused)
    try:
        header = credentials.header(timeout=_bounded(timeout))
    except AuthError:
        # The refusal of the server says more than that no other token could be had.
        return None
    return None if header == refused else header


async def renewed_async(credentials: Credentials, refused: str, timeout: float | None = None) -> str | None:
    """As `renewed`, without blocking, and within `timeout` seconds."""
    credentials.invalidate(refused)
    try:
        header = await credentials.header_async(timeout=_bounded(timeout))
    except AuthError:
        return None
    return None if header == refused else header


def _bounded(timeout: float | None) -> float | None:
    """A client may allow a longer timeout than the credentials do."""
    return None if timeout is None else min(max(timeout, 0.0), 1e9)


def bearer(header: str | None) -> str:
    """The token of a header for a client that sends `Bearer` before it, whatever it is given."""
    if header is None or not header.startswith("Bearer "):
        what = "no credentials" if header is None else "an API key"
        raise InvalidCredential(
            f"the client can send IAM tokens only, and the method gives {what}",
            help="use a method that gives IAM tokens, such as metadata or service_account_key",
        )
    return header[len("Bearer ") :]
