"""Credentials in code: an object of the SDK, or a bare string that the SDK recognises."""

import pytest
from yandex_ai_studio_sdk.auth import APIKeyAuth, IAMTokenAuth, OAuthTokenAuth

from studio import all_texts, texts


@pytest.mark.parametrize("auth", [APIKeyAuth, str])
def test_an_api_key(auth, emulator, studio):
    sdk = studio(auth=auth(emulator.api_key))

    account = emulator.service_account_id
    text = f"authenticated as service account {account} by api-key; you said: hello"
    assert texts(sdk, "hello") == all_texts(text)


@pytest.mark.parametrize("auth", [IAMTokenAuth, str])
def test_an_iam_token(auth, emulator, studio):
    sdk = studio(auth=auth(emulator.iam_token()))

    account = emulator.service_account_id
    text = f"authenticated as service account {account} by iam-token from control; you said: hello"
    assert texts(sdk, "hello") == all_texts(text)


@pytest.mark.parametrize("auth", [OAuthTokenAuth, str])
def test_an_oauth_token_is_exchanged_once(auth, emulator, studio):
    sdk = studio(auth=auth(emulator.oauth_token))
    outputs = texts(sdk, "hello")

    text = outputs["completions.run"]
    assert text.startswith("authenticated as user account ")
    assert text.endswith(" by iam-token from oauth-token; you said: hello")
    assert emulator.service_account_id not in text
    assert outputs == all_texts(text)
    assert emulator.requests("POST /yandex.cloud.iam.v1.IamTokenService/Create") == 1


def test_the_printed_iam_token_is_valid(emulator, studio):
    sdk = studio(auth=emulator.variables["YC_IAM_TOKEN"])

    account = emulator.service_account_id
    text = f"authenticated as service account {account} by iam-token; you said: hello"
    assert texts(sdk, "hello") == all_texts(text)
