"""Chat responses in JSON, with and without a schema, complete and streamed."""

import json

import pytest

from studio import MODEL, streamed, whole

SCHEMA = {
    "type": "object",
    "properties": {"mood": {"enum": ["good", "bad"]}, "text": {"type": "string"}, "more": {"type": "string"}},
    "required": ["mood", "text"],
}


@pytest.fixture
def model(emulator, studio):
    return studio(auth=emulator.api_key).chat.completions(MODEL)


@pytest.mark.parametrize("run", [whole, streamed])
def test_json_returns_an_object(model, run):
    result = run(model.configure(response_format="json"), "hello there")

    assert json.loads(result.text)["answer"].endswith("you said: hello there")
    assert result.status.name == "FINAL"


@pytest.mark.parametrize("run", [whole, streamed])
def test_a_schema_returns_a_value_of_the_schema(model, run):
    form = {"json_schema": SCHEMA, "name": "impression", "strict": True}
    value = json.loads(run(model.configure(response_format=form), "hello there").text)

    assert value.keys() == {"mood", "text"}
    assert value["mood"] == "good"
    assert value["text"].endswith("you said: hello there")
