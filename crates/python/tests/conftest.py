"""Fixtures: an emulator for each test, and an environment without the user's variables.

`YC_AUTH` is the path of the program yc-auth, which has the emulator. `.ci/python` builds it and sets the variable.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "tests" / "interop"))

from emulator import TOKEN_PATH, Emulator

# Read the variable before a test changes the environment.
PROGRAM = os.environ.get("YC_AUTH", "")
if not PROGRAM:
    raise pytest.UsageError("YC_AUTH is not the path of yc-auth: start the tests by `bash .ci/python`")

#: No server listens at this address.
NOWHERE = "127.0.0.1:1"

PREFIXES = ("YC_", "GCE_", "OPENAI_", "GRPC_", "SSL_CERT_", "REQUESTS_", "CURL_", "LANGSMITH_", "XDG_")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Removes the variables of the user and the shared cache. Default addresses refuse connections."""
    for name in list(os.environ):
        if name.startswith(PREFIXES) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("YC_API_ENDPOINT", NOWHERE)
    monkeypatch.setenv("YC_METADATA_ADDR", NOWHERE)
    monkeypatch.setenv("YC_AUTH_CACHE", "off")
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@pytest.fixture
def emulator(tmp_path, environment):
    """An emulator without TLS, which the environment names."""
    with Emulator(PROGRAM, tmp_path) as emulator:
        environment.setenv("YC_API_ENDPOINT", emulator.url)
        environment.setenv("YC_METADATA_ADDR", emulator.metadata_address)
        yield emulator


@pytest.fixture
def tls_emulator(tmp_path, environment):
    """An emulator with TLS, which the environment names, and whose certificates the clients trust."""
    with Emulator(PROGRAM, tmp_path, tls=True) as emulator:
        environment.setenv("YC_API_ENDPOINT", emulator.address)
        environment.setenv("YC_METADATA_ADDR", emulator.metadata_address)
        for name, value in emulator.authority.items():
            environment.setenv(name, value)
        yield emulator


@pytest.fixture
def python():
    """Runs a program of Python in a process of its own. Returns what it prints."""

    def run(program, *arguments, timeout=60, status=0, **variables):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    return run


@pytest.fixture
def fetches(emulator):
    """How often a token of the metadata service was asked for."""
    return lambda: emulator.requests(f"GET {TOKEN_PATH}")
