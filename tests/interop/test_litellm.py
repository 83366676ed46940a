"""`litellm`, at the OpenAI-compatible API of the emulator."""

import asyncio
import os

import pytest

# Without this variable, the import asks a host outside for a list of prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm  # noqa: E402

MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def options(emulator):
    """The options of a call, with one credential."""

    def make(api_key, model: str = "gpt://{}/yandexgpt/latest") -> dict:
        return {
            # The prefix names the API, and is not sent.
            "model": "openai/" + model.format(emulator.folder_id),
            "api_base": f"{emulator.url}/v1",
            "api_key": api_key,
            "max_retries": 0,
            "timeout": 20,
        }

    return make


def test_an_api_key(options, emulator):
    text = emulator.answer("api-key")
    called = options(emulator.api_key)

    assert litellm.completion(messages=MESSAGES, **called).choices[0].message.content == text
    response = asyncio.run(litellm.acompletion(messages=MESSAGES, **called))
    assert response.choices[0].message.content == text


def test_streams(options, emulator):
    stream = litellm.completion(messages=MESSAGES, stream=True, **options(emulator.api_key))
    pieces = [chunk.choices[0].delta.content for chunk in stream]

    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(piece or "" for piece in pieces).endswith("by api-key; you said: hello")


def test_a_given_header_replaces_the_key(options, emulator):
    header = {"Authorization": f"Bearer {emulator.iam_token()}"}
    response = litellm.completion(messages=MESSAGES, extra_headers=header, **options("unused"))

    assert response.choices[0].message.content.endswith("by iam-token from control; you said: hello")


def test_embeddings(options, emulator):
    called = options(emulator.api_key, "emb://{}/text-search-doc/latest")
    vectors = litellm.embedding(input=["hello"], encoding_format="float", **called)

    assert len(vectors.data[0]["embedding"]) == 256


def test_invalid_credentials_are_refused(options, emulator):
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(messages=MESSAGES, **options("AQVNFAKE-OF-NO-CLOUD"))
    # The package makes no PermissionDeniedError of the status 403.
    with pytest.raises(litellm.APIError) as error:
        litellm.completion(messages=MESSAGES, **options(emulator.api_key_with_scopes("yc.search-api.execute")))
    assert error.value.status_code == 403
