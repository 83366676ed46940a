"""An emulator of its own for every test, and an environment that leads nowhere else."""

import os
from pathlib import Path

import pytest
import yandexcloud
from yandex_ai_studio_sdk import AIStudio

from emulator import Emulator

# Read before a test changes the environment.
PROGRAM = os.environ.get("YC_AUTH", "")
if not PROGRAM:
    raise pytest.UsageError("YC_AUTH is not the path of yc-auth: start the tests by `bash tests/interop/run`")

#: Nothing listens there.
NOWHERE = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No variable of the user's, no proxy, no `yc`; a forgotten address is one that refuses."""
    for name in list(os.environ):
        if name.startswith(("YC_", "GRPC_", "SSL_CERT_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("YC_API_ENDPOINT", NOWHERE)
    monkeypatch.setenv("YC_METADATA_ADDR", NOWHERE)
    monkeypatch.setenv("PATH", str(tmp_path))
    return monkeypatch


@pytest.fixture(scope="session")
def yc_auth() -> str:
    """The path of the program; `run` builds it and sets the variable."""
    return str(Path(PROGRAM).resolve(strict=True))


@pytest.fixture
def emulator(yc_auth, tmp_path):
    emulator = Emulator(yc_auth, tmp_path)
    yield emulator
    emulator.stop()


@pytest.fixture
def tls_emulator(yc_auth, tmp_path):
    emulator = Emulator(yc_auth, tmp_path, tls=True)
    yield emulator
    emulator.stop()


@pytest.fixture
def studio(emulator):
    """Makes an AI Studio SDK that finds the emulator, in plain text."""

    def make(sdk=AIStudio, **options):
        return sdk(
            endpoint=emulator.address,
            folder_id=emulator.folder_id,
            verify=False,
            # The one service that the SDK has no discovery for.
            service_map={"http_completions": f"{emulator.url}/v1"},
            **options,
        )

    return make


@pytest.fixture
def cloud(tls_emulator):
    """Makes a cloud SDK that finds the emulator; over TLS, for it knows nothing else."""

    def make(**options):
        return yandexcloud.SDK(
            endpoint=tls_emulator.address,
            root_certificates=tls_emulator.ca_file.read_bytes(),
            **options,
        )

    return make
