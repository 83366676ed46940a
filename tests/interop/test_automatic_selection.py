"""Automatic selection of the SDK, with the variables that the emulator prints."""

import pytest
from yandex_ai_studio_sdk import AIStudio

from studio import TEXTS, all_texts, texts

#: The variables in the SDK's order, each with the model's name for its credential.
SLOTS = {
    "YC_API_KEY": "service account {} by api-key",
    "YC_IAM_TOKEN": "service account {} by iam-token",
    "YC_OAUTH_TOKEN": "by iam-token from oauth-token",
    "YC_METADATA_ADDR": "service account {} by iam-token from metadata",
    "YC_TOKEN": "service account {} by iam-token from control",
}


@pytest.fixture
def values(emulator):
    return {**emulator.variables, "YC_TOKEN": emulator.iam_token()}


@pytest.mark.parametrize("others", [False, True], ids=["the-only-one", "the-first-of-several"])
@pytest.mark.parametrize("slot", SLOTS)
def test_uses_the_first_credential(slot, others, values, emulator, studio, environment):
    from_here_on = list(SLOTS)[list(SLOTS).index(slot) :]
    for name in from_here_on if others else [slot]:
        environment.setenv(name, values[name])
    outputs = texts(studio(), "hello")

    text = outputs["completions.run"]
    assert f"{SLOTS[slot].format(emulator.service_account_id)}; you said: hello" in text
    assert outputs == all_texts(text)


def test_skips_a_metadata_service_without_a_service_account(values, emulator, studio, environment):
    environment.setenv("YC_METADATA_ADDR", values["YC_METADATA_ADDR"])
    environment.setenv("YC_TOKEN", values["YC_TOKEN"])
    emulator.fault(kind="not-found", target="metadata")

    assert texts(studio(), "hello") == all_texts(emulator.answer("iam-token from control"))


def test_finds_no_credentials_in_an_empty_environment(studio):
    with pytest.raises(RuntimeError, match="no authorization data was found"):
        texts(studio(), "hello")


def test_finds_the_endpoint_and_the_folder(values, emulator, environment):
    environment.setenv("YC_API_ENDPOINT", emulator.address)
    environment.setenv("YC_FOLDER_ID", values["YC_FOLDER_ID"])
    environment.setenv("YC_API_KEY", values["YC_API_KEY"])

    text = emulator.answer("api-key")
    assert TEXTS["completions.run"](AIStudio(verify=False), "hello") == text
