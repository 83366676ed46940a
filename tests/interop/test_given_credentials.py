"""Credentials in code: an object of the SDK, or a bare string that the SDK recognises."""

import pytest
from yandex_ai_studio_sdk.auth import APIKeyAuth, IAMTokenAuth, OAuthTokenAuth

from studio import all_texts, texts


@pytest.mark.parametrize(
    ("auth", "name", "credential"),
    [
        (APIKeyAuth, "YC_API_KEY", "api-key"),
        (str, "YC_API_KEY", "api-key"),
        (IAMTokenAuth, "YC_IAM_TOKEN", "iam-token"),
        (str, "YC_IAM_TOKEN", "iam-token"),
    ],
)
def test_an_api_key_and_an_iam_token(auth, name, credential, emulator, studio):
    sdk = studio(auth=auth(emulator.variables[name]))

    assert texts(sdk, "hello") == all_texts(emulator.answer(credential))


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
