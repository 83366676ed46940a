"""Deferred calls: operations over gRPC, as the AI Studio SDK polls them."""

import asyncio

import pytest
from yandex_ai_studio_sdk import AsyncAIStudio
from yandex_ai_studio_sdk.exceptions import RunError, WrongAsyncOperationStatusError

from studio import MODEL, TIMEOUT

#: A short poll interval keeps the tests fast. An operation of the emulator takes a second.
OFTEN = {"poll_interval": 0.05, "poll_timeout": TIMEOUT}


def begin(sdk, prompt="hello there"):
    return sdk.models.completions(MODEL).run_deferred(prompt, timeout=TIMEOUT)


def test_wait_returns_the_response_of_run(emulator, studio):
    sdk = studio(auth=emulator.api_key)
    result = begin(sdk).wait(**OFTEN)

    assert result.text == sdk.models.completions(MODEL).run("hello there", timeout=TIMEOUT).text
    assert (result.role, result.status.name) == ("assistant", "FINAL")
    assert result.usage.total_tokens == result.usage.input_text_tokens + result.usage.completion_tokens


def test_an_operation_runs_until_it_completes(emulator, studio):
    emulator.freeze()
    operation = begin(studio(auth=emulator.api_key))

    status = operation.get_status(timeout=TIMEOUT)
    assert (status.is_running, status.is_finished) == (True, False)
    with pytest.raises(WrongAsyncOperationStatusError):
        operation.get_result(timeout=TIMEOUT)

    emulator.advance(60)
    status = operation.get_status(timeout=TIMEOUT)
    assert (status.is_succeeded, status.is_failed) == (True, False)
    assert operation.get_result(timeout=TIMEOUT).text.endswith("you said: hello there")


def test_another_process_polls_an_operation_by_its_id(emulator, studio):
    began = begin(studio(auth=emulator.api_key)).id
    taken_up = studio(auth=emulator.api_key).models.completions(MODEL).attach_deferred(began, timeout=TIMEOUT)

    assert taken_up.id == began
    assert taken_up.wait(**OFTEN).text.endswith("you said: hello there")


def test_a_cancelled_operation_fails(emulator, studio):
    emulator.freeze()
    operation = begin(studio(auth=emulator.api_key))
    operation.cancel(timeout=TIMEOUT)

    status = operation.get_status(timeout=TIMEOUT)
    assert (status.is_failed, status.error.code) == (True, 1)
    with pytest.raises(RunError) as error:
        operation.wait(**OFTEN)
    assert (error.value.code, error.value.operation_id) == (1, operation.id)


async def awaited(sdk) -> str:
    operation = await sdk.models.completions(MODEL).run_deferred("hello there", timeout=TIMEOUT)
    return (await operation.wait(**OFTEN)).text


def test_the_asynchronous_client_gets_the_same_response(emulator, studio):
    text = asyncio.run(awaited(studio(AsyncAIStudio, auth=emulator.api_key)))

    assert text.endswith("by api-key; you said: hello there")
