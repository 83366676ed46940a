"""Clients whose addresses are fixed in their code. Each is the command of an emulator that is at these addresses:
`yc-auth emulator -- python`. The variables of the emulator are all that the client has."""

import json
import subprocess
import sys

import pytest

from conftest import NAMES, printed

#: The texts of the API for chats, whose address is fixed unless the program names another one.
STUDIO = """
import json, os
import httpx
from yandex_ai_studio_sdk import AIStudio

# The SDK knows the address of the API for chats only at its own endpoint.
del os.environ["YC_API_ENDPOINT"]
sdk = AIStudio()
chat = sdk.chat.completions("yandexgpt")
try:
    AIStudio(auth="AQVNFAKE-OF-NO-CLOUD").chat.completions("yandexgpt").run("hello", timeout=20)
except httpx.HTTPStatusError as error:
    refused = error.response.status_code
print(json.dumps({
    "text": chat.run("hello", timeout=20).text,
    "pieces": [result.text for result in chat.run_stream("hello", timeout=20)],
    "native": sdk.models.completions("yandexgpt").run("hello", timeout=20)[0].text,
    "refused": refused,
}))
"""

#: The asynchronous path asks for an operation at a fixed address.
LANGCHAIN = """
import asyncio, json, os
import grpc
from langchain_community.chat_models import ChatYandexGPT

# It wins over the key.
del os.environ["YC_IAM_TOKEN"]
model = ChatYandexGPT(max_retries=1)
refused = []
bad = ChatYandexGPT(max_retries=1, api_key="AQVNFAKE-OF-NO-CLOUD")
for call in (lambda: bad.invoke("hello"), lambda: asyncio.run(bad.ainvoke("hello"))):
    try:
        call()
    except grpc.RpcError as error:
        refused.append(error.code().name)
print(json.dumps({
    "text": model.invoke("hello").content,
    "async": asyncio.run(model.ainvoke("hello")).content,
    "refused": refused,
}))
"""


@pytest.fixture
def run(yc_auth, tmp_path):
    """Runs a program. Returns the JSON that it prints."""
    if not NAMES:
        pytest.skip("no namespace can be made here, so the names of the cloud do not lead to this machine")

    def run(program: str) -> dict:
        options = ["--listen", "127.0.0.1:443", "--host-name", *NAMES, "--tls", "--ca-file", str(tmp_path / "ca.pem")]
        command = [yc_auth, "emulator", *options, "--", sys.executable, "-c", program]
        return json.loads(printed(command, PATH=str(tmp_path), HOME=str(tmp_path)))

    return run


def test_the_chats_of_the_ai_studio_sdk(run):
    found = run(STUDIO)

    assert found["text"].startswith("authenticated as service account ")
    assert found["text"].endswith(" by api-key; you said: hello")
    assert found["native"] == found["text"]
    assert len(found["pieces"]) > 1
    assert found["pieces"][-1] == found["text"]
    assert found["refused"] == 401


def test_both_paths_of_langchain_community(run):
    found = run(LANGCHAIN)

    assert found["text"].startswith("authenticated as service account ")
    assert found["text"].endswith(" by api-key; you said: hello")
    assert found["async"] == found["text"]
    assert found["refused"] == ["UNAUTHENTICATED", "UNAUTHENTICATED"]


def test_the_status_of_a_client_that_fails(yc_auth):
    program = [yc_auth, "emulator", "--", sys.executable, "-c", "raise SystemExit(7)"]
    done = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"", b"")
