#!/usr/bin/env bash
# google-auth asks 169.254.169.254 first, although GCE_METADATA_HOST names another metadata server.
#
# Seen in November 2026 with google-auth 2.63.0 (PyPI): the question whether there is a metadata server goes to the address in
# GCE_METADATA_IP, and without that variable to 169.254.169.254. GCE_METADATA_HOST, which is for a local metadata server,
# counts for the questions after that one. Where 169.254.169.254 does not answer, `google.auth.default()` finds nothing.
#
# No request leaves the process: the transport is a function that answers for the local server alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input google-auth==2.63.0 requests

cat >probe.py <<'PYTHON'
from types import SimpleNamespace

import google.auth
from google.auth import exceptions


def transport(url, **_):
    hosts.append(url.split("/")[2])
    if hosts[-1] != "127.0.0.1:8080":
        raise exceptions.TransportError("no answer")
    headers = {"metadata-flavor": "Google", "content-type": "text/plain"}
    return SimpleNamespace(status=200, headers=headers, data=b"project")


hosts = []
try:
    credentials, _ = google.auth.default(request=transport)
    result = type(credentials).__module__
except exceptions.DefaultCredentialsError as error:
    result = type(error).__name__
print(f"{result}, after questions to {', '.join(dict.fromkeys(hosts))}")
PYTHON
# Without files and variables of the user.
default() { env -i PATH="$PATH" HOME="$folder" GCE_METADATA_DETECT_RETRIES=1 "$@" python/bin/python -W ignore probe.py; }
seen=$(
  echo "HOST: $(default GCE_METADATA_HOST=127.0.0.1:8080)"
  echo "HOST and IP: $(default GCE_METADATA_HOST=127.0.0.1:8080 GCE_METADATA_IP=127.0.0.1:8080)"
)
echo "$seen"
expected='HOST: DefaultCredentialsError, after questions to 169.254.169.254
HOST and IP: google.auth.compute_engine.credentials, after questions to 127.0.0.1:8080'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
