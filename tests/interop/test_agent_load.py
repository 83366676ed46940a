"""An agent under load: tokens that live for seconds, a kill, a reload, an end. A request fails only while no agent runs."""

import json
import signal
import socket
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

import pytest

from agent import SOURCES, free_port
from emulator import TOKEN_PATH
from processes import wait_for

CLIENTS = 4


@dataclass
class Request:
    start: float
    end: float
    #: `None` if the token was taken, else why not.
    failure: str | None
    token: str | None = None


class Load:
    """Clients that ask for tokens, and show each one to the emulator at once."""

    def __init__(self, emulator, asks: list):
        self.requests: list[Request] = []
        self._end = threading.Event()
        self._emulator = emulator
        self._threads = [threading.Thread(target=self._run, args=(ask,)) for ask in asks]

    def _run(self, ask) -> None:
        while not self._end.is_set():
            start, token, failure = time.monotonic(), None, None
            try:
                token = ask()
                end = time.monotonic()
                failure = None if self._emulator.accepts(token) else "the token was refused"
            except (OSError, HTTPException, ValueError) as error:
                end, failure = time.monotonic(), repr(error)
            self.requests.append(Request(start, end, failure, token))
            time.sleep(0.02)

    @property
    def failed(self) -> list[Request]:
        return [request for request in self.requests if request.failure]

    @property
    def tokens(self) -> set[str]:
        return {request.token for request in self.requests if request.token}

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)


def ask(address: str, method: str, path: str, body: str | None = None, **headers: str) -> str:
    """The token of a response, over a connection of its own."""
    connection = HTTPConnection(address, timeout=30)
    try:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise ValueError(f"{response.status}: {text.decode()}")
        return json.loads(text)["access_token"]
    finally:
        connection.close()


class KeptConnection:
    """A client of the metadata service that keeps its connection."""

    def __init__(self, address: str):
        self._connection = HTTPConnection(address, timeout=30)

    def __call__(self) -> str:
        try:
            self._connection.request("GET", TOKEN_PATH, headers={"Metadata-Flavor": "Google"})
            response = self._connection.getresponse()
            text = response.read()
        except BaseException:
            self._connection.close()
            raise
        if response.status != 200:
            raise ValueError(f"{response.status}: {text.decode()}")
        return json.loads(text)["access_token"]


class Bench:
    """An agent with a configuration file and known addresses."""

    def __init__(self, serve, emulator, folder, source: str):
        self.emulator, self.folder = emulator, folder
        self.metadata, self.oauth = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.token_file = folder / "token"
        self.config = folder / "agent.toml"
        self.configure()
        self.agent = serve(emulator, "--config", str(self.config), source=source)
        client = json.loads((folder / "oauth-client.json").read_text())
        self._form = "grant_type=client_credentials&" + "&".join(f"{name}={value}" for name, value in client.items())
        wait_for(self.token_file.exists)

    def configure(self, more: str = "") -> None:
        listeners = f"""
[[identity]]
name = "one"
{more}
[[listen]]
kind = "metadata"
address = "{self.metadata}"
[[listen]]
kind = "oauth"
address = "{self.oauth}"
[[listen]]
kind = "token-file"
path = "token"
"""
        self.config.write_text(listeners)

    def ask_metadata(self) -> str:
        return ask(self.metadata, "GET", TOKEN_PATH, Metadata_Flavor="Google")

    def ask_oauth(self) -> str:
        return ask(self.oauth, "POST", "/oauth2/token", self._form, Content_Type="application/x-www-form-urlencoded")

    def load(self) -> Load:
        """Clients of the listeners."""
        kept = [KeptConnection(self.metadata) for _ in range(CLIENTS // 2)]
        return Load(self.emulator, [self.ask_metadata, self.ask_oauth, *kept])


@pytest.fixture(params=SOURCES)
def bench(request, serve, make_emulator, tmp_path):
    return Bench(serve, make_emulator(lifetime=2), tmp_path, request.param)


def test_no_request_fails_while_tokens_rotate(bench):
    with bench.load() as load:
        time.sleep(8)
        # A machine with other work takes longer.
        wait_for(lambda: len(load.requests) >= 200 and len(load.tokens) >= 4)

    assert load.failed == []


def test_the_token_file_is_good_whenever_the_agent_can_have_a_token(serve, make_emulator, tmp_path):
    bench = Bench(serve, make_emulator(lifetime=2), tmp_path, "key")
    with Load(bench.emulator, [bench.token_file.read_text] * CLIENTS) as load:
        time.sleep(4)
        wait_for(lambda: len(load.requests) >= 200 and len(load.tokens) >= 3)

    assert load.failed == []


def test_after_a_kill_only_the_requests_meanwhile_fail(bench):
    outages, times = [], []
    with bench.load() as load:
        for _ in range(3):
            time.sleep(0.5)
            kill = time.monotonic()
            bench.agent.kill()
            time.sleep(0.3)
            start = time.monotonic()
            bench.agent.start()

            def served() -> list[float]:
                good = [request for request in list(load.requests) if not request.failure]
                return [request.end for request in good if request.start > start]

            wait_for(served, 10)
            first = min(served())
            outages.append((kill, first))
            times.append(first - start)
        time.sleep(0.5)

    assert min(times) < 1, times
    assert load.failed, "the load has not met the kill"

    def is_meanwhile(request: Request) -> bool:
        return any(request.end >= kill and request.start <= first for kill, first in outages)

    assert [request for request in load.failed if not is_meanwhile(request)] == []


def test_a_reload_fails_no_request(bench):
    with bench.load() as load:
        for count in range(8):
            # Every second one is another identity.
            bench.configure(f'folder = "b1gfakefolder{count // 2}"')
            bench.agent.process.send_signal(signal.SIGHUP)
            wait_for(lambda: bench.agent.log.read_text().count("read the configuration again") == count + 1)
            time.sleep(0.3)
        # What is refused changes nothing.
        bench.config.write_text("[[identity]]\nnames = 1\n")
        bench.agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "the old one stays" in bench.agent.log.read_text(), 10)
        before = len(load.requests)
        wait_for(lambda: len(load.requests) > before + 50)

    assert load.failed == []


def test_a_request_that_is_being_answered_at_the_end_has_its_response(serve, make_emulator, tmp_path):
    emulator = make_emulator()
    bench = Bench(serve, emulator, tmp_path, "key")
    bench.agent.stop()
    # The token comes late, so that requests wait for it.
    emulator.fault(kind="latency", target="iam", milliseconds=2500, times=1)
    bench.agent.start()
    with bench.load() as load:
        time.sleep(0.7)
        term = time.monotonic()
        status = bench.agent.end()
        took = time.monotonic() - term

    assert status == 0
    waiting = [request for request in load.requests if request.start < term - 0.2]
    assert len(waiting) == CLIENTS and [request.failure for request in waiting] == [None] * CLIENTS
    assert 1 < took < 10
    # A listener that has closed refuses, and no request hangs.
    assert all(request.end - request.start < 5 for request in load.requests)
    host, port = bench.metadata.split(":")
    with pytest.raises(ConnectionRefusedError), socket.create_connection((host, int(port))):
        pass


def test_an_end_under_load_fails_no_request_that_was_sent_before(bench):
    fresh = [bench.ask_metadata, bench.ask_oauth] * 2
    kept = [KeptConnection(bench.metadata) for _ in range(CLIENTS)]
    with Load(bench.emulator, fresh) as fresh, Load(bench.emulator, kept) as kept:
        time.sleep(1)
        term = time.monotonic()
        assert bench.agent.end() == 0
        end = time.monotonic()

    assert end - term < 5
    assert [request for request in fresh.failed + kept.failed if request.end < term] == []
    # The listener is closed.
    reset = [request for request in fresh.failed if not request.failure.startswith("ConnectionRefused")]
    assert [request for request in reset if request.start < term] == []
    # A kept connection is closed between two requests.
    reasons = {request.failure.partition("(")[0] for request in kept.failed}
    assert reasons <= {"ConnectionRefusedError", "RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"}
