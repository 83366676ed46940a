"""A folder that the caller may not use."""

from yandex_ai_studio_sdk import AIStudio

from studio import outcomes

DENIED = {
    "completions.run": "PERMISSION_DENIED",
    "completions.run_stream": "PERMISSION_DENIED",
    "completions.tokenize": "PERMISSION_DENIED",
    "completions.run_deferred": "PERMISSION_DENIED",
    "text_embeddings.run": "PERMISSION_DENIED",
    "chat.run": 403,
    "chat.run_stream": 403,
    "chat.text_embeddings.run": 403,
    "chat.list": 403,
}


def test_every_call_is_denied(emulator):
    sdk = AIStudio(
        auth=emulator.api_key,
        endpoint=emulator.address,
        folder_id="b1gfake0of0no0cloud0",
        service_map={"http_completions": f"{emulator.url}/v1"},
        verify=False,
    )

    assert outcomes(sdk) == DENIED
