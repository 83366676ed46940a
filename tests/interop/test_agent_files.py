"""Programs that read a token file of `yc-auth serve --token-file`: curl, nginx with njs, Prometheus."""

import os
import shutil
import subprocess
import time

import pytest

from agent import ANY, fetch, ready
from daemons import Nginx, Prometheus, TokenServer, promtool
from processes import wait_for

CURL = shutil.which("curl", path="/usr/local/bin:/usr/bin:/bin")


@pytest.fixture
def token_file(tmp_path):
    return tmp_path / "token"


@pytest.fixture
def rotating(make_emulator):
    """An emulator whose tokens live for some seconds."""
    return make_emulator(lifetime=2)


@pytest.fixture
def server(rotating):
    with TokenServer(rotating.accepts) as server:
        yield server


def test_curl_takes_the_header_from_the_file(serve, rotating, server, token_file):
    agent = serve(rotating, "--token-file", str(token_file), "--format", "header")
    assert ready(agent, token_file).startswith("Authorization: Bearer t1.")
    while len(server.tokens) < 3:
        words = ["-s", "-f", "-H", f"@{token_file}", f"http://{server.address}/"]
        done = subprocess.run([CURL, *words], env={}, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr

    assert server.statuses == {200}


def test_nginx_reads_the_file_for_each_request(serve, rotating, server, token_file, tmp_path):
    agent = serve(rotating, "--token-file", str(token_file))
    ready(agent, token_file)
    with Nginx(tmp_path, token_file, server) as nginx:
        while len(server.requests) < 200 or len(server.tokens) < 3:
            assert fetch(f"http://{nginx.address}/") == b"interop_probe 1\n"

    assert server.statuses == {200}


def test_prometheus_scrapes_with_the_token_and_scrapes_the_agent(serve, rotating, server, token_file, tmp_path):
    agent = serve(rotating, "--token-file", str(token_file), "--admin", ANY)
    ready(agent, token_file)
    with Prometheus(tmp_path, token_file, server, agent.address) as prometheus:
        wait_for(lambda: len(server.tokens) >= 2)
        wait_for(lambda: prometheus.value('yc_auth_agent_requests_total{listener="admin",outcome="ok"}'))
        value = prometheus.value
        assert value('min_over_time(up{job="server"}[1m])') == 1
        assert value('min_over_time(up{job="agent"}[1m])') == 1
        assert value("interop_probe") == 1
        assert value('yc_auth_agent_ready{identity="default"}') == 1
        assert value("yc_auth_agent_fetches_total") >= 2
        assert value("yc_auth_agent_token_expires_seconds") > time.time() - 5
        assert value('yc_auth_agent_response_seconds_count{listener="admin"}') >= 1

    assert server.statuses == {200}


def test_promtool_takes_the_metrics(serve, emulator):
    agent = serve(emulator, "--admin", ANY)
    checked = promtool("check", "metrics", text=fetch(f"http://{agent.address}/metrics"))

    # promtool reads the older format, where the help of a counter has the name with `_total`.
    complaints = [line for line in checked.stderr.decode().splitlines() if not line.endswith("_total no help text")]
    assert complaints == [] and b"error" not in checked.stdout.lower()


def test_a_file_that_is_shared_with_a_group(serve, emulator, token_file):
    agent = serve(emulator, "--token-file", str(token_file), "--mode", "0640", "--group", str(os.getgid()))
    token = ready(agent, token_file)

    assert emulator.accepts(token)
    assert token_file.stat().st_mode & 0o777 == 0o640
    assert token_file.stat().st_gid == os.getgid()
