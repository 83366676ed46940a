"""A folder that the caller may not use."""

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


def test_every_call_is_denied(emulator, studio):
    assert outcomes(studio(auth=emulator.api_key, folder_id="b1gfake0of0no0cloud0")) == DENIED
