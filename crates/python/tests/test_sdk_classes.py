"""The seven classes of the SDK, theirs and ours, by the same tests: values, order of selection, and the header on the wire.

The fakes are on the wire: an emulator, a server that keeps the headers, and a program named yc.
"""

import asyncio
import http.server
import json
import os
import threading
import time
import warnings

import pytest
from yandex_cloud_auth import AuthError

pytest.importorskip("yandex_ai_studio_sdk")

from conftest import NOWHERE, PROGRAM
from emulator import Emulator
from yandex_ai_studio_sdk import AIStudio, _auth, auth as theirs
from yandex_cloud_auth import ai_studio as ours

NAMES = theirs.__all__

#: The route of the metadata service's token.
METADATA = "GET /computeMetadata/v1/instance/service-accounts/default/token"


@pytest.fixture(params=["theirs", "ours"])
def module(request, monkeypatch):
    """The classes of the SDK, or ours in their place: the SDK's selection uses them too."""
    if request.param == "theirs":
        return theirs
    for name in NAMES:
        monkeypatch.setattr(_auth, name, getattr(ours, name))
    return ours


@pytest.fixture(autouse=True)
def warnings_of_oauth():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        yield


@pytest.fixture
def recorder():
    """A server in the place of the API over HTTP. It keeps the header `Authorization` of each request."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get_all("Authorization"))
            body = json.dumps({"object": "list", "data": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.seen = seen
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def sent(recorder, emulator):
    """What a client of the SDK sends as `Authorization` in one call; None if it sends none."""

    def sent(auth, endpoint=None):
        sdk = AIStudio(
            endpoint=endpoint or emulator.address,
            folder_id="folder",
            verify=False,
            service_map={"http_completions": f"http://127.0.0.1:{recorder.server_port}/v1"},
            auth=auth,
        )
        before = len(recorder.seen)
        sdk.chat.completions.list(timeout=20)
        (values,) = recorder.seen[before:]
        if values is None:
            return None
        (value,) = values
        return value

    return sent


@pytest.fixture
def terminal(monkeypatch):
    """Standard input is a terminal."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)


YC = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
  config) cat {folder}/endpoint ;;
  *) printf 'A notice\\n'; cat {folder}/token ;;
esac
"""


@pytest.fixture
def yc(tmp_path, environment):
    """A program yc: `yc.token` and `yc.endpoint` are what it prints; it notes how it was called."""

    class Yc:
        log = tmp_path / "yc-log"

        def __setattr__(self, name, value):
            (tmp_path / name).write_text(value + "\n")

        @property
        def calls(self):
            return [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []

        @property
        def token_calls(self):
            return [call for call in self.calls if call[:2] == ["iam", "create-token"]]

    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "yc"
    program.write_text(YC.format(log=Yc.log, folder=tmp_path))
    program.chmod(0o755)
    environment.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    yc = Yc()
    yc.token, yc.endpoint = "t1.fake.yc", ""
    return yc


def select(auth=None, endpoint=None, yc_profile=None):
    """The object that the SDK's selection chooses."""
    return asyncio.run(_auth.get_auth_provider(auth=auth, endpoint=endpoint, yc_profile=yc_profile))


def applicable(kind, **options):
    return asyncio.run(kind.applicable_from_env(**options))


# The header


def test_an_api_key_is_sent_as_one(module, sent):
    assert sent(module.APIKeyAuth("AQVN-fake")) == "Api-Key AQVN-fake"
    assert sent(module.APIKeyAuth("AQVN-fake\n")) == "Api-Key AQVN-fake"


def test_a_token_is_sent_without_its_line_end(module, sent):
    assert sent(module.IAMTokenAuth("t1.fake.token\n")) == "Bearer t1.fake.token"


def test_no_auth_sends_no_header(module, sent):
    assert sent(module.NoAuth()) is None


def test_a_variable_is_read_at_each_call(module, sent, environment):
    auth = module.EnvIAMTokenAuth()
    for token in ["t1.fake.one", "t1.fake.two\n"]:
        environment.setenv("YC_TOKEN", token)
        assert sent(auth) == f"Bearer {token.strip()}"


def test_a_token_of_metadata_is_sent_and_kept(module, sent, emulator):
    url = f"http://{emulator.metadata_address}{METADATA.split()[1]}"
    auth = module.MetadataAuth(metadata_url=url)
    first = sent(auth)
    assert emulator.accepts(first.removeprefix("Bearer "))
    assert sent(auth) == first and emulator.requests(METADATA) == 1


def test_a_token_of_an_oauth_token_is_sent_and_kept(module, sent, emulator):
    auth = module.OAuthTokenAuth(emulator.oauth_token)
    first = sent(auth)
    assert emulator.accepts(first.removeprefix("Bearer "))
    assert sent(auth) == first
    # Theirs asks by gRPC, ours by HTTP.
    routes = ["POST /iam/v1/tokens", "POST /yandex.cloud.iam.v1.IamTokenService/Create"]
    assert sum(emulator.requests(route) for route in routes) == 1


def test_a_token_of_yc_is_sent_and_kept(module, sent, yc):
    auth = module.YandexCloudCLIAuth()
    assert sent(auth) == "Bearer t1.fake.yc"
    yc.token = "t1.fake.other"
    assert sent(auth) == "Bearer t1.fake.yc" and len(yc.token_calls) == 1


# The next token, which theirs asks for after an hour, and ours by the token's own end


@pytest.fixture
def short_lived(tmp_path, environment):
    """An emulator whose tokens live for 2 s."""
    folder = tmp_path / "short"
    folder.mkdir()
    emulator = Emulator(PROGRAM, folder, lifetime=2)
    environment.setenv("YC_API_ENDPOINT", emulator.url)
    yield emulator
    emulator.stop()


def renewed(sent, auth, first):
    """The header in the place of the first one."""
    deadline = time.monotonic() + 20
    while (header := sent(auth)) == first:
        assert time.monotonic() < deadline, "the token was not renewed in time"
        time.sleep(0.02)
    return header


@pytest.mark.parametrize("name", ["MetadataAuth", "OAuthTokenAuth"])
def test_a_token_that_ends_is_replaced(name, sent, short_lived):
    if name == "MetadataAuth":
        auth = ours.MetadataAuth(metadata_url=short_lived.metadata_address)
    else:
        auth = ours.OAuthTokenAuth(short_lived.oauth_token)
    first = sent(auth)
    second = renewed(sent, auth, first)
    assert second.startswith("Bearer t1.") and short_lived.accepts(second.removeprefix("Bearer "))


def test_a_token_of_yc_that_is_refused_is_replaced(sent, yc):
    auth = ours.YandexCloudCLIAuth()
    assert sent(auth) == "Bearer t1.fake.yc"
    yc.token = "t1.fake.other"
    assert auth.credentials.invalidate("Bearer t1.fake.yc")
    assert sent(auth) == "Bearer t1.fake.other"


# When a class is applicable, and with which value


@pytest.mark.parametrize(
    "name, variable, value, header",
    [
        ("APIKeyAuth", "YC_API_KEY", "AQVN-fake", "Api-Key AQVN-fake"),
        ("IAMTokenAuth", "YC_IAM_TOKEN", "t1.fake.token\n", "Bearer t1.fake.token"),
        ("EnvIAMTokenAuth", "YC_TOKEN", "t1.fake.token", "Bearer t1.fake.token"),
    ],
)
def test_the_value_of_the_variable_is_used(name, variable, value, header, module, sent, environment):
    kind = getattr(module, name)
    assert applicable(kind) is None
    environment.setenv(variable, "")
    assert applicable(kind) is None
    environment.setenv(variable, value)
    assert sent(applicable(kind)) == header


def test_the_oauth_token_of_the_variable_is_used_and_warned_of(module, sent, emulator, environment):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert applicable(module.OAuthTokenAuth) is None
    environment.setenv("YC_OAUTH_TOKEN", emulator.oauth_token)
    with pytest.warns(UserWarning):
        auth = applicable(module.OAuthTokenAuth)
    assert emulator.accepts(sent(auth).removeprefix("Bearer "))


def test_no_auth_is_never_applicable(module):
    assert applicable(module.NoAuth) is None


def test_metadata_is_applicable_where_it_has_a_token(module, sent, emulator, environment):
    emulator.fault(kind="status", status=400, target="metadata", times=1)
    assert applicable(module.MetadataAuth) is None
    auth = applicable(module.MetadataAuth)
    asked = emulator.requests(METADATA)
    assert asked == 2 and emulator.accepts(sent(auth).removeprefix("Bearer "))
    # The token of the question is the first one that is sent.
    assert emulator.requests(METADATA) == asked
    environment.setenv("YC_METADATA_ADDR", NOWHERE)
    assert applicable(module.MetadataAuth) is None
    assert emulator.requests(METADATA) == asked


def test_yc_is_applicable_in_a_terminal_where_it_is_installed(module, sent, yc, monkeypatch, environment):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert applicable(module.YandexCloudCLIAuth) is None and yc.calls == []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    with monkeypatch.context() as inner:
        inner.setenv("PATH", str(yc.log.parent))
        assert applicable(module.YandexCloudCLIAuth) is None and yc.calls == []
    auth = applicable(module.YandexCloudCLIAuth)
    assert len(yc.token_calls) == 1
    assert sent(auth) == "Bearer t1.fake.yc" and len(yc.token_calls) == 1


@pytest.mark.parametrize("profile", [None, "some-profile"])
def test_yc_is_applicable_if_its_endpoint_is_that_of_the_program(profile, module, sent, yc, terminal):
    endpoint = "api.example:443"
    options = {"endpoint": endpoint, "yc_profile": profile}
    ends = ["--profile", profile] if profile else []
    yc.endpoint = "another.example:443"
    assert applicable(module.YandexCloudCLIAuth, **options) is None
    assert yc.calls == [["config", "get", "endpoint", *ends]]
    yc.endpoint = endpoint
    auth = applicable(module.YandexCloudCLIAuth, **options)
    assert sent(auth) == "Bearer t1.fake.yc"
    (call,) = yc.token_calls
    assert call[:3] == ["iam", "create-token", "--no-user-output"]
    assert call[call.index("--endpoint") :] == ["--endpoint", endpoint, *ends]


@pytest.mark.parametrize(
    "configured, endpoint, same",
    [
        ("", "api.cloud.yandex.net:443", True),
        ("api.cloud.yandex.net:443", "https://api.cloud.yandex.net", True),
        ("", "api.yandexcloud.kz:443", False),
    ],
)
def test_the_endpoint_of_yc_is_compared_without_scheme_and_port(configured, endpoint, same, yc, terminal):
    yc.endpoint = configured
    auth = applicable(ours.YandexCloudCLIAuth, endpoint=endpoint)
    assert (auth is not None, len(yc.token_calls)) == (same, int(same))


def test_the_profile_of_the_variable_is_that_of_yc(module, sent, yc, terminal, environment):
    environment.setenv("YC_PROFILE", "some-profile")
    assert sent(applicable(module.YandexCloudCLIAuth)) == "Bearer t1.fake.yc"
    (call,) = yc.token_calls
    assert call[-2:] == ["--profile", "some-profile"]


# Selection


def test_nothing_is_selected_in_an_empty_environment(module, terminal, tmp_path, environment):
    environment.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="no explicit authorization data"):
        select()


def test_a_value_in_code_is_classified(module, environment):
    environment.setenv("YC_API_KEY", "AQVN-variable")
    for wrong in [1, b"AQVN-fake", ["AQVN-fake"]]:
        with pytest.raises(RuntimeError, match="auth argument must be"):
            select(wrong)
    assert type(select("str")) is module.APIKeyAuth
    with pytest.warns(UserWarning, match="classified as IAM"):
        assert type(select("t2.foo")) is module.IAMTokenAuth
    with pytest.warns(UserWarning):
        assert type(select("y3_ABC-_-abc123")) is module.OAuthTokenAuth
    given = module.NoAuth()
    assert select(given) is given


def test_the_order_of_selection(module, sent, emulator, environment, yc, terminal):
    # A variable that comes earlier is added for each step.
    steps = [
        ("YandexCloudCLIAuth", None, None, "Bearer t1.fake.yc"),
        ("EnvIAMTokenAuth", "YC_TOKEN", "t1.fake.env", "Bearer t1.fake.env"),
        ("MetadataAuth", "YC_METADATA_ADDR", emulator.metadata_address, "Bearer t1."),
        ("OAuthTokenAuth", "YC_OAUTH_TOKEN", emulator.oauth_token, "Bearer t1."),
        ("IAMTokenAuth", "YC_IAM_TOKEN", "t1.fake.iam", "Bearer t1.fake.iam"),
        ("APIKeyAuth", "YC_API_KEY", "AQVN-fake", "Api-Key AQVN-fake"),
    ]
    environment.setenv("YC_METADATA_ADDR", NOWHERE)
    for name, variable, value, header in steps:
        if variable:
            environment.setenv(variable, value)
        auth = select()
        assert type(auth) is getattr(module, name)
        assert sent(auth).startswith(header)
    assert sent(select(module.NoAuth())) is None


def test_our_selection_has_the_same_order(sent, emulator, environment):
    variables = [
        ("api-key", "YC_API_KEY", "AQVN-fake"),
        ("iam-token", "YC_IAM_TOKEN", "t1.fake.iam"),
        ("oauth-token", "YC_OAUTH_TOKEN", emulator.oauth_token),
        ("metadata", "YC_METADATA_ADDR", emulator.metadata_address),
        ("env-iam-token", "YC_TOKEN", "t1.fake.env"),
    ]
    for _, variable, value in variables:
        environment.setenv(variable, value)
    for method, variable, _ in variables:
        auth = ours.Auth()
        assert sent(auth) and auth.credentials.method == method
        if method == "metadata":
            # A service that says that it has no token for this machine is passed over.
            emulator.fault(kind="not-found", target="metadata")
        else:
            environment.delenv(variable)


# What differs, as docs/python.md says


@pytest.mark.parametrize("name", ["MetadataAuth", "YandexCloudCLIAuth"])
def test_a_first_token_is_sent_by_theirs_and_not_by_ours(name, sent, emulator, yc):
    assert sent(getattr(theirs, name)("t1.fake.first")) == "Bearer t1.fake.first"
    assert sent(getattr(ours, name)("t1.fake.first")) != "Bearer t1.fake.first"


def test_a_variable_that_is_gone_is_an_error_of_ours(sent, environment):
    environment.setenv("YC_TOKEN", "t1.fake.token")
    auths = [module.EnvIAMTokenAuth() for module in (theirs, ours)]
    environment.delenv("YC_TOKEN")
    with pytest.raises(KeyError):
        sent(auths[0])
    with pytest.raises(AuthError):
        sent(auths[1])
