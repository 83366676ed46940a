#!/usr/bin/env bash
# The Python SDK of Yandex Cloud fetches a token every 20 seconds, and parallel calls fetch one each.
#
# Seen in November 2026 with yandexcloud 0.413.0 (PyPI): a token that lives for 12 hours is used for 20 seconds. Calls that
# find no token do not wait for the fetch of another call: 20 calls at once are 20 requests.
#
# The clock is a fake one; the metadata service is on loopback. The plug-in is the one that the SDK gives to gRPC.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input yandexcloud==0.413.0

cat >probe.py <<'PYTHON'
import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from unittest import mock

from yandexcloud import _auth_plugin
from yandexcloud._auth_fabric import MetadataAuth

CALLS = 20
requests = 0
lock = threading.Lock()


class Metadata(BaseHTTPRequestHandler):
    def do_GET(self):
        global requests
        with lock:
            requests += 1
        body = json.dumps({"access_token": "token", "expires_in": 43200, "token_type": "Bearer"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 2 * CALLS


server = Server(("127.0.0.1", 0), Metadata)
threading.Thread(target=server.serve_forever, daemon=True).start()


address = f"127.0.0.1:{server.server_port}"


class Together(MetadataAuth):
    """Fetches when each of the parallel calls has come to its fetch, or after five seconds."""

    all_fetch = threading.Barrier(CALLS)

    def get_token(self):
        try:
            self.all_fetch.wait(timeout=5)
        except threading.BrokenBarrierError:
            pass
        return super().get_token()


def call(credentials):
    context = SimpleNamespace(service_url="https://compute.example/yandex.cloud.compute.v1.InstanceService")
    credentials(context, lambda metadata, error: error and print(error))


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 1) + datetime.timedelta(seconds=seconds)


credentials = _auth_plugin.Credentials(MetadataAuth(address), lambda: None)
with mock.patch.object(_auth_plugin, "datetime", Clock):
    for seconds in [0, 19, 20, 39, 40, 3600]:
        call(credentials)
        print(f"after {seconds} s: {requests} requests for a token")

requests, credentials = 0, _auth_plugin.Credentials(Together(address), lambda: None)
threads = [threading.Thread(target=call, args=[credentials]) for _ in range(CALLS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{CALLS} calls at once: {requests} requests for a token")
PYTHON
seen=$(NO_PROXY=127.0.0.1 python/bin/python probe.py)
echo "$seen"
expected='after 0 s: 1 requests for a token
after 19 s: 1 requests for a token
after 20 s: 2 requests for a token
after 39 s: 2 requests for a token
after 40 s: 3 requests for a token
after 3600 s: 4 requests for a token
20 calls at once: 20 requests for a token'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
