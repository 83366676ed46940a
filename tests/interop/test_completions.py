"""Text generation over gRPC, as the AI Studio SDK uses it."""

import asyncio

from yandex_ai_studio_sdk import AsyncAIStudio

from studio import MODEL, TIMEOUT


def test_run_returns_one_final_response(emulator, studio):
    result = studio(auth=emulator.api_key).models.completions(MODEL).run("hello there", timeout=TIMEOUT)

    assert result.text == emulator.answer("api-key", "hello there")
    assert (result.role, result.status.name) == ("assistant", "FINAL")
    assert result.usage.input_text_tokens == 2
    assert result.usage.total_tokens == 2 + result.usage.completion_tokens
    assert result.model_version


def test_run_responds_to_the_last_user_message(emulator, studio):
    messages = [
        {"role": "system", "text": "be brief"},
        {"role": "user", "text": "one"},
        {"role": "assistant", "text": "two"},
        {"role": "user", "text": "three"},
    ]
    model = studio(auth=emulator.api_key).models.completions(MODEL)
    result = model.configure(temperature=0.5, max_tokens=100).run(messages, timeout=TIMEOUT)

    assert result.text.endswith("you said: three")


def test_run_stream_returns_growing_prefixes_and_a_final_response(emulator, studio):
    model = studio(auth=emulator.api_key).models.completions(MODEL)
    results = list(model.run_stream("hello there", timeout=TIMEOUT))

    assert len(results) > 1
    for shorter, longer in zip(results, results[1:]):
        assert longer.text.startswith(shorter.text) and longer.text != shorter.text
    assert results[-1].text.endswith("by api-key; you said: hello there")
    assert [result.status.name for result in results] == ["PARTIAL"] * (len(results) - 1) + ["FINAL"]


def test_tokenize_returns_the_same_id_for_the_same_word(emulator, studio):
    model = studio(auth=emulator.api_key).models.completions(MODEL)
    tokens = model.tokenize("one two one", timeout=TIMEOUT)

    words = [token for token in tokens if not token.special]
    assert [word.text.lstrip("\u2581") for word in words] == ["one", "two", "one"]
    assert words[0].id == words[2].id != words[1].id
    assert tokens[0].special and tokens[-1].special


async def results(sdk) -> tuple[str, str, int]:
    model = sdk.models.completions(MODEL)
    ran = await model.run("hello", timeout=TIMEOUT)
    streamed = [result.text async for result in model.run_stream("hello", timeout=TIMEOUT)]
    tokens = await model.tokenize("hello", timeout=TIMEOUT)
    return ran.text, streamed[-1], len(tokens)


def test_the_asynchronous_client_gets_the_same_response(emulator, studio):
    ran, streamed, tokens = asyncio.run(results(studio(AsyncAIStudio, auth=emulator.api_key)))

    assert ran == streamed
    assert ran.endswith("by api-key; you said: hello")
    assert tokens == 3


def test_requests_discovery_once_and_without_credentials(emulator, studio):
    model = studio(auth=emulator.api_key).models.completions(MODEL)
    model.run("hello", timeout=TIMEOUT)
    model.tokenize("hello", timeout=TIMEOUT)

    assert emulator.requests("POST /yandex.cloud.endpoint.ApiEndpointService/List") == 1
