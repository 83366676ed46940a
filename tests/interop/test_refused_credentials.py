"""Wrong, expired and revoked credentials, and none: every call of the AI Studio SDK is refused."""

import pytest
from yandex_ai_studio_sdk.auth import APIKeyAuth, IAMTokenAuth, NoAuth, OAuthTokenAuth
from yandex_ai_studio_sdk.exceptions import AioRpcError

from studio import ANSWERED, CALLS, REFUSED, outcomes, texts

#: How a call that is not allowed ends, where one with a bad credential ends so.
DENIED = {"UNAUTHENTICATED": "PERMISSION_DENIED", 401: 403}

OF_THE_RIGHT_SHAPE = f"t1.FAKE-OF-NO-CLOUD.{'x' * 86}"


def test_no_credentials(studio):
    assert outcomes(studio(auth=NoAuth())) == REFUSED


@pytest.mark.parametrize(
    "auth",
    [
        APIKeyAuth("AQVNFAKE-OF-NO-CLOUD"),
        IAMTokenAuth("t1.FAKE-OF-NO-CLOUD.fake"),
        IAMTokenAuth(OF_THE_RIGHT_SHAPE),
        IAMTokenAuth("fake"),
    ],
    ids=["api-key", "iam-token", "iam-token of the right shape", "nonsense"],
)
def test_one_that_was_never_issued(auth, studio):
    assert outcomes(studio(auth=auth)) == REFUSED


def test_an_oauth_token_that_was_never_issued_is_not_exchanged(emulator, studio):
    sdk = studio(auth=OAuthTokenAuth("y0_FAKE-OF-NO-CLOUD"))

    # The exchange is what fails, over gRPC for every call.
    assert outcomes(sdk) == dict.fromkeys(CALLS, "UNAUTHENTICATED")
    assert emulator.requests("POST /v1/chat/completions") == 0


def test_an_oauth_token_from_after_the_cut_off_is_not_exchanged(emulator, studio):
    sdk = studio(auth=OAuthTokenAuth(emulator.new_oauth_token()))
    assert outcomes(sdk) == dict.fromkeys(CALLS, "INVALID_ARGUMENT")
    assert emulator.requests("POST /v1/chat/completions") == 0

    with pytest.raises(AioRpcError) as error:
        CALLS["completions.run"](sdk, "hello")
    assert "issued after '2026-06-01', is not supported for IAM token exchange" in error.value.details()


def test_an_iam_token_until_its_expiry(emulator, studio):
    sdk = studio(auth=emulator.iam_token(lifetime=3600))
    emulator.advance(3500)
    assert outcomes(sdk) == ANSWERED

    emulator.advance(101)
    assert outcomes(sdk) == REFUSED


def test_an_exchanged_token_past_its_expiry(emulator, studio):
    sdk = studio(auth=OAuthTokenAuth(emulator.oauth_token))
    texts(sdk, "hello")
    emulator.advance(12 * 3600)

    # The client keeps the token for an hour by its own clock, whatever the answers.
    assert outcomes(sdk) == REFUSED
    assert outcomes(studio(auth=OAuthTokenAuth(emulator.oauth_token))) == ANSWERED


def test_an_iam_token_that_was_revoked(emulator, studio):
    token, other = emulator.iam_token(), emulator.iam_token()
    sdk = studio(auth=token)
    assert outcomes(sdk) == ANSWERED

    emulator.revoke_iam_token(token)
    assert outcomes(sdk) == REFUSED
    assert outcomes(studio(auth=other)) == ANSWERED


def test_an_api_key_that_was_revoked(emulator, studio):
    sdk = studio(auth=emulator.api_key)
    assert outcomes(sdk) == ANSWERED

    emulator.revoke_api_key(emulator.api_key)
    assert outcomes(sdk) == REFUSED


def test_an_api_key_without_the_scope_is_known_and_may_not(emulator, studio):
    assert outcomes(studio(auth=emulator.api_key_with_scopes("yc.ai.languageModels.execute"))) == ANSWERED

    other = outcomes(studio(auth=emulator.api_key_with_scopes("yc.search-api.execute")))
    assert other == {name: DENIED[code] for name, code in REFUSED.items()}


def test_an_iam_token_under_the_scheme_of_keys(emulator, studio):
    assert outcomes(studio(auth=APIKeyAuth(emulator.iam_token()))) == REFUSED


def test_an_api_key_under_the_scheme_of_tokens_is_good_over_http_alone(emulator, studio):
    mixed = outcomes(studio(auth=IAMTokenAuth(emulator.api_key)))

    # OpenAI's libraries can send a key in no other way, so the cloud takes it there.
    over_http = {name: "answered" for name in REFUSED if name.startswith("chat.")}
    assert mixed == REFUSED | over_http


def test_the_error_says_why_and_which_request_it_was(studio):
    with pytest.raises(AioRpcError) as error:
        CALLS["completions.run"](studio(auth="AQVNFAKE-OF-NO-CLOUD"), "hello")
    assert error.value.details() == "Unknown api key"
    assert "auth_provider = APIKeyAuth" in str(error.value)
    assert 'x-client-request-id = "' in str(error.value)
