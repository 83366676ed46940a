"""Fixtures: an emulator for each test, and an environment without other services."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import yandexcloud

from agent import Agent
from emulator import Emulator
from postgres import Postgres
from studio import connect
from tool_server import ToolServer, make_certificates
from tools import TOOLS, Bench, Psql, Tool

# Read the variable before a test changes the environment.
PROGRAM = os.environ.get("YC_AUTH", "")
if not PROGRAM:
    raise pytest.UsageError("YC_AUTH is not the path of yc-auth: start the tests by `bash tests/interop/run`")

#: The host names of the cloud that lead to this machine, where `run` could make a namespace of its own.
NAMES = os.environ.get("INTEROP_NAMES", "").split()

#: The host names of tools that lead to the server of the tests there.
TOOL_NAMES = os.environ.get("INTEROP_TOOL_NAMES", "").split()

NODE = shutil.which("node")

#: No server listens at this address.
NOWHERE = "127.0.0.1:1"


def printed(command: list, **variables: str) -> str:
    """Runs a program that has to succeed, with only these variables. Returns what it prints."""
    done = subprocess.run(
        command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Removes the variables of the user, proxies and `yc`. Default addresses refuse connections."""
    for name in list(os.environ):
        if name.startswith(("YC_", "GCE_", "GOOGLE_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_", "GRPC_", "SSL_CERT_", "REQUESTS_", "CURL_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("YC_API_ENDPOINT", NOWHERE)
    monkeypatch.setenv("YC_METADATA_ADDR", NOWHERE)
    monkeypatch.setenv("PATH", str(tmp_path))
    return monkeypatch


@pytest.fixture(scope="session")
def yc_auth() -> str:
    """The path of the program. `run` builds the program and sets the variable."""
    return str(Path(PROGRAM).resolve(strict=True))


@pytest.fixture
def emulator(yc_auth, tmp_path):
    with Emulator(yc_auth, tmp_path) as emulator:
        yield emulator


@pytest.fixture
def tls_emulator(yc_auth, tmp_path):
    with Emulator(yc_auth, tmp_path, tls=True) as emulator:
        yield emulator


@pytest.fixture
def fixed_emulator(yc_auth, tmp_path):
    """An emulator in the place of the cloud, for clients with addresses that are fixed in their code."""
    if not NAMES:
        pytest.skip("no namespace can be made here, so the names of the cloud do not lead to this machine")
    with Emulator(yc_auth, tmp_path, tls=True, names=NAMES) as emulator:
        yield emulator


@pytest.fixture
def make_emulator(yc_auth, tmp_path):
    """Creates an emulator with settings of the test."""
    with ExitStack() as stack:

        def make_emulator(**settings) -> Emulator:
            return stack.enter_context(Emulator(yc_auth, tmp_path, **settings))

        yield make_emulator


@pytest.fixture
def serve(yc_auth, tmp_path):
    """Starts an agent that takes its tokens from an emulator. The options are those of its listeners."""
    with ExitStack() as stack:

        def serve(emulator: Emulator, *options: str, **settings: str) -> Agent:
            return stack.enter_context(Agent(yc_auth, tmp_path, emulator, *options, **settings))

        yield serve


@pytest.fixture
def studio(emulator):
    """Creates an AI Studio SDK that uses the emulator over plain HTTP."""
    return partial(connect, emulator)


@pytest.fixture
def cloud(tls_emulator):
    """Creates a cloud SDK that uses the emulator over TLS. The SDK supports only TLS."""

    def make(**options):
        return yandexcloud.SDK(
            endpoint=tls_emulator.address,
            root_certificates=tls_emulator.ca_file.read_bytes(),
            **options,
        )

    return make


@pytest.fixture
def node():
    """Runs a script of the folder `node`, with only these variables. Returns the JSON that it prints, after the warnings
    of the packages."""

    def node(script: str, **variables: str):
        # Where `require` looks for packages.
        packages = str(Path(sys.prefix) / "node" / "node_modules")
        command = [NODE, "--no-warnings", Path(__file__).parent / "node" / script]
        return json.loads(printed(command, NODE_PATH=packages, **variables).splitlines()[-1])

    return node


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """The certificates of the hosts of tools."""
    if not TOOL_NAMES:
        pytest.skip("no namespace can be made here, so the hosts of tools do not lead to this machine")
    return make_certificates(tmp_path_factory.mktemp("certificates"), TOOL_NAMES)


@pytest.fixture(scope="session")
def postgres(certificates):
    if not Path("/proc/self/uid_map").read_text().split()[2] == "4294967295":
        pytest.skip("PostgreSQL needs a user of its own, and this namespace has one user")
    postgres = Postgres(certificates)
    yield postgres
    postgres.stop()


@pytest.fixture
def make_tool(yc_auth, certificates, tmp_path, request):
    """Creates a tool, set up for a service account of an emulator of its own."""
    stack = ExitStack()

    def make_tool(name: str, *, lifetime: float | None = None) -> Tool:
        kind = TOOLS[name]
        emulator = stack.enter_context(Emulator(yc_auth, tmp_path, lifetime=lifetime))
        server = ToolServer(certificates, emulator.accepts)
        stack.callback(server.stop)
        bench = Bench(yc_auth, tmp_path / "home", emulator, server)
        tool = kind(bench)
        if kind is Psql:
            postgres = request.getfixturevalue("postgres")
            tool.use(postgres)
        tool.set_up()
        return tool

    make_tool.close = stack.close
    with stack:
        yield make_tool
