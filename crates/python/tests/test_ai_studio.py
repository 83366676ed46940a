"""yandex-ai-studio-sdk with our object, and the seven classes."""

import asyncio
import time
import warnings
from functools import partial

import pytest
from yandex_cloud_auth import AuthError, Credentials, InvalidCredential

pytest.importorskip("yandex_ai_studio_sdk")
grpc = pytest.importorskip("grpc")

from conftest import PROGRAM
from emulator import TOKEN_PATH, Emulator
from studio import ACCEPTED, CALLS, MODEL, REFUSED, TEXTS, TIMEOUT, connect, outcome, outcomes, texts
from yandex_ai_studio_sdk import AsyncAIStudio, auth as theirs
from yandex_cloud_auth import ai_studio
from yandex_cloud_auth.ai_studio import Auth, interceptors

OVER_HTTP = [name for name in CALLS if name.startswith("chat")]


@pytest.fixture
def studio(emulator):
    """Creates an SDK that uses the emulator over plain HTTP."""
    return partial(connect, emulator)


def test_every_call_is_authenticated(emulator, studio, fetches):
    sdk = studio(auth=Auth(Credentials.metadata()))
    assert outcomes(sdk) == ACCEPTED
    assert all("metadata" in text for text in texts(sdk, "hello").values())
    assert fetches() == 1


def test_every_call_is_authenticated_over_tls(tls_emulator):
    assert outcomes(connect(tls_emulator, auth=Auth(Credentials.metadata()))) == ACCEPTED


def test_tasks_share_one_fetch(emulator, studio, fetches):
    emulator.fault(kind="latency", milliseconds=200, target="metadata", times=1)
    sdk = studio(AsyncAIStudio, auth=Auth(Credentials.metadata()))

    async def main():
        calls = (sdk.models.completions(MODEL).run("hello", timeout=TIMEOUT) for _ in range(20))
        return [result.text for result in await asyncio.gather(*calls)]

    assert len(asyncio.run(main())) == 20 and fetches() == 1


def test_a_revoked_token_is_replaced_over_grpc_by_the_interceptors(emulator, studio):
    for name, call in CALLS.items():
        # Of one set of credentials, the fourth refusal in a row is answered after a while only.
        auth = Auth(Credentials.metadata())
        sdk = studio(auth=auth, interceptors=interceptors(auth))
        emulator.revoke_iam_token(auth.credentials.token())
        if name in OVER_HTTP:
            # The SDK tells `auth` nothing of a 401.
            assert outcome(call, sdk) == REFUSED[name]
            assert auth.credentials.invalidate(auth.credentials.token())
        assert outcome(call, sdk) == "accepted", name


def test_a_refusal_stays_where_there_is_no_other_token(emulator, studio):
    auth = Auth(emulator.api_key)
    sdk = studio(auth=auth, interceptors=interceptors(auth))
    emulator.revoke_api_key(emulator.api_key)
    assert outcomes(sdk) == REFUSED


def test_no_call_fails_in_an_outage_of_the_source(emulator, studio):
    auth = Auth(Credentials.metadata(max_age=0.2))
    sdk = studio(auth=auth)
    assert outcome(CALLS["chat.run"], sdk) == "accepted"
    emulator.fault(kind="status", status=503, target="metadata")
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert {outcome(call, sdk) for call in TEXTS.values()} == {"accepted"}


def test_no_call_fails_with_tokens_that_live_for_seconds(tmp_path, environment):
    with Emulator(PROGRAM, tmp_path, lifetime=2) as emulator:
        environment.setenv("YC_API_ENDPOINT", emulator.url)
        sdk = connect(emulator, auth=Auth(Credentials.metadata(emulator.metadata_address)))
        until = time.monotonic() + 7
        while time.monotonic() < until:
            assert {outcome(call, sdk) for call in TEXTS.values()} == {"accepted"}


def test_our_error_reaches_the_caller(studio):
    with pytest.raises(InvalidCredential):
        Auth("Bearer t1.fake")
    with pytest.raises(AuthError):
        CALLS["chat.run"](studio(auth=Auth(Credentials.metadata("127.0.0.1:1", timeout=1))), "hello")


# What the SDK's own tests say of its seven classes: names, values, the header, and when one is applicable.

theirs_and_ours = pytest.mark.parametrize("module", [theirs, ai_studio], ids=["theirs", "ours"])


def header(auth):
    async def main():
        return await auth.get_auth_metadata(client=None, timeout=5, lock=asyncio.Lock())

    return asyncio.run(main())


@pytest.mark.parametrize("name", theirs.__all__)
def test_each_class_has_a_namesake_that_the_sdk_takes(name):
    ours = getattr(ai_studio, name)
    base = getattr(theirs, name).__mro__[-3]
    assert issubclass(ours, base) and base.__name__ == "BaseAuth"
    for attribute in ["env_var", "default_env_var"]:
        assert getattr(ours, attribute, None) == getattr(getattr(theirs, name), attribute, None)


@theirs_and_ours
def test_values_give_the_same_headers(module, environment):
    assert header(module.NoAuth()) is None
    assert header(module.APIKeyAuth(" AQVN-fake\n")) == ("authorization", "Api-Key AQVN-fake")
    assert header(module.IAMTokenAuth(" t1.fake.token\n")) == ("authorization", "Bearer t1.fake.token")
    environment.setenv("YC_TOKEN", "t1.fake.one")
    environment.setenv("OTHER", "t1.fake.two")
    assert header(module.EnvIAMTokenAuth()) == ("authorization", "Bearer t1.fake.one")
    other = module.EnvIAMTokenAuth("OTHER")
    assert header(other) == ("authorization", "Bearer t1.fake.two")
    environment.setenv("OTHER", "t1.fake.three")
    assert header(other) == ("authorization", "Bearer t1.fake.three")


@theirs_and_ours
def test_metadata_takes_the_whole_url(module, emulator):
    auth = module.MetadataAuth(metadata_url=f"http://{emulator.metadata_address}{TOKEN_PATH}")
    assert header(auth)[1].startswith("Bearer t1.")


@theirs_and_ours
def test_an_oauth_token_warns(module):
    with pytest.warns(UserWarning):
        module.OAuthTokenAuth("y0_fake")


@theirs_and_ours
@pytest.mark.parametrize(
    "name, variable, value",
    [
        ("APIKeyAuth", "YC_API_KEY", "AQVN-fake"),
        ("IAMTokenAuth", "YC_IAM_TOKEN", "t1.fake.token"),
        ("EnvIAMTokenAuth", "YC_TOKEN", "t1.fake.token"),
        ("OAuthTokenAuth", "YC_OAUTH_TOKEN", "y0_fake"),
        ("MetadataAuth", None, None),
        ("NoAuth", None, None),
        ("YandexCloudCLIAuth", None, None),
    ],
)
def test_a_class_is_applicable_with_its_variable_alone(module, name, variable, value, environment):
    kind = getattr(module, name)
    assert asyncio.run(kind.applicable_from_env()) is None
    if variable:
        environment.setenv(variable, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert isinstance(asyncio.run(kind.applicable_from_env()), kind)


def test_metadata_is_applicable_where_it_answers(emulator):
    assert asyncio.run(ai_studio.MetadataAuth.applicable_from_env()) is not None
    assert asyncio.run(Auth.applicable_from_env()) is not None


def test_a_token_of_oauth_is_exchanged(emulator, studio):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sdk = studio(auth=ai_studio.OAuthTokenAuth(emulator.oauth_token))
    assert outcomes(sdk) == ACCEPTED


def test_the_order_of_selection_is_that_of_the_sdk(emulator, environment):
    order = [
        ("YC_API_KEY", emulator.api_key, "api-key"),
        ("YC_IAM_TOKEN", emulator.iam_token(), "iam-token"),
        ("YC_OAUTH_TOKEN", emulator.oauth_token, "oauth-token"),
        ("YC_METADATA_ADDR", emulator.metadata_address, "metadata"),
        ("YC_TOKEN", emulator.iam_token(), "env-iam-token"),
    ]
    for name, value, _ in order:
        environment.setenv(name, value)
    for name, _, method in order:
        auth = Auth()
        assert header(auth) and auth.credentials.method == method
        if name == "YC_METADATA_ADDR":
            # An address that refuses connections would stop the selection.
            emulator.fault(kind="not-found", target="metadata")
        else:
            environment.delenv(name)


def test_a_repr_shows_no_secret():
    assert "fake" not in repr(ai_studio.APIKeyAuth("AQVN-fake"))
