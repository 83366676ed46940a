"""The selection of the SDK, over theirs and ours: when a class is applicable, with which value, and in which order."""

import asyncio
import warnings

import pytest

pytest.importorskip("yandex_ai_studio_sdk")

from conftest import NOWHERE
from sdk_fakes import METADATA, module, recorder, sent, terminal, warnings_of_oauth, yc
from yandex_ai_studio_sdk import _auth
from yandex_cloud_auth import ai_studio as ours


def select(auth=None, endpoint=None, yc_profile=None):
    """The object that the SDK's selection chooses."""
    return asyncio.run(_auth.get_auth_provider(auth=auth, endpoint=endpoint, yc_profile=yc_profile))


def applicable(kind, **options):
    return asyncio.run(kind.applicable_from_env(**options))


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
