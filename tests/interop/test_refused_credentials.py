"""Missing, invalid, expired and revoked credentials: every call of the AI Studio SDK is refused."""

import pytest
from yandex_ai_studio_sdk.auth import APIKeyAuth, IAMTokenAuth, NoAuth, OAuthTokenAuth
from yandex_ai_studio_sdk.exceptions import AioRpcError

from studio import ACCEPTED, CALLS, REFUSED, outcomes, texts

#: The code of a forbidden call for each code of a call with an invalid credential.
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
def test_a_credential_that_was_never_issued(auth, studio):
    assert outcomes(studio(auth=auth)) == REFUSED


def test_an_oauth_token_that_was_never_issued_is_not_exchanged(emulator, studio):
    sdk = studio(auth=OAuthTokenAuth("y0_FAKE-OF-NO-CLOUD"))

    # The exchange fails. It uses gRPC for every call.
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
    assert outcomes(sdk) == ACCEPTED

    emulator.advance(101)
    assert outcomes(sdk) == REFUSED


def test_an_exchanged_token_past_its_expiry(emulator, studio):
    sdk = studio(auth=OAuthTokenAuth(emulator.oauth_token))
    texts(sdk, "hello")
    emulator.advance(12 * 3600)

    # The client caches the token for an hour of its own clock, even if the token is refused.
    assert outcomes(sdk) == REFUSED
    assert outcomes(studio(auth=OAuthTokenAuth(emulator.oauth_token))) == ACCEPTED


def test_an_iam_token_that_was_revoked(emulator, studio):
    token, other = emulator.iam_token(), emulator.iam_token()
    sdk = studio(auth=token)
    assert outcomes(sdk) == ACCEPTED

    emulator.revoke_iam_token(token)
    assert outcomes(sdk) == REFUSED
    assert outcomes(studio(auth=other)) == ACCEPTED


def test_an_api_key_that_was_revoked(emulator, studio):
    sdk = studio(auth=emulator.api_key)
    assert outcomes(sdk) == ACCEPTED

    emulator.revoke_api_key(emulator.api_key)
    assert outcomes(sdk) == REFUSED


def test_an_api_key_without_the_scope_is_forbidden(emulator, studio):
    assert outcomes(studio(auth=emulator.api_key_with_scopes("yc.ai.languageModels.execute"))) == ACCEPTED

    other = outcomes(studio(auth=emulator.api_key_with_scopes("yc.search-api.execute")))
    assert other == {name: DENIED[code] for name, code in REFUSED.items()}


def test_an_iam_token_with_the_scheme_of_api_keys(emulator, studio):
    assert outcomes(studio(auth=APIKeyAuth(emulator.iam_token()))) == REFUSED


def test_an_api_key_with_the_scheme_of_iam_tokens_is_valid_only_over_http(emulator, studio):
    mixed = outcomes(studio(auth=IAMTokenAuth(emulator.api_key)))

    # OpenAI's libraries send a key only in this way, so the cloud accepts it there.
    over_http = {name: "accepted" for name in REFUSED if name.startswith("chat.")}
    assert mixed == REFUSED | over_http


def test_the_error_has_the_reason_and_the_request_id(studio):
    with pytest.raises(AioRpcError) as error:
        CALLS["completions.run"](studio(auth="AQVNFAKE-OF-NO-CLOUD"), "hello")
    assert error.value.details() == "Unknown api key"
    assert "auth_provider = APIKeyAuth" in str(error.value)
    assert 'x-client-request-id = "' in str(error.value)
