"""An IAM token in a variable, which the SDK reads again for every request."""

import pytest
from yandex_ai_studio_sdk.auth import EnvIAMTokenAuth

from studio import REFUSED, all_texts, outcomes, texts


@pytest.mark.parametrize("name", ["YC_TOKEN", "YC_FRESH"])
def test_reads_yc_token_or_another_variable(name, emulator, studio, environment):
    environment.setenv(name, emulator.iam_token())
    sdk = studio(auth=EnvIAMTokenAuth() if name == "YC_TOKEN" else EnvIAMTokenAuth(name))

    assert texts(sdk, "hello") == all_texts(emulator.answer("iam-token from control"))


def test_uses_a_renewed_token_from_the_next_request(emulator, studio, environment):
    environment.setenv("YC_TOKEN", emulator.iam_token(lifetime=60))
    sdk = studio(auth=EnvIAMTokenAuth())
    emulator.advance(61)
    assert outcomes(sdk) == REFUSED

    environment.setenv("YC_TOKEN", emulator.iam_token())
    assert texts(sdk, "hello") == all_texts(emulator.answer("iam-token from control"))
