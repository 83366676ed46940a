"""The gateway of the agent, with clients as published: they have its address and its key, and no credentials."""

import json
import shutil
import subprocess
import threading
import time
from http.client import HTTPConnection

import pytest
from openai import OpenAI
from websockets.sync.client import connect
from websockets.sync.server import serve as serve_web_socket

from agent import ANY, counts, fetch
from openai_api import CALLS, TIMEOUT, assert_texts, outcomes, refused
from processes import wait_for


class Gateway:
    """A gateway in front of the emulator."""

    def __init__(self, serve, emulator, folder, *options: str):
        self.emulator, file = emulator, folder / "gateway.key"
        options = ["--gateway", ANY, "--gateway-key", f"@{file}", "--folder", emulator.folder_id, *options]
        self.agent = serve(emulator, *options)
        self.key = file.read_text()
        self.url = f"http://{self.agent.address}/v1"

    def client(self, key: str | None = None) -> OpenAI:
        return OpenAI(base_url=self.url, api_key=key or self.key, max_retries=0, timeout=TIMEOUT)


@pytest.fixture
def gateway(serve, emulator, tmp_path):
    return Gateway(serve, emulator, tmp_path)


def text(emulator) -> str:
    return emulator.answer("iam-token from service-account-key")


def test_openai_has_the_bare_name_of_a_model(gateway, emulator):
    assert_texts(outcomes(gateway.client(), "yandexgpt"), text(emulator))
    models = gateway.client().models.list()
    assert f"gpt://{emulator.folder_id}/yandexgpt/latest" in {model.id for model in models}
    assert [model.id for model in gateway.client().models.list(extra_query={"x": "y"})] == [model.id for model in models]


def test_openai_is_told_that_its_key_is_wrong(gateway):
    assert outcomes(gateway.client("wrong"), "yandexgpt") == refused(401)


def test_openai_for_node(gateway, emulator, node):
    found = node("openai.cjs", OPENAI_BASE_URL=gateway.url, OPENAI_API_KEY=gateway.key, MODEL="yandexgpt")
    assert_texts(found, text(emulator))
    found = node("openai.cjs", OPENAI_BASE_URL=gateway.url, OPENAI_API_KEY="wrong", MODEL="yandexgpt")
    assert found == refused(401)


VERSIONS = ["--http1.1", "--http2-prior-knowledge"]


def curl(gateway: Gateway, path: str, *options: str) -> str:
    """What curl prints for a path of the gateway. A status of a refusal fails the test."""
    program = shutil.which("curl", path="/usr/local/bin:/usr/bin:/bin")
    command = [program, "-s", "-S", "-f", "-H", f"Authorization: Bearer {gateway.key}", *options, f"{gateway.url}/{path}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout


def posted(body: dict) -> list[str]:
    return ["-H", "Content-Type: application/json", "-d", json.dumps(body)]


@pytest.mark.parametrize("version", VERSIONS)
def test_curl(gateway, emulator, version):
    body = {"model": "yandexgpt", "messages": [{"role": "user", "content": "hello"}]}
    answer = json.loads(curl(gateway, "chat/completions", version, *posted(body)))
    assert answer["choices"][0]["message"]["content"] == text(emulator)

    body = {"model": "yandexgpt", "input": "hello"}
    answer = json.loads(curl(gateway, "responses", version, *posted(body)))
    assert answer["output"][-1]["content"][0]["text"] == text(emulator)
    events = curl(gateway, "responses", version, "-N", *posted({**body, "stream": True}))
    assert events.count("event: response.output_text.delta\n") > 1

    model = f"gpt://{emulator.folder_id}/yandexgpt/latest"
    assert model in {model["id"] for model in json.loads(curl(gateway, "models?x=y&limit=2", version))["data"]}


def test_a_web_socket(serve, emulator, tmp_path):
    """A realtime session of a service that repeats what it hears, and says which token it got."""
    seen = {}

    def realtime(session):
        seen.update(path=session.request.path, authorization=session.request.headers["Authorization"])
        for message in session:
            session.send(message)

    with serve_web_socket(realtime, "127.0.0.1", 0) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        port = service.socket.getsockname()[1]
        key, config = tmp_path / "gateway.key", tmp_path / "agent.toml"
        config.write_text(
            f'[[identity]]\nname = "one"\nfolder = "{emulator.folder_id}"\n[[listen]]\nkind = "gateway"\naddress = "{ANY}"\n'
            f'keys = [{{ file = "{key}" }}]\n[[listen.upstream]]\nhost = "http://127.0.0.1:{port}"\nprefix = "/v1/realtime"\n'
        )
        agent = serve(emulator, "--config", str(config))
        headers = {"Authorization": f"Bearer {key.read_text()}"}
        url = f"ws://{agent.address}/v1/realtime?model=speech-realtime"
        with connect(url, additional_headers=headers, proxy=None) as session:
            for message in ("hello", b"\x00" * 100_000, ""):
                session.send(message)
                assert session.recv(timeout=TIMEOUT) == message
        service.shutdown()
    assert seen["authorization"].startswith("Bearer t1.")
    assert seen["path"].endswith(f"model=gpt%3A%2F%2F{emulator.folder_id}%2Fspeech-realtime%2Flatest")


class Caller(threading.Thread):
    """Asks the gateway again and again, on one connection."""

    def __init__(self, gateway: Gateway, end: float):
        super().__init__()
        self.gateway, self.end, self.statuses = gateway, end, []

    def run(self) -> None:
        connection = HTTPConnection(self.gateway.agent.address, timeout=TIMEOUT)
        headers = {"Authorization": f"Bearer {self.gateway.key}", "Content-Type": "application/json"}
        body = json.dumps({"model": "yandexgpt", "messages": [{"role": "user", "content": "hello"}]})
        while time.monotonic() < self.end:
            connection.request("POST", "/v1/chat/completions", body, headers)
            response = connection.getresponse()
            response.read()
            self.statuses.append(response.status)


def test_no_request_fails_while_the_token_rotates_every_second(serve, make_emulator, tmp_path):
    """The tokens live for 1.4 s, as in `test_agent_rotation.py`. The emulator refuses a token after its end."""
    emulator, seconds = make_emulator(lifetime=1.4), 6
    gateway = Gateway(serve, emulator, tmp_path, "--admin", ANY)
    before, start = emulator.requests("POST /iam/v1/tokens"), time.monotonic()
    callers = [Caller(gateway, start + seconds) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    rotations = emulator.requests("POST /iam/v1/tokens") - before
    statuses = [status for caller in callers for status in caller.statuses]
    assert set(statuses) == {200} and len(statuses) > 100
    assert counts(gateway.agent.addresses[1])["gateway"] == (len(statuses), 0, 0)
    assert seconds / 1.25 - 1 < rotations < seconds / 0.75 + 1


def test_the_gateway_serves_again_within_a_second_of_its_start(gateway, emulator):
    gateway.agent.kill()
    with pytest.raises(OSError):
        fetch(f"{gateway.url}/models", Authorization=f"Bearer {gateway.key}")
    call, start = CALLS["chat"], time.monotonic()
    gateway.agent.start()
    # The system has chosen another port.
    gateway.url = f"http://{gateway.agent.address}/v1"
    wait_for(lambda: call(gateway.client(), "yandexgpt") == [text(emulator)])
    assert time.monotonic() - start < 1
