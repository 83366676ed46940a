"""What one tool alone does with its hook."""

import json

import pytest

from processes import wait_for
from signature import is_signed
from test_tools import EXCHANGE, succeeds
from tools import FOREIGN, docker

MCP = "https://toolkit.mcp.cloud.yandex.net/mcp"
mcp_clients = pytest.mark.parametrize("name", ["codex", "claude-code"])


def test_docker_login_and_logout_succeed_and_change_nothing(make_tool):
    tool = make_tool("docker")
    first = succeeds(tool)
    # docker checks the password at the registry, then gives it to the helper.
    tool.bench.must(docker(), "login", "--username", "iam", "--password", first, "cr.yandex")
    assert succeeds(tool) == first
    tool.bench.must(docker(), "logout", "cr.yandex")

    assert succeeds(tool) == first
    assert first not in (tool.bench.home / ".docker/config.json").read_text()
    assert tool.bench.emulator.requests(EXCHANGE) == 1


def test_the_user_of_the_registry_is_iam(make_tool):
    for name in "docker", "pip-26.1", "pip-26.3", "uv":
        tool = make_tool(name)
        succeeds(tool)
        assert tool.bench.server.requests[-1].user == "iam", name
        make_tool.close()


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_kubectl_gets_the_version_that_its_file_names(version, make_tool):
    tool = make_tool("kubectl")
    file = tool.bench.home / ".kube/config"
    text = file.read_text()
    assert "client.authentication.k8s.io/v1\n" in text
    file.write_text(text.replace("client.authentication.k8s.io/v1\n", f"client.authentication.k8s.io/{version}\n"))

    succeeds(tool)


def test_botocore_signs_with_the_key(make_tool):
    tool = make_tool("botocore")
    succeeds(tool)
    bench = tool.bench
    # The cached key, as the hook gives it.
    key = json.loads(bench.must(bench.program, "credential", "aws", *bench.choice))

    request = bench.server.requests[-1]
    assert request.token == key["SessionToken"]
    assert is_signed(request, key["AccessKeyId"], key["SecretAccessKey"])
    assert not is_signed(request, key["AccessKeyId"], "another secret")


def test_psql_reconnects_with_a_fresh_token(make_tool):
    tool = make_tool("psql", lifetime=3)
    home = tool.bench.home
    script = home / "script.sql"
    script.write_text("\\! touch connected; until [ -e go ]; do sleep 0.1; done\n\\c\nselect 'connected again';\n")
    bench = tool.bench
    words = ["exec", "--postgres", "--host", "postgres.example.com", *bench.choice, "--"]
    psql = ["psql", "-X", "-w", "-v", "ON_ERROR_STOP=1", "-f", str(script), "postgres"]
    process = bench.start(bench.program, *words, *psql, PGSSLROOTCERT=bench.pem)
    try:
        wait_for(lambda: (home / "connected").exists() or process.poll() is not None)
        wait_for(lambda: not bench.emulator.accepts(tool.tokens()[0]))
    finally:
        (home / "go").touch()
        outcome = bench.end(process)

    assert outcome.succeeded, outcome.text
    assert "connected again" in outcome.text
    first, *_, last = tool.tokens()
    assert first != last


def connect_mcp(tool) -> list:
    """Starts the tool, which connects to its MCP servers. Returns their requests."""
    if tool.set_up_name == "codex":
        tool.call()
    else:
        tool.bench.run(tool.PROGRAM, "mcp", "list")
    return [request for request in tool.bench.server.requests if request.path == "/mcp"]


def set_up_mcp(tool, server: str):
    options = ["--mcp", server, "--folder-id", tool.bench.emulator.folder_id]
    return tool.bench.run(*tool.bench.set_up_command(tool.set_up_name, *options))


@mcp_clients
def test_an_mcp_server_gets_the_token_and_the_folder(name, make_tool):
    tool = make_tool(name)
    assert set_up_mcp(tool, MCP).succeeded
    requests = connect_mcp(tool)

    assert requests[0].method == "POST" and requests[0].status == 200
    assert all(request.token for request in requests)
    assert {request.headers.get("folder-id") for request in requests} == {tool.bench.emulator.folder_id}
    assert tool.bench.emulator.requests(EXCHANGE) == 1


@mcp_clients
def test_an_mcp_server_on_a_foreign_host_gets_no_token(name, make_tool):
    tool = make_tool(name)
    outcome = set_up_mcp(tool, f"other=https://{FOREIGN}/mcp")
    assert not outcome.succeeded and "`--host HOST`" in outcome.text

    assert set_up_mcp(tool, MCP).succeeded
    file = tool.bench.home / (".codex/config.toml" if name == "codex" else ".claude.json")
    file.write_text(file.read_text().replace("toolkit.mcp.cloud.yandex.net", FOREIGN))
    requests = connect_mcp(tool)

    # Codex leaves the server out, and Claude Code connects without headers.
    assert [request.host for request in requests] == ([] if name == "codex" else [FOREIGN] * len(requests))
    assert not any(request.token for request in requests)
