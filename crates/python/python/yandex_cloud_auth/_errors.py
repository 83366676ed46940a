"""The exceptions. They hold no secret, and can be pickled."""

from __future__ import annotations

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from ._report import Report

    T = TypeVar("T")


class AuthError(Exception):
    """There is no token, or the header must not be sent. The text is one line and holds no secret."""

    __module__ = "yandex_cloud_auth"

    #: What to do next.
    help: str | None
    #: The name of the method, such as `metadata`.
    method: str | None
    #: The variable, file, address or host that the error is about.
    location: str | None
    #: The text without the method and the location.
    reason: str
    #: How many seconds the service asked to wait.
    retry_after: float | None
    #: What a selection that failed has tried.
    report: Report | None

    def __init__(
        self,
        message: str = "",
        *,
        help: str | None = None,
        method: str | None = None,
        location: str | None = None,
        reason: str | None = None,
        retry_after: float | None = None,
        report: Report | None = None,
    ) -> None:
        super().__init__(message)
        self.help = help
        self.method = method
        self.location = location
        self.reason = message if reason is None else reason
        self.retry_after = retry_after
        self.report = report

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed later without a change."""
        return isinstance(self, Unavailable)


class NotConfigured(AuthError):
    """Nothing to authenticate with was found."""

    __module__ = "yandex_cloud_auth"


class InvalidCredential(AuthError):
    """A value, file, address or string that is refused before it is sent anywhere."""

    __module__ = "yandex_cloud_auth"


class Unavailable(AuthError):
    """A service did not answer, or answered that it cannot now. Try again later."""

    __module__ = "yandex_cloud_auth"


class Refused(AuthError):
    """A service refused the credential."""

    __module__ = "yandex_cloud_auth"


class Expired(AuthError):
    """The token has ended, and the method cannot renew it."""

    __module__ = "yandex_cloud_auth"


class Blocked(AuthError):
    """The header would go to a host that must not have it."""

    __module__ = "yandex_cloud_auth"


class Importing:
    """`with Importing(): from . import …`: a module that cannot be read now, for lack of descriptors, is Unavailable."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        # A module in C that cannot be opened is an ImportError.
        if isinstance(error, OSError) or type(error) is ImportError:
            raise Unavailable(
                f"a module that the call needs cannot be read: {error}",
                help="call again when the process has free file descriptors, or raise their limit (`ulimit -n`)",
            ) from None


def exception(failure: _native.Failure) -> AuthError:
    """The exception of a failure of the native half."""
    report = None
    if failure.report is not None:
        with Importing():
            from ._report import make

        report = make(failure.report)
    error: AuthError = globals()[failure.kind](
        failure.message,
        help=failure.help,
        method=failure.method,
        location=failure.location,
        reason=failure.reason,
        retry_after=failure.retry_after,
        report=report,
    )
    return error


def checked(value: T | _native.Failure) -> T:
    """The value that a native function returns. Raises the exception of a failure."""
    if isinstance(value, _native.Failure):
        raise exception(value)
    return value
