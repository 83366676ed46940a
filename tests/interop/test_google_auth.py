"""`google-auth`, at the metadata service. It reads its variables when it is imported, so each test runs a program."""

import json
import sys
from datetime import datetime, timezone

import pytest

from conftest import printed
from studio import all_texts, texts

#: Prints the tokens of the automatic credentials, and of those for a virtual machine.
PROGRAM = """
import json
import google.auth
from google.auth import compute_engine
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request

found, project = google.auth.default()
tokens = {}
for name, credentials in {"default": found, "compute_engine": compute_engine.Credentials()}.items():
    try:
        credentials.refresh(Request())
        tokens[name] = [credentials.token, credentials.expiry.isoformat()]
    except RefreshError as error:
        tokens[name] = None
print(json.dumps({"class": type(found).__module__, "account": found.service_account_email, "tokens": tokens}))
"""


@pytest.fixture
def run(emulator, tmp_path):
    def run() -> dict:
        # With the host alone, its first question goes to the default address.
        address = {"GCE_METADATA_HOST": emulator.metadata_address, "GCE_METADATA_IP": emulator.metadata_address}
        home = str(tmp_path)
        return json.loads(printed([sys.executable, "-c", PROGRAM], PATH=home, HOME=home, **address))

    return run


def test_the_automatic_credentials_and_those_of_a_virtual_machine(run, emulator, studio):
    found = run()

    assert found["class"].startswith("google.auth.compute_engine")
    assert found["account"] == emulator.service_account_id
    text = emulator.answer("iam-token from metadata")
    for name in ("default", "compute_engine"):
        token, expiry = found["tokens"][name]
        assert texts(studio(auth=token), "hello") == all_texts(text), name
        left = datetime.fromisoformat(expiry).replace(tzinfo=timezone.utc) - datetime.now(timezone.utc)
        assert 11 * 3600 < left.total_seconds() <= 12 * 3600, name


def test_a_machine_without_a_service_account(run, emulator):
    emulator.fault(kind="not-found", path="/computeMetadata/v1/instance/service-accounts/")

    assert run()["tokens"] == {"default": None, "compute_engine": None}
