"""The credentials, with one constructor a method."""

from __future__ import annotations

from . import _native
from ._calls import Calls, importing
from ._errors import checked
from ._values import flag, one_of, path_or_none, seconds, text, text_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from typing import Any

    from typing_extensions import Self, TypedDict, Unpack

    Path = str | os.PathLike[str]

    class Machine(TypedDict, total=False):
        """Where the services are, and whether tokens are shared with other processes."""

        shared_cache: bool
        endpoint: str | None
        iam_endpoint: str | None
        oauth_endpoint: str | None


class Credentials(Calls):
    """A method, and all that keeps its token fresh. Make one for a program, and share it among threads and event loops.

    `Credentials()` selects a method by what the machine offers, at the first call. `Credentials("AQVN…")` takes an API
    key, an IAM token, an OAuth token or the JSON of an authorized key. For each method there is a constructor, which
    reads the variable of the method where it is given no value. Making credentials does no I/O.

    While a usable token is at hand, no call fails or waits. One fetch at a time serves all callers.

    Options of every constructor: `shared_cache=False` fetches tokens for this process alone; `endpoint`, `iam_endpoint`
    and `oauth_endpoint` are addresses in the place of the public ones. `Credentials(lenient=True)` passes over a metadata
    service and a yc that fail. Durations are seconds.

    The kept `str` of the current token cannot be wiped. It goes when the next token is asked for, at `invalidate` and
    `revoke`, and with the credentials.
    """

    __module__ = "yandex_cloud_auth"

    def __new__(
        cls,
        auth: str | _native.Method | None = None,
        *,
        lenient: bool = False,
        shared_cache: bool = True,
        endpoint: str | None = None,
        iam_endpoint: str | None = None,
        oauth_endpoint: str | None = None,
    ) -> Self:
        try:
            if auth is None:
                method = _native.automatic(flag(lenient, "lenient"))
            elif flag(lenient, "lenient"):
                raise ValueError("lenient is an option of automatic selection alone")
            elif type(auth) is _native.Method:
                method = auth
            else:
                method = checked(_native.from_string(text(auth, "auth")))
        finally:
            # A traceback with the values of variables has no secret of ours.
            del auth
        machine = _native.on_machine(
            method,
            flag(shared_cache, "shared_cache"),
            text_or_none(endpoint, "endpoint"),
            text_or_none(iam_endpoint, "iam_endpoint"),
            text_or_none(oauth_endpoint, "oauth_endpoint"),
        )
        return super().__new__(cls, checked(machine))

    def on_change(self, callback: Callable[[Credentials], object]) -> Callable[[], None]:
        """Calls `callback(credentials)` for each new token, on a thread of this package. Returns a function that ends it.

        For a copy that is kept elsewhere. It renews nothing: calls do. An exception of the callback is logged.
        """
        with importing:
            from . import _events

        return _events.subscribe(self, callback)

    @classmethod
    def _of(cls, method: _native.Method | _native.Failure, machine: Machine) -> Self:
        return cls.__new__(cls, checked(method), **machine)

    @classmethod
    def api_key(cls, key: str | None = None, *, file: Path | None = None, **machine: Unpack[Machine]) -> Self:
        """An API key of a service account: given, in a file, or in YC_API_KEY."""
        try:
            one_of("key", key, file)
            return cls._of(_native.api_key(text_or_none(key, "key"), path_or_none(file, "file")), machine)
        finally:
            del key

    @classmethod
    def iam_token(cls, token: str | None = None, **machine: Unpack[Machine]) -> Self:
        """An IAM token that nobody renews: given, or in YC_IAM_TOKEN."""
        try:
            return cls._of(_native.iam_token(text_or_none(token, "token")), machine)
        finally:
            del token

    @classmethod
    def env_iam_token(cls, variable: str | None = None, **machine: Unpack[Machine]) -> Self:
        """An IAM token in a variable that another program keeps fresh, YC_TOKEN: read for each call."""
        return cls._of(_native.env_iam_token(text_or_none(variable, "variable")), machine)

    @classmethod
    def oauth_token(
        cls,
        token: str | None = None,
        *,
        file: Path | None = None,
        timeout: float | None = None,
        max_age: float | None = None,
        **machine: Unpack[Machine],
    ) -> Self:
        """An OAuth token of a Yandex account: given, in a file, or in YC_OAUTH_TOKEN."""
        try:
            one_of("token", token, file)
            method = _native.oauth_token(
                text_or_none(token, "token"),
                path_or_none(file, "file"),
                seconds(timeout, "timeout"),
                seconds(max_age, "max_age"),
            )
            return cls._of(method, machine)
        finally:
            del token

    @classmethod
    def service_account_key(
        cls,
        key: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        audience: str | None = None,
        jwt_life: float | None = None,
        timeout: float | None = None,
        max_age: float | None = None,
        **machine: Unpack[Machine],
    ) -> Self:
        """An authorized key: the path of its file, its JSON, the object of the JSON, or YC_SERVICE_ACCOUNT_KEY_FILE."""
        file = None
        try:
            if hasattr(key, "__fspath__"):
                key, file = None, key
            elif key is not None and hasattr(key, "keys"):
                key = _json(key)
            method = _native.service_account_key(
                text_or_none(key, "key"),
                path_or_none(file, "file"),
                text_or_none(audience, "audience"),
                seconds(jwt_life, "jwt_life"),
                seconds(timeout, "timeout"),
                seconds(max_age, "max_age"),
            )
        finally:
            del key
        return cls._of(method, machine)

    @classmethod
    def workload_identity(
        cls,
        service_account_id: str | None = None,
        *,
        file: Path | None = None,
        variable: str | None = None,
        github_actions: bool = False,
        audience: str | None = None,
        timeout: float | None = None,
        max_age: float | None = None,
        **machine: Unpack[Machine],
    ) -> Self:
        """A token of another issuer, in a file, a variable or a job of GitHub Actions; or the variables say all."""
        sources = (file is not None) + (variable is not None) + flag(github_actions, "github_actions")
        if sources > 1:
            raise ValueError("give one of file, variable and github_actions")
        if (service_account_id is not None) != (sources == 1):
            raise ValueError(
                "give service_account_id together with one of file, variable and github_actions, or none of them"
            )
        method = _native.workload_identity(
            text_or_none(service_account_id, "service_account_id"),
            path_or_none(file, "file"),
            text_or_none(variable, "variable"),
            github_actions,
            text_or_none(audience, "audience"),
            seconds(timeout, "timeout"),
            seconds(max_age, "max_age"),
        )
        return cls._of(method, machine)

    @classmethod
    def token_file(
        cls, path: Path | None = None, *, max_age: float | None = None, **machine: Unpack[Machine]
    ) -> Self:
        """An IAM token in a file that another program keeps fresh: given, or in YC_IAM_TOKEN_FILE."""
        method = _native.token_file(path_or_none(path, "path"), seconds(max_age, "max_age"))
        return cls._of(method, machine)

    @classmethod
    def metadata(
        cls,
        address: str | None = None,
        *,
        connect_timeout: float | None = None,
        timeout: float | None = None,
        max_age: float | None = None,
        **machine: Unpack[Machine],
    ) -> Self:
        """The metadata service of a virtual machine, function or container, at YC_METADATA_ADDR or its usual address."""
        method = _native.metadata(
            text_or_none(address, "address"),
            seconds(connect_timeout, "connect_timeout"),
            seconds(timeout, "timeout"),
            seconds(max_age, "max_age"),
        )
        return cls._of(method, machine)

    @classmethod
    def yandex_cloud_cli(
        cls,
        profile: str | None = None,
        *,
        program: Path | None = None,
        timeout: float | None = None,
        max_age: float | None = None,
        **machine: Unpack[Machine],
    ) -> Self:
        """The command yc, with its current profile or another one."""
        method = _native.yandex_cloud_cli(
            text_or_none(profile, "profile"),
            path_or_none(program, "program"),
            seconds(timeout, "timeout"),
            seconds(max_age, "max_age"),
        )
        return cls._of(method, machine)

    @classmethod
    def profile(
        cls,
        profile: str | None = None,
        *,
        file: Path | None = None,
        timeout: float | None = None,
        max_age: float | None = None,
        **machine: Unpack[Machine],
    ) -> Self:
        """A profile of yc, read from its file: no program is started."""
        method = _native.profile(
            text_or_none(profile, "profile"),
            path_or_none(file, "file"),
            seconds(timeout, "timeout"),
            seconds(max_age, "max_age"),
        )
        return cls._of(method, machine)

    @classmethod
    def impersonation(
        cls,
        service_account_id: str,
        credentials: Credentials,
        *,
        timeout: float | None = None,
        max_age: float | None = None,
        **machine: Unpack[Machine],
    ) -> Self:
        """Another service account, via other credentials."""
        account = text(service_account_id, "service_account_id")
        if not isinstance(credentials, Credentials):
            raise TypeError(f"credentials must be Credentials, not {type(credentials).__name__}")
        method = _native.impersonation(
            account, credentials, seconds(timeout, "timeout"), seconds(max_age, "max_age")
        )
        return cls._of(method, machine)

    @classmethod
    def function(cls, token: str | Mapping[str, Any], **machine: Unpack[Machine]) -> Self:
        """The token of one invocation of a function: `context.token`."""
        try:
            value = _json(token) if hasattr(token, "keys") else token
            return cls._of(_native.function(text(value, "token")), machine)
        finally:
            value = token = ""

    @classmethod
    def none(cls, **machine: Unpack[Machine]) -> Self:
        """No credentials: `header` returns None."""
        return cls._of(_native.none(), machine)


def _json(secret: Any) -> str:
    import json

    try:
        return json.dumps(dict(secret))
    except (TypeError, ValueError) as error:
        # It names types alone. The frames of its traceback have the secret.
        reason = str(error)
    finally:
        del secret
    raise TypeError(reason)
