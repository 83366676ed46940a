#!/usr/bin/env bash
# The Python SDK of AI Studio keeps a token of the metadata service for an hour, also one that lives for five minutes.
#
# Seen in November 2026 with yandex-ai-studio-sdk 0.22.1 (PyPI): `expires_in` is not read. The metadata service may give a
# token that was issued long ago, and whose rest is short. The SDK then sends an expired token until the hour is over.
#
# The clock is a fake one, so this takes no time; the metadata service is on loopback.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input yandex-ai-studio-sdk==0.22.1

cat >probe.py <<'PYTHON'
import asyncio
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

from yandex_ai_studio_sdk.auth import MetadataAuth

LIFE, START = 300, 1_800_000_000
now, issued = 0, []


class Metadata(BaseHTTPRequestHandler):
    def do_GET(self):
        issued.append(now)
        body = {"access_token": f"token-{len(issued)}", "expires_in": LIFE, "token_type": "Bearer"}
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Metadata)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["YC_METADATA_ADDR"] = f"127.0.0.1:{server.server_port}"


async def main():
    global now
    auth = await MetadataAuth.applicable_from_env()
    for now in [0, 299, 301, 3600, 3601]:
        _, header = await auth.get_auth_metadata(client=None, timeout=1, lock=asyncio.Lock())
        left = issued[-1] + LIFE - now
        state = f"{left} s left" if left > 0 else f"expired {-left} s ago"
        print(f"after {now} s: {header}, {state}")


with mock.patch("time.time", lambda: START + now):
    asyncio.run(main())
PYTHON
seen=$(NO_PROXY=127.0.0.1 python/bin/python probe.py)
echo "$seen"
expected='after 0 s: Bearer token-1, 300 s left
after 299 s: Bearer token-1, 1 s left
after 301 s: Bearer token-1, expired 1 s ago
after 3600 s: Bearer token-1, expired 3300 s ago
after 3601 s: Bearer token-2, 300 s left'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
