"""The agent of the tests: the program `yc-auth serve`, with the emulator as its source."""

import json
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

from emulator import TOKEN_PATH, Emulator
from processes import wait_for

#: A port that the system chooses.
ANY = "127.0.0.1:0"

#: How an agent gets its tokens: by an authorized key, or from the metadata service.
SOURCES = ("key", "metadata")


class Agent:
    """An agent process. `options` are those of its listeners. It trusts `authority`, or else the emulator's.

    `addresses` has the addresses of the listeners in the order metadata, OAuth, administration, probes.
    """

    def __init__(
        self,
        program: str,
        folder: Path,
        emulator: Emulator,
        *options: str,
        source: str = "key",
        authority: Path | None = None,
    ):
        self.folder = folder
        self.log = folder / "agent-stderr"
        self.variables = {"HOME": str(folder), "YC_API_ENDPOINT": emulator.variables["YC_API_ENDPOINT"]}
        if authority or emulator.ca_file:
            self.variables["SSL_CERT_FILE"] = str(authority or emulator.ca_file)
        if source == "key":
            key_file = folder / "agent-key.json"
            if not key_file.exists():
                key_file.write_text(json.dumps(emulator.new_service_account_key()))
                key_file.chmod(0o600)
            self.variables["YC_SERVICE_ACCOUNT_KEY_FILE"] = str(key_file)
        else:
            self.variables["YC_METADATA_ADDR"] = emulator.metadata_address
        self._command = [program, "serve", "--no-cache", *options]
        self.start()

    def start(self) -> None:
        """Starts the process, also after its end."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, env=self.variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_for(lambda: self._found() or self.process.poll() is not None)
            assert self.process.poll() is None, self.log.read_text()
        except BaseException:
            self.stop()
            raise
        self.addresses = self._found()[1].split()

    def _found(self) -> re.Match | None:
        return re.search(r"serving listeners=(.*)\n", self.log.read_text())

    @property
    def address(self) -> str:
        """The address of the first listener."""
        return self.addresses[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Asks the process to end. Returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.kill()

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


def fetch(url: str, **headers: str) -> bytes:
    """The body of a response. `headers` have `_` in the place of `-`."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as response:
        return response.read()


def token_of(address: str) -> str:
    """The token that a metadata service gives now."""
    return json.loads(fetch(f"http://{address}{TOKEN_PATH}", Metadata_Flavor="Google"))["access_token"]


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def ready(agent: Agent, file: Path) -> str:
    """The content of a token file, after the first write."""
    wait_for(file.exists, 10)
    return file.read_text()


def counts(admin: str) -> dict[str, tuple[int, int, int]]:
    """The requests that each kind of listener has answered, refused and failed, by the metrics at this address."""
    found = re.findall(r'_requests_total\{listener="(.+)",outcome="(.+)"\} (\d+)', fetch(f"http://{admin}/metrics").decode())
    counts = {(listener, outcome): int(count) for listener, outcome, count in found}
    return {kind: tuple(counts[kind, outcome] for outcome in ("ok", "refused", "failed")) for kind, _ in counts}
