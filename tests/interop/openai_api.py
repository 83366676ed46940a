"""The calls of the `openai` package, by name: each returns the pieces of the text of the model."""

import openai
from openai import OpenAI

TIMEOUT = 20  # seconds; much longer than a call takes

MESSAGES = [{"role": "user", "content": "hello"}]

CALLS = {
    "chat": lambda client, model: [
        client.chat.completions.create(model=model, messages=MESSAGES).choices[0].message.content
    ],
    "chat, streamed": lambda client, model: [
        chunk.choices[0].delta.content
        for chunk in client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
        if chunk.choices and chunk.choices[0].delta.content
    ],
    "responses": lambda client, model: [client.responses.create(model=model, input="hello").output_text],
    "responses, streamed": lambda client, model: [
        event.delta
        for event in client.responses.create(model=model, input="hello", stream=True)
        if event.type == "response.output_text.delta"
    ],
}


def outcomes(client: OpenAI, model: str) -> dict[str, list[str] | int]:
    """The pieces of the text for each call, or the status of the refusal."""
    return {name: outcome(call, client, model) for name, call in CALLS.items()}


def outcome(call, client: OpenAI, model: str) -> list[str] | int:
    try:
        return call(client, model)
    except openai.APIStatusError as error:
        return error.status_code


def refused(status: int) -> dict[str, int]:
    """The same refusal for every call."""
    return dict.fromkeys(CALLS, status)


def assert_texts(found: dict[str, list[str] | int], text: str) -> None:
    """Every call has the text, and the streams have it in several pieces."""
    assert {name: "".join(pieces) for name, pieces in found.items()} == dict.fromkeys(CALLS, text)
    for name, pieces in found.items():
        assert (len(pieces) > 1) == name.endswith("streamed"), name
