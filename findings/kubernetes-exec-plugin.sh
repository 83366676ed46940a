#!/usr/bin/env bash
# The Python client of Kubernetes runs an exec plug-in for each request, if the plug-in's token lives for five minutes or less.
# It never runs the plug-in after a 401.
#
# Seen in November 2026 with kubernetes 37.0.2 (PyPI): a token counts as expired in its last five minutes. If the new token is
# as short, each further request runs the plug-in again. After a 401 the client sends the refused token until that time.
#
# The API server is on loopback, and refuses every token.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input kubernetes==37.0.2

cat >plugin.sh <<'SH'
#!/bin/sh
printf . >>runs
printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "token-%s", "expirationTimestamp": "%s"}}' \
  "$(wc -c <runs | tr -d ' ')" "$END"
SH
chmod +x plugin.sh
cat >probe.py <<'PYTHON'
import datetime
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from kubernetes import client, config


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        sent.append(self.headers["Authorization"])
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": f"{os.getcwd()}/plugin.sh"}}
kubeconfig = {
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
    "users": [{"name": "u", "user": user}],
}
with open("kubeconfig", "w") as file:
    json.dump(kubeconfig, file)

for minutes in (10, 4):
    sent = []
    if os.path.exists("runs"):
        os.remove("runs")
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    os.environ["END"] = f"{end:%Y-%m-%dT%H:%M:%SZ}"
    version = client.VersionApi(config.new_client_from_config("kubeconfig"))
    for _ in range(3):
        try:
            version.get_code()
        except client.ApiException as error:
            assert error.status == 401
    print(f"{minutes} minutes: {os.path.getsize('runs')} runs; sent {', '.join(sent)}")
PYTHON
seen=$(NO_PROXY=127.0.0.1 python/bin/python probe.py)
echo "$seen"
expected='10 minutes: 1 runs; sent Bearer token-1, Bearer token-1, Bearer token-1
4 minutes: 4 runs; sent Bearer token-2, Bearer token-3, Bearer token-4'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
