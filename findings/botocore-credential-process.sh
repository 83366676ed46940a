#!/usr/bin/env bash
# botocore runs a `credential_process` for each request, if the key that the process gives lives for 15 minutes or less.
#
# Seen in November 2026 with botocore 1.44.8 (PyPI), the base of boto3 and of the AWS CLI: a key is renewed in its last 15
# minutes. If the new key is as short, each further request runs the process again. Ephemeral keys of Object Storage live for
# 15 minutes or more, and a process that keeps a key hands out its rest.
#
# Two more surprises of the answer: `"Version": "1"` is refused, since the version has to be a number; without `Expiration`
# the key is never renewed, also one that has a session token.
#
# The process is a script; the requests are signed and not sent.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input botocore==1.44.8

cat >process.py <<'PYTHON'
import datetime
import os
import sys

with open("runs", "a") as runs:
    runs.write(".")
end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=int(os.environ["MINUTES"] or 0))
expiration = f', "Expiration": "{end:%Y-%m-%dT%H:%M:%SZ}"' if os.environ["MINUTES"] else ""
sys.stdout.write('{"Version": %s, "AccessKeyId": "id", "SecretAccessKey": "secret", "SessionToken": "token"%s}'
                 % (os.environ["VERSION"], expiration))
PYTHON
cat >config <<CONFIG
[default]
region = ru-central1
credential_process = $folder/python/bin/python $folder/process.py
CONFIG
cat >probe.py <<'PYTHON'
import os

import botocore.session

try:
    client = botocore.session.get_session().create_client("s3")
    for _ in range(5):
        client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})
    result = "5 requests"
except Exception as error:
    result = type(error).__name__
print(f"{result}, {os.path.getsize('runs')} runs")
PYTHON
with() {
  rm -f runs
  env -i PATH="$PATH" HOME="$folder" AWS_CONFIG_FILE=config VERSION="$1" MINUTES="$2" python/bin/python probe.py
}
seen=$(
  echo "20 minutes: $(with 1 20)"
  echo "14 minutes: $(with 1 14)"
  echo "no expiration: $(with 1 '')"
  echo "the version as a text: $(with '"1"' 20)"
)
echo "$seen"
expected='20 minutes: 5 requests, 1 runs
14 minutes: 5 requests, 6 runs
no expiration: 5 requests, 1 runs
the version as a text: CredentialRetrievalError, 1 runs'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
