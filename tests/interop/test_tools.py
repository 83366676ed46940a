"""Tools as published take their tokens from `yc-auth`, as `yc-auth setup` configures them."""

import pytest

from processes import wait_for
from tools import TOOLS, Tool

EXCHANGE = "POST /iam/v1/tokens"
every_tool = pytest.mark.parametrize("name", TOOLS)
#: The others are told no host: kubectl and the AWS SDKs. Agents ask for an MCP server with a host: see test_tool_details.
told_a_host = [name for name, kind in TOOLS.items() if kind.call_foreign is not Tool.call_foreign]


def succeeds(tool: Tool) -> str:
    """Makes a call. Returns the token that the server took."""
    outcome = tool.call()
    assert outcome.succeeded, outcome.text
    return tool.tokens()[-1]


def take_iam_down(emulator) -> None:
    for path in "/endpoints", "/iam/v1/tokens", "/iam/aws-compatibility/v1/ephemeralAccessKeys":
        emulator.fault(kind="status", status=503, path=path)


@every_tool
def test_calls_share_one_token(name, make_tool):
    tool = make_tool(name)

    assert succeeds(tool) == succeeds(tool)
    assert len(set(tool.tokens())) == 1
    assert tool.bench.emulator.requests(EXCHANGE) == 1


@every_tool
def test_after_the_end_of_the_token(name, make_tool):
    # Keys of Object Storage live for 15 minutes at least: those that end soon are not handed out again.
    lives_minutes = name == "botocore"
    tool = make_tool(name, lifetime=1000 if lives_minutes else 3)
    first = succeeds(tool)
    if not lives_minutes:
        wait_for(lambda: not tool.bench.emulator.accepts(first))

    assert succeeds(tool) != first


@every_tool
def test_after_a_refusal(name, make_tool):
    tool = make_tool(name)
    first = succeeds(tool)
    tool.refuse(first)
    outcome = tool.call()

    assert outcome.succeeded == (tool.after_refusal == "same call"), outcome.text
    if tool.after_refusal == "renewal":
        tool.renew()
    assert succeeds(tool) != first


@every_tool
def test_without_iam_the_shared_token_is_used(name, make_tool):
    tool = make_tool(name)
    first = succeeds(tool)
    take_iam_down(tool.bench.emulator)

    assert succeeds(tool) == first
    assert tool.bench.emulator.requests(EXCHANGE) == 1


@every_tool
def test_without_iam_and_without_a_token_the_cause_is_shown(name, make_tool):
    tool = make_tool(name)
    take_iam_down(tool.bench.emulator)
    outcome = tool.call()

    assert not outcome.succeeded
    assert tool.tokens() == []
    assert ("HTTP 503" in outcome.text) == tool.shows_the_cause, outcome.text


@every_tool
def test_two_at_once_cause_one_request_to_iam(name, make_tool):
    tool = make_tool(name)
    outcomes = [tool.end(process) for process in [tool.start(), tool.start()]]

    for outcome in outcomes:
        assert outcome.succeeded, outcome.text
    assert len(set(tool.tokens())) == 1
    assert tool.bench.emulator.requests(EXCHANGE) == 1


@pytest.mark.parametrize("name", told_a_host)
def test_a_foreign_host_gets_no_token(name, make_tool):
    tool = make_tool(name)
    outcome = tool.call_foreign()

    assert not outcome.succeeded
    assert tool.tokens() == []
    assert tool.bench.emulator.requests(EXCHANGE) == 0 or name == "psql", "psql's command has a token for its own host"
    # The hook works for its own host.
    succeeds(tool)


@every_tool
def test_credentials_that_are_gone_are_named_with_a_fix(name, make_tool):
    tool = make_tool(name)
    tool.bench.key_file.unlink()
    outcome = tool.call()

    assert not outcome.succeeded
    assert tool.tokens() == []
    assert (str(tool.bench.key_file) in outcome.text) == tool.shows_the_cause, outcome.text


@pytest.mark.parametrize("name", sorted({kind.set_up_name: name for name, kind in TOOLS.items()}.values()))
def test_nothing_is_set_up_without_credentials(name, yc_auth, emulator, make_tool):
    bench = make_tool("kubectl").bench
    tool = TOOLS[name](bench)
    command = [yc_auth, "setup", tool.set_up_name, "--write", *tool.options()]
    # An address without a metadata service.
    outcome = bench.run(*command, YC_METADATA_ADDR=emulator.address)

    assert not outcome.succeeded
    assert "YC_SERVICE_ACCOUNT_KEY_FILE" in outcome.text, outcome.text
