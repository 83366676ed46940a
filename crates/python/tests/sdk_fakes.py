"""The seven classes of the SDK, theirs and ours, for the tests of both: fakes on the wire.

The fakes are an emulator, a server that keeps the headers, and a program named yc.
"""

import http.server
import json
import os
import threading
import warnings

import pytest

pytest.importorskip("yandex_ai_studio_sdk")

from yandex_ai_studio_sdk import AIStudio, _auth, auth as theirs
from yandex_cloud_auth import ai_studio as ours

NAMES = theirs.__all__

#: The route of the metadata service's token.
METADATA = "GET /computeMetadata/v1/instance/service-accounts/default/token"


@pytest.fixture(params=["theirs", "ours"])
def module(request, monkeypatch):
    """The classes of the SDK, or ours in their place: the SDK's selection uses them too."""
    if request.param == "theirs":
        return theirs
    for name in NAMES:
        monkeypatch.setattr(_auth, name, getattr(ours, name))
    return ours


@pytest.fixture(autouse=True)
def warnings_of_oauth():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        yield


@pytest.fixture
def recorder():
    """A server in the place of the API over HTTP. It keeps the header `Authorization` of each request."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get_all("Authorization"))
            body = json.dumps({"object": "list", "data": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.seen = seen
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def sent(recorder, emulator):
    """What a client of the SDK sends as `Authorization` in one call; None if it sends none."""

    def sent(auth, endpoint=None):
        sdk = AIStudio(
            endpoint=endpoint or emulator.address,
            folder_id="folder",
            verify=False,
            service_map={"http_completions": f"http://127.0.0.1:{recorder.server_port}/v1"},
            auth=auth,
        )
        before = len(recorder.seen)
        sdk.chat.completions.list(timeout=20)
        (values,) = recorder.seen[before:]
        if values is None:
            return None
        (value,) = values
        return value

    return sent


@pytest.fixture
def terminal(monkeypatch):
    """Standard input is a terminal."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)


YC = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
  config) cat {folder}/endpoint ;;
  *) printf 'A notice\\n'; cat {folder}/token ;;
esac
"""


@pytest.fixture
def yc(tmp_path, environment):
    """A program yc: `yc.token` and `yc.endpoint` are what it prints; it notes how it was called."""

    class Yc:
        log = tmp_path / "yc-log"

        def __setattr__(self, name, value):
            (tmp_path / name).write_text(value + "\n")

        @property
        def calls(self):
            return [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []

        @property
        def token_calls(self):
            return [call for call in self.calls if call[:2] == ["iam", "create-token"]]

    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "yc"
    program.write_text(YC.format(log=Yc.log, folder=tmp_path))
    program.chmod(0o755)
    environment.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    yc = Yc()
    yc.token, yc.endpoint = "t1.fake.yc", ""
    return yc
