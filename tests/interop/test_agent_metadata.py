"""Clients of the metadata service at `yc-auth serve --metadata` and under `yc-auth exec --metadata`."""

import json
import shutil
import subprocess
import sys
import urllib.error

import pytest
import ydb.iam
from yandex_ai_studio_sdk.auth import MetadataAuth

from agent import ANY, SOURCES, fetch, token_of
from cloud import output
from conftest import NODE, printed
from emulator import TOKEN_PATH
from studio import all_texts, texts
from test_ydb import ticket

EXCHANGE = "POST /iam/v1/tokens"
WHO = {"key": "iam-token from service-account-key", "metadata": "iam-token from metadata"}

#: google-auth reads its variables when it is imported.
GOOGLE = """
import json
import google.auth
from google.auth import compute_engine
from google.auth.transport.requests import Request

found, project = google.auth.default()
tokens = {}
for name, credentials in {"default": found, "compute_engine": compute_engine.Credentials()}.items():
    credentials.refresh(Request())
    tokens[name] = credentials.token
print(json.dumps({"project": project, "account": found.service_account_email, "tokens": tokens}))
"""


def at(address: str, home) -> dict[str, str]:
    """The variables with which Google's clients find a metadata service."""
    return {"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address, "HOME": str(home), "PATH": str(home)}


@pytest.mark.parametrize("source", SOURCES)
def test_google_auth(source, serve, emulator, studio, tmp_path):
    agent = serve(emulator, "--metadata", ANY, "--folder", "b1gfakefolder", source=source)
    found = json.loads(printed([sys.executable, "-c", GOOGLE], **at(agent.address, tmp_path)))

    assert found["project"] == "b1gfakefolder"
    # The metadata service of the machine is not asked for the account.
    assert found["account"] == (emulator.service_account_id if source == "key" else "yc-auth")
    for name, token in found["tokens"].items():
        assert texts(studio(auth=token), "hello") == all_texts(emulator.answer(WHO[source])), name


def test_google_auth_looks_for_the_service_before_the_token_is_there(serve, emulator, tmp_path):
    emulator.fault(kind="latency", target="iam", milliseconds=2000, times=1)
    agent = serve(emulator, "--metadata", ANY)

    found = json.loads(printed([sys.executable, "-c", GOOGLE], **at(agent.address, tmp_path)))
    assert emulator.accepts(found["tokens"]["default"])


def test_gcp_metadata(serve, emulator, node, tmp_path):
    agent = serve(emulator, "--metadata", ANY, "--folder", "b1gfakefolder")
    found = node("gcp_metadata.cjs", **at(agent.address, tmp_path))

    assert found["found"] is True and found["project"] == "b1gfakefolder"
    assert found["token"]["token_type"] == "Bearer"
    assert 11 * 3600 < found["token"]["expires_in"] <= 12 * 3600
    assert emulator.accepts(found["token"]["access_token"])


@pytest.mark.parametrize("source", SOURCES)
def test_gcloud(source, serve, emulator, tmp_path):
    gcloud = shutil.which("gcloud", path="/usr/local/bin:/usr/bin:/bin")
    if gcloud is None:
        pytest.skip("gcloud comes with some machines, and with no package of Debian")
    agent = serve(emulator, "--metadata", ANY, "--folder", "b1gfakefolder", source=source)
    variables = {**at(agent.address, tmp_path), "GCE_METADATA_ROOT": agent.address, "PATH": "/usr/bin:/bin"}

    found = json.loads(printed([gcloud, "config", "list", "--format", "json"], **variables))["core"]
    assert found["project"] == "b1gfakefolder"
    assert found["account"] == (emulator.service_account_id if source == "key" else "yc-auth")
    assert emulator.accepts(printed([gcloud, "auth", "print-access-token"], **variables).strip())


def test_the_ai_studio_sdk(serve, emulator, studio, environment):
    agent = serve(emulator, "--metadata", ANY)
    expected = all_texts(emulator.answer(WHO["key"]))

    url = f"http://{agent.address}{TOKEN_PATH}"
    assert texts(studio(auth=MetadataAuth(metadata_url=url)), "hello") == expected
    environment.setenv("YC_METADATA_ADDR", agent.address)
    assert texts(studio(), "hello") == expected
    assert emulator.requests(EXCHANGE) == 1


def test_the_cloud_sdk(serve, tls_emulator, cloud, environment):
    agent = serve(tls_emulator, "--metadata", ANY)
    environment.setenv("YC_METADATA_ADDR", agent.address)

    assert output(cloud(), tls_emulator.folder_id, "hello") == tls_emulator.answer(WHO["key"])


def test_ydb(serve, emulator):
    agent = serve(emulator, "--metadata", ANY)
    credentials = ydb.iam.MetadataUrlCredentials(f"http://{agent.address}{TOKEN_PATH}")

    assert ticket(credentials) == token_of(agent.address)
    assert emulator.accepts(ticket(credentials))


@pytest.mark.parametrize("source", SOURCES)
def test_a_command_with_a_metadata_service_of_its_own(source, yc_auth, emulator, tmp_path):
    program = GOOGLE + """
import os
assert not [name for name in os.environ if name in ("YC_IAM_TOKEN", "YC_SERVICE_ACCOUNT_KEY_FILE")]
import ydb.iam
url = "http://" + os.environ["YC_METADATA_ADDR"] + "%s"
print(ydb.iam.MetadataUrlCredentials(url).auth_metadata()[0][1])
print(os.environ["YC_METADATA_ADDR"])
""" % TOKEN_PATH
    variables = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    options = ["--no-cache", "--endpoint", emulator.variables["YC_API_ENDPOINT"]]
    if source == "key":
        key_file = tmp_path / "key.json"
        key_file.write_text(json.dumps(emulator.new_service_account_key()))
        options += ["--key-file", str(key_file)]
    else:
        variables["YC_METADATA_ADDR"] = emulator.metadata_address
    command = [yc_auth, "exec", "--metadata", *options, "--", sys.executable, "-c", program]
    # No server listens there, so that a request to the proxy fails.
    found, of_ydb, address = printed(command, **variables, http_proxy="http://127.0.0.1:1").splitlines()

    tokens = [*json.loads(found)["tokens"].values(), of_ydb]
    assert all(emulator.accepts(token) for token in tokens)
    assert address != emulator.metadata_address
    with pytest.raises(urllib.error.URLError):
        fetch(f"http://{address}/")


def test_a_command_with_gcp_metadata(yc_auth, emulator, tmp_path):
    script = "require('gcp-metadata').instance('service-accounts/default/token').then((t) => console.log(t.access_token))"
    packages = f"{sys.prefix}/node/node_modules"
    words = ["exec", "--metadata", "--no-cache", "--method", "metadata", "--", NODE, "--no-warnings", "-e", script]
    variables = {"YC_METADATA_ADDR": emulator.metadata_address, "HOME": str(tmp_path), "PATH": str(tmp_path)}
    token = printed([yc_auth, *words], NODE_PATH=packages, **variables).splitlines()[-1]

    assert emulator.accepts(token)


@pytest.fixture
def as_other_user():
    """Runs curl as a user who is neither root nor that of the agent. Returns the body and the status."""
    setpriv, curl = shutil.which("setpriv", path="/usr/bin:/bin"), shutil.which("curl", path="/usr/bin:/bin")
    uid = 65534

    def run(address: str) -> tuple[str, int, int]:
        user = [setpriv, "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
        request = [curl, "-s", "-w", "\n%{http_code}", "-H", "Metadata-Flavor: Google"]
        done = subprocess.run(
            [*user, *request, f"http://{address}{TOKEN_PATH}"], env={}, capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return body, int(status), uid

    probe = [setpriv, "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "/bin/true"]
    if subprocess.run(probe, env={}, capture_output=True).returncode != 0:
        pytest.skip("only root may become another user, and this namespace has to have that user")
    return run


def test_another_user_needs_an_option(serve, emulator, as_other_user):
    agent = serve(emulator, "--metadata", ANY)
    body, status, uid = as_other_user(agent.address)
    assert status == 403
    assert f"user {uid}" in body and f"--allow-uid {uid}" in body
    assert "t1." not in body

    agent.stop()
    agent = serve(emulator, "--metadata", ANY, "--allow-uid", str(uid))
    body, status, _ = as_other_user(agent.address)
    assert status == 200
    assert emulator.accepts(json.loads(body)["access_token"])
