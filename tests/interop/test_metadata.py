"""The metadata service, as the AI Studio SDK uses it."""

from yandex_ai_studio_sdk.auth import MetadataAuth

from emulator import TOKEN_PATH
from studio import REFUSED, all_texts, outcomes, texts


def test_one_token_serves_all_calls(emulator, studio, environment):
    environment.setenv("YC_METADATA_ADDR", emulator.metadata_address)
    sdk = studio()

    assert texts(sdk, "hello") == all_texts(emulator.answer("iam-token from metadata"))
    assert emulator.requests(f"GET {TOKEN_PATH}") == 1


def test_an_explicit_object_needs_the_whole_url(emulator, studio):
    sdk = studio(auth=MetadataAuth(metadata_url=f"http://{emulator.metadata_address}{TOKEN_PATH}"))

    assert texts(sdk, "hello") == all_texts(emulator.answer("iam-token from metadata"))


def test_an_expired_token_is_refused_and_a_new_client_gets_a_new_token(emulator, studio, environment):
    environment.setenv("YC_METADATA_ADDR", emulator.metadata_address)
    sdk = studio()
    texts(sdk, "hello")
    emulator.advance(12 * 3600)

    # The client caches the token for an hour of its own clock, even if the token is refused.
    assert outcomes(sdk) == REFUSED
    assert texts(studio(), "hello") == all_texts(emulator.answer("iam-token from metadata"))
