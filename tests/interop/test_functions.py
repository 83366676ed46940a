"""Function calls of the model and their results, complete and streamed."""

import pytest

from studio import MODEL, TIMEOUT, streamed, whole

MESSAGE = "let calculator work with 5 and 4"
PARAMETERS = {
    "type": "object",
    "properties": {"numbers": {"type": "array", "items": {"type": "integer"}}},
    "required": ["numbers"],
}


@pytest.fixture
def model(emulator, studio):
    """A model that may call one function."""
    sdk = studio(auth=emulator.api_key)
    calculator = sdk.tools.function(PARAMETERS, name="calculator", description="computes")
    return sdk.chat.completions(MODEL).configure(tools=calculator)


@pytest.mark.parametrize("run", [whole, streamed])
def test_calls_a_named_function_with_arguments_of_its_schema(model, run):
    result = run(model, MESSAGE)

    assert result.status.name == "TOOL_CALLS"
    assert [(call.function.name, call.function.arguments) for call in result.tool_calls] == [
        ("calculator", {"numbers": [5, 4]})
    ]


@pytest.mark.parametrize("run", [whole, streamed])
def test_responds_to_a_result_with_the_name_or_the_call_id(model, run):
    called = run(model, MESSAGE)
    by_name = {"tool_results": [{"name": "calculator", "content": "20"}]}
    by_id = {"tool_call_id": called.tool_calls[0].id, "content": "20"}
    for tool_result in (by_name, by_id):
        result = run(model, [MESSAGE, called, tool_result])
        assert result.status.name == "FINAL"
        assert result.text.endswith("; the tool said: 20")


@pytest.mark.parametrize(
    ("choice", "prompt", "called"),
    [
        ("auto", MESSAGE, True),
        ("auto", "hello there", False),
        ("none", MESSAGE, False),
        ("required", "hello there", True),
        ({"type": "function", "function": {"name": "calculator"}}, "hello there", True),
    ],
)
def test_the_tool_choice_decides_whether_a_function_is_called(model, choice, prompt, called):
    result = model.configure(tool_choice=choice).run(prompt, timeout=TIMEOUT)

    assert bool(result.tool_calls) == called
