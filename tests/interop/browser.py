"""Debian's Chromium without a window, driven by its DevTools protocol."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from processes import end, wait_for

CHROMIUM = shutil.which("chromium", path="/usr/bin:/bin")

#: Chromium asks hosts of its own beside those of its pages, unless it is told not to.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]

#: How long a page or a script may take, in seconds.
TIMEOUT = 20


class Browser:
    """A browser with one page.

    `names` are host names that lead to this machine; no other name leads anywhere. `messages` has what the console of
    the page was told, such as a violation of the policy of a page.
    """

    def __init__(self, folder: Path, *names: str):
        self.messages: list[str] = []
        self._sent: dict[str, str] = {}
        self._loads = 0
        self._last = 0
        self._log = folder / "chromium-stderr"
        profile = folder / "chromium"
        rules = [*(f"MAP {name} 127.0.0.1" for name in names), "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"]
        options = ["--headless", "--disable-gpu", *QUIET, f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        if os.getuid() == 0:
            options.append("--no-sandbox")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [CHROMIUM, *options, f"--host-resolver-rules={', '.join(rules)}", "about:blank"],
                env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._connection = self._connect(profile / "DevToolsActivePort")
            self._session = None
            target = self._call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in "Page", "Runtime", "Log", "Network":
                self._call(f"{domain}.enable")
        except BaseException:
            self.stop()
            raise

    def _connect(self, file: Path) -> ClientConnection:
        """Connects to the address that the browser writes to a file: a port and a path."""

        def is_written() -> bool:
            assert self._process.poll() is None, self._log.read_text()
            return file.exists() and file.read_text().count("\n") == 1

        wait_for(is_written)
        port, path = file.read_text().split("\n")
        return connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None)

    def _call(self, method: str, **parameters) -> dict:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._connection.send(json.dumps(message))
        while (response := self._receive()).get("id") != self._last:
            pass
        assert "error" not in response, response
        return response["result"]

    def _receive(self) -> dict:
        message = json.loads(self._connection.recv(TIMEOUT))
        parameters = message.get("params", {})
        match message.get("method"):
            case "Log.entryAdded":
                self.messages.append(parameters["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.messages.append(json.dumps(parameters["args"]))
            case "Runtime.exceptionThrown":
                self.messages.append(json.dumps(parameters["exceptionDetails"]))
            case "Network.requestWillBeSent":
                self._sent[parameters["requestId"]] = parameters["request"]["url"]
            case "Network.loadingFailed" if parameters.get("blockedReason") == "csp":
                del self._sent[parameters["requestId"]]
            case "Page.loadEventFired":
                self._loads += 1
        return message

    def open(self, url: str) -> None:
        """Opens a page, and waits until it is loaded with all that it names."""
        loads = self._loads
        outcome = self._call("Page.navigate", url=url)
        assert "errorText" not in outcome, outcome
        while self._loads == loads:
            self._receive()

    def run(self, script: str):
        """The value of an expression of JavaScript in the page, or what its promise becomes."""
        outcome = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in outcome, outcome
        return outcome["result"].get("value")

    @property
    def requests(self) -> list[str]:
        """The URL of each request of the page. What the policy of the page holds back is none."""
        return list(self._sent.values())

    def stop(self) -> None:
        end(self._process)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_) -> None:
        self.stop()
