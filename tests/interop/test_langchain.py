"""`langchain-openai`, at the OpenAI-compatible API of the emulator."""

import asyncio

import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

CHAT = "POST /v1/chat/completions"


@pytest.fixture
def chat(emulator):
    def make(api_key, **options) -> ChatOpenAI:
        return ChatOpenAI(
            base_url=f"{emulator.url}/v1",
            api_key=api_key,
            model=f"gpt://{emulator.folder_id}/yandexgpt/latest",
            max_retries=0,
            timeout=20,
            **options,
        )

    return make


def test_an_api_key(chat, emulator):
    text = emulator.answer("api-key")
    model = chat(emulator.api_key)

    assert model.invoke("hello").text == text
    assert asyncio.run(model.ainvoke("hello")).text == text
    assert chat(emulator.api_key, use_responses_api=True).invoke("hello").text == text


def test_streams(chat, emulator):
    pieces = [chunk.text for chunk in chat(emulator.api_key).stream("hello") if chunk.text]

    assert len(pieces) > 1
    assert "".join(pieces).endswith("by api-key; you said: hello")


def test_a_function_that_returns_tokens(chat, emulator):
    given = []

    def token() -> str:
        given.append(emulator.iam_token(lifetime=60))
        return given[-1]

    model = chat(token)
    for _ in range(2):
        assert model.invoke("hello").text.endswith("by iam-token from control; you said: hello")
        emulator.advance(61)
    assert len(set(given)) == 2


def test_structured_output_and_tools(chat, emulator):
    model = chat(emulator.api_key)
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    mood = model.with_structured_output({"title": "mood", "description": "of the text", **schema}).invoke("hello")
    assert mood["mood"] in ("good", "bad")

    function = {
        "name": "calculator",
        "description": "computes",
        "parameters": {"type": "object", "properties": {"number": {"type": "number"}}},
    }
    called = model.bind_tools([{"type": "function", "function": function}]).invoke("call the calculator with 5")
    assert [(call["name"], call["args"]) for call in called.tool_calls] == [("calculator", {"number": 5})]


def test_embeddings(emulator):
    embeddings = OpenAIEmbeddings(
        base_url=f"{emulator.url}/v1",
        api_key=emulator.api_key,
        model=f"emb://{emulator.folder_id}/text-search-doc/latest",
        # Without these two, the package sends numbers of tokens, and asks for vectors in base64.
        check_embedding_ctx_length=False,
        model_kwargs={"encoding_format": "float"},
    )
    assert len(embeddings.embed_query("hello")) == 256


def test_invalid_credentials_are_refused(chat, emulator):
    with pytest.raises(openai.AuthenticationError):
        chat("AQVNFAKE-OF-NO-CLOUD").invoke("hello")
    with pytest.raises(openai.PermissionDeniedError):
        chat(emulator.api_key_with_scopes("yc.search-api.execute")).invoke("hello")
    assert emulator.requests(CHAT) == 2
