"""The CLI of DataSphere: where its IAM token comes from. The emulator has no DataSphere.

The package is in an environment of its own, because it does not fit together with the other packages. Its program asks
PyPI for news at the end of every command, so the tests call the function that makes the headers of a call.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from studio import all_texts, texts

PYTHON = Path(sys.prefix) / "datasphere" / "bin" / "python"

#: Prints the headers of a call, with the option `--token` as the program reads it from its variables.
HEADERS = """
import datasphere.auth as auth
from datasphere.main import build_arg_parser
import json

token = build_arg_parser().parse_args(["version"]).token
print(json.dumps(auth.get_md(token)))
"""


@pytest.fixture
def run(tmp_path):
    def run(**variables: str) -> subprocess.CompletedProcess:
        # `yc` is not found in this path.
        variables = {"YC_METADATA_ADDR": "127.0.0.1:1", "PATH": str(tmp_path), "HOME": str(tmp_path), **variables}
        return subprocess.run(
            [PYTHON, "-c", HEADERS],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def token(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, done.stderr
    scheme, _, token = dict(json.loads(done.stdout))["authorization"].partition(" ")
    assert scheme == "Bearer"
    return token


@pytest.fixture
def exchange(run, fixed_emulator):
    """Runs with the emulator in the place of IAM, whose address is in the code."""

    def exchange(**variables: str) -> subprocess.CompletedProcess:
        return run(**fixed_emulator.authority, **variables)

    return exchange


def test_the_metadata_service(run, emulator, studio):
    sdk = studio(auth=token(run(YC_METADATA_ADDR=emulator.metadata_address)))

    assert texts(sdk, "hello") == all_texts(emulator.answer("iam-token from metadata"))


def test_an_iam_token_wins_over_the_metadata_service(run, emulator):
    given = emulator.iam_token()
    assert token(run(YC_IAM_TOKEN=given, YC_METADATA_ADDR=emulator.metadata_address)) == given


@pytest.mark.parametrize("name", ["YC_TOKEN", "YC_OAUTH_TOKEN"])
def test_an_oauth_token_is_exchanged(name, exchange, fixed_emulator):
    assert token(exchange(**{name: fixed_emulator.oauth_token})).startswith("t1.")
    assert fixed_emulator.requests("POST /yandex.cloud.iam.v1.IamTokenService/Create") == 1


def test_an_iam_token_in_yc_token_is_refused(exchange, fixed_emulator):
    done = exchange(YC_TOKEN=fixed_emulator.iam_token())
    assert done.returncode != 0
    assert "UNAUTHENTICATED" in done.stderr


def test_finds_no_credentials(run):
    assert "None of authorization methods" in run().stderr
