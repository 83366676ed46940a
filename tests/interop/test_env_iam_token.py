"""An IAM token in a variable, which the SDK reads again for every request."""

from yandex_ai_studio_sdk.auth import EnvIAMTokenAuth

from studio import REFUSED, all_texts, outcomes, texts


def test_reads_yc_token(emulator, studio, environment):
    environment.setenv("YC_TOKEN", emulator.iam_token())
    sdk = studio(auth=EnvIAMTokenAuth())

    account = emulator.service_account_id
    text = f"authenticated as service account {account} by iam-token from control; you said: hello"
    assert texts(sdk, "hello") == all_texts(text)


def test_reads_a_variable_with_another_name(emulator, studio, environment):
    environment.setenv("YC_FRESH", emulator.iam_token())
    sdk = studio(auth=EnvIAMTokenAuth("YC_FRESH"))

    account = emulator.service_account_id
    text = f"authenticated as service account {account} by iam-token from control; you said: hello"
    assert texts(sdk, "hello") == all_texts(text)


def test_uses_a_renewed_token_from_the_next_request(emulator, studio, environment):
    environment.setenv("YC_TOKEN", emulator.iam_token(lifetime=60))
    sdk = studio(auth=EnvIAMTokenAuth())
    emulator.advance(61)
    assert outcomes(sdk) == REFUSED

    environment.setenv("YC_TOKEN", emulator.iam_token())
    account = emulator.service_account_id
    text = f"authenticated as service account {account} by iam-token from control; you said: hello"
    assert texts(sdk, "hello") == all_texts(text)
