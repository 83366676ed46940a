"""The OpenAI-compatible API over HTTP, as the AI Studio SDK uses it."""

import asyncio

from yandex_ai_studio_sdk import AsyncAIStudio

from studio import MODEL, TIMEOUT


def test_run_returns_one_response(emulator, studio):
    result = studio(auth=emulator.api_key).chat.completions(MODEL).run("hello there", timeout=TIMEOUT)

    assert result.text == emulator.answer("api-key", "hello there")
    assert (result.role, result.finish_reason.name, result.status.name) == ("assistant", "STOP", "FINAL")
    assert result.usage.prompt_tokens == 2
    assert result.usage.total_tokens == 2 + result.usage.completion_tokens
    assert result.model.startswith(f"gpt://{MODEL}")
    assert result.id


def test_run_accepts_options_and_a_conversation(emulator, studio):
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}]},
    ]
    model = studio(auth=emulator.api_key).chat.completions(MODEL)
    result = model.configure(temperature=0.5, max_tokens=100).run(messages, timeout=TIMEOUT)

    assert result.text.endswith("you said: three")


def test_run_stream_returns_deltas_then_the_finish_reason_and_the_usage(emulator, studio):
    model = studio(auth=emulator.api_key).chat.completions(MODEL)
    results = list(model.run_stream("hello there", timeout=TIMEOUT))

    *words, stop, usage = results
    assert len(words) > 1
    assert {result.status.name for result in words} == {"PARTIAL"}
    assert (stop.status.name, usage.status.name) == ("FINAL", "USAGE")
    assert "".join(result[0].delta for result in results) == stop.text
    assert stop.text.endswith("by api-key; you said: hello there")
    assert usage.usage.total_tokens == usage.usage.prompt_tokens + usage.usage.completion_tokens
    assert {result.role for result in results} == {"assistant"}
    assert len({result.id for result in results}) == 1


def test_list_returns_the_chat_models_of_the_folder(emulator, studio):
    sdk = studio(auth=emulator.api_key)
    models = sdk.chat.completions.list(timeout=TIMEOUT)

    assert (MODEL, "latest") in [(model.name, model.version) for model in models]
    assert all(model.uri.startswith(f"gpt://{emulator.folder_id}/") for model in models)
    named = sdk.chat.completions.list(filters={"name": MODEL, "version": "latest"}, timeout=TIMEOUT)
    assert [model.name for model in named] == [MODEL]
    assert named[0].run("hello", timeout=TIMEOUT).text.endswith("you said: hello")


async def results(sdk) -> tuple[str, str, int]:
    model = sdk.chat.completions(MODEL)
    ran = await model.run("hello", timeout=TIMEOUT)
    streamed = [result.text async for result in model.run_stream("hello", timeout=TIMEOUT)]
    models = await sdk.chat.completions.list(timeout=TIMEOUT)
    return ran.text, streamed[-1], len(models)


def test_the_asynchronous_client_gets_the_same_response(emulator, studio):
    ran, streamed, models = asyncio.run(results(studio(AsyncAIStudio, auth=emulator.api_key)))

    assert ran == streamed
    assert ran.endswith("by api-key; you said: hello")
    assert models > 0
