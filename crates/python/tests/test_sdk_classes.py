"""The seven classes of the SDK, theirs and ours, by the same tests: the header on the wire, and the next token."""

import time

import pytest
from yandex_cloud_auth import AuthError

pytest.importorskip("yandex_ai_studio_sdk")

from conftest import PROGRAM
from emulator import Emulator
from sdk_fakes import METADATA, module, recorder, sent, warnings_of_oauth, yc
from yandex_ai_studio_sdk import auth as theirs
from yandex_cloud_auth import ai_studio as ours

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
