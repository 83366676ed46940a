"""The calls of the AI Studio SDK that the emulator serves, by name."""

import grpc
import httpx
from yandex_ai_studio_sdk import AIStudio, AsyncAIStudio

from emulator import Emulator

MODEL = "yandexgpt"
VECTORS = "text-search-doc"
TIMEOUT = 20  # seconds; much longer than a call takes

#: The calls whose response is a text of the model.
TEXTS = {
    "completions.run": lambda sdk, prompt: sdk.models.completions(MODEL).run(prompt, timeout=TIMEOUT).text,
    "completions.run_stream": lambda sdk, prompt: last(
        sdk.models.completions(MODEL).run_stream(prompt, timeout=TIMEOUT)
    ),
    "chat.run": lambda sdk, prompt: sdk.chat.completions(MODEL).run(prompt, timeout=TIMEOUT).text,
    "chat.run_stream": lambda sdk, prompt: last(sdk.chat.completions(MODEL).run_stream(prompt, timeout=TIMEOUT)),
}

CALLS = {
    **TEXTS,
    "completions.tokenize": lambda sdk, prompt: sdk.models.completions(MODEL).tokenize(prompt, timeout=TIMEOUT),
    "completions.run_deferred": lambda sdk, prompt: sdk.models.completions(MODEL).run_deferred(
        prompt, timeout=TIMEOUT
    ),
    "text_embeddings.run": lambda sdk, prompt: sdk.models.text_embeddings(VECTORS).run(prompt, timeout=TIMEOUT),
    "chat.text_embeddings.run": lambda sdk, prompt: sdk.chat.text_embeddings(VECTORS).run(
        prompt, timeout=TIMEOUT
    ),
    "chat.list": lambda sdk, _: sdk.chat.completions.list(timeout=TIMEOUT),
}

#: The result of each call with a valid credential, as `outcomes` returns it.
ACCEPTED = dict.fromkeys(CALLS, "accepted")

#: The result of each call with an invalid credential.
REFUSED = {
    "completions.run": "UNAUTHENTICATED",
    "completions.run_stream": "UNAUTHENTICATED",
    "completions.tokenize": "UNAUTHENTICATED",
    "completions.run_deferred": "UNAUTHENTICATED",
    "text_embeddings.run": "UNAUTHENTICATED",
    "chat.run": 401,
    "chat.run_stream": 401,
    "chat.text_embeddings.run": 401,
    "chat.list": 401,
}


def connect(emulator: Emulator, sdk=AIStudio, **options) -> AIStudio | AsyncAIStudio:
    """An SDK that uses the emulator."""
    usual = {
        "endpoint": emulator.address,
        "folder_id": emulator.folder_id,
        "verify": str(emulator.ca_file) if emulator.ca_file else False,
        # The SDK has no discovery for this service.
        "service_map": {"http_completions": f"{emulator.url}/v1"},
    }
    return sdk(**{**usual, **options})


def whole(model, prompt):
    """The complete output of a model."""
    return model.run(prompt, timeout=TIMEOUT)


def streamed(model, prompt):
    """The complete text of a stream. A result with only the usage may follow the text."""
    results = list(model.run_stream(prompt, timeout=TIMEOUT))
    return next(result for result in reversed(results) if result.status.name != "USAGE")


def last(stream) -> str:
    return [result.text for result in stream][-1]


def texts(sdk: AIStudio, prompt: str) -> dict[str, str]:
    """The output of the model for each call."""
    return {name: call(sdk, prompt) for name, call in TEXTS.items()}


def outcomes(sdk: AIStudio) -> dict[str, str | int]:
    """The result of each call over gRPC and HTTP: `accepted`, or the code of the error."""
    return {name: outcome(call, sdk) for name, call in CALLS.items()}


def outcome(call, sdk: AIStudio) -> str | int:
    try:
        call(sdk, "hello")
    except grpc.aio.AioRpcError as error:
        return error.code().name
    except httpx.HTTPStatusError as error:
        return error.response.status_code
    return "accepted"


def all_texts(text: str) -> dict[str, str]:
    """The same text for every call."""
    return dict.fromkeys(TEXTS, text)
