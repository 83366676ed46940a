#!/usr/bin/env bash
# The CLI of DataSphere fails after a command that succeeded, if PyPI cannot be reached.
#
# Seen in November 2026 with datasphere 0.10.0 (PyPI): each command ends with a question to PyPI for the newest version.
# Where there is no PyPI (a closed network, a mirror), the error of that question is not caught: a traceback, status 1.
#
# PyPI is out of reach by a proxy at a port without a server.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input datasphere==0.10.0

status=0
HTTPS_PROXY=http://127.0.0.1:1 HOME=$folder TMPDIR=$folder python/bin/datasphere version >output 2>errors || status=$?
seen="output: $(tail -n 1 output)
error: $(tail -n 1 errors | cut -d: -f1)
status: $status"
echo "$seen"
expected='output: 0.10.0
error: requests.exceptions.ProxyError
status: 1'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
