#!/usr/bin/env bash
# Airflow's connection to Yandex Cloud: the form promises another order of the credentials than the code has.
#
# Seen in November 2026 with apache-airflow-providers-yandex 4.6.1 (PyPI): the form says that the JSON of a service account key
# is used instead of the OAuth token and of the path of a key. The code takes the OAuth token, then the path, then the JSON. A
# connection that got a key beside its old OAuth token still uses the OAuth token.
#
# The two modules of the form and of the choice are loaded by their paths: neither needs Airflow itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input --no-deps apache-airflow-providers-yandex==4.6.1

cat >probe.py <<'PYTHON'
import importlib.util
import itertools
import json
import sysconfig


def load(path):
    spec = importlib.util.spec_from_file_location("module", f"{sysconfig.get_path('purelib')}/airflow/providers/yandex/{path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fields = load("get_provider_info.py").get_provider_info()["connection-types"][0]["conn-fields"]
for name in ["service_account_json", "service_account_json_path"]:
    print(f"form, {name}: {fields[name]['description'].split('. ')[-1]}")

with open("key.json", "w") as file:
    json.dump({"id": "path"}, file)
given = {"oauth_token": "oauth", "service_account_json_path": "key.json", "service_account_json": '{"id": "json"}'}
get_credentials = load("utils/credentials.py").get_credentials
for names in itertools.combinations(given, 2):
    print(f"code, {' and '.join(names)}: {get_credentials(**{name: given[name] for name in names})}")
PYTHON
seen=$(python/bin/python probe.py)
echo "$seen"
expected="form, service_account_json: Will be used instead of OAuth token and SA JSON file path field if specified.
form, service_account_json_path: Will be used instead of OAuth token if specified.
code, oauth_token and service_account_json_path: {'token': 'oauth'}
code, oauth_token and service_account_json: {'token': 'oauth'}
code, service_account_json_path and service_account_json: {'service_account_key': {'id': 'path'}}"
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
