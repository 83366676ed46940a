#!/usr/bin/env bash
# pip calls the program `keyring` in another form since 26.2, and hides why it fails.
#
# Seen in November 2026 with pip 26.1.2, 26.2 and 26.3 (PyPI) and `--keyring-provider subprocess`:
#
#   26.1.2         keyring get URL USER                                  what keyring writes to standard error is shown
#   26.2, 26.3     keyring --mode=creds --output=json get URL [USER]     standard error is taken, and dropped
#
# A program that knows one form alone answers one of them alone. Where the program fails since 26.2, pip says
# "Credentials not correct", and nothing of the cause.
#
# The index is on loopback and wants a password.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
for version in 26.1.2 26.2 26.3; do
  python/bin/pip install --quiet --disable-pip-version-check --no-input --no-deps --target "pip-$version" "pip==$version"
done
cat >server.py <<'PYTHON'
from http.server import BaseHTTPRequestHandler, HTTPServer

class Index(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Index)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python/bin/python server.py >port &
server=$!
until [ -s port ]; do sleep 0.1; done
port=$(cat port)

mkdir bin
cat >bin/keyring <<'SH'
#!/bin/sh
echo "$@" >>"$CALLS"
echo 'the reason of keyring' >&2
exit 1
SH
chmod +x bin/keyring
seen=$(
  for version in 26.1.2 26.2 26.3; do
    CALLS=$folder/calls-$version PYTHONPATH=pip-$version PATH=$folder/bin:$PATH HOME=$folder \
      python/bin/python -m pip download --no-input --disable-pip-version-check --no-cache-dir \
      --keyring-provider subprocess --index-url "http://user@127.0.0.1:$port/simple/" none >"output-$version" 2>&1 || true
    shown=$(grep -q 'the reason of keyring' "output-$version" && echo shown || echo hidden)
    echo "$version: keyring $(head -n 1 "calls-$version" | sed "s/:$port//"): the reason is $shown"
  done
)
echo "$seen"
expected='26.1.2: keyring get http://127.0.0.1/simple/ user: the reason is shown
26.2: keyring --mode=creds --output=json get http://127.0.0.1/simple/ user: the reason is hidden
26.3: keyring --mode=creds --output=json get http://127.0.0.1/simple/ user: the reason is hidden'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
