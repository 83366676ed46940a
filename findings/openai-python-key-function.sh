#!/usr/bin/env bash
# openai (PyPI): a function as `api_key` has to be of the same kind as the client, and nothing checks the function before the
# first request.
#
# Seen in November 2026 with openai 3.57.0:
#
#   OpenAI with an `async` function        sends the text of the coroutine as the key
#   AsyncOpenAI with a plain function      a TypeError about `await`, which does not name `api_key`; nothing is sent
#
# No request leaves the process: the transport is a function.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input openai==3.57.0

cat >probe.py <<'PYTHON'
import asyncio
import re

import httpx2 as httpx
import openai


def answer(request):
    sent.append(re.sub(" at 0x[0-9a-f]+", "", request.headers["authorization"]))
    return httpx.Response(200, json={"object": "list", "data": []})


def plain():
    return "key"


async def asynchronous():
    return "key"


def options(function):
    return {"api_key": function, "base_url": "http://127.0.0.1:1/v1", "max_retries": 0}


for function in (plain, asynchronous):
    sent = []
    try:
        openai.OpenAI(**options(function), http_client=httpx.Client(transport=httpx.MockTransport(answer))).models.list()
        result = "succeeds"
    except Exception as error:
        result = type(error).__name__
    print(f"OpenAI, {function.__name__} function: {result}, sent {sent}")


async def main(function):
    transport = httpx.MockTransport(answer)
    await openai.AsyncOpenAI(**options(function), http_client=httpx.AsyncClient(transport=transport)).models.list()


for function in (asynchronous, plain):
    sent = []
    try:
        asyncio.run(main(function))
        result = "succeeds"
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    print(f"AsyncOpenAI, {function.__name__} function: {result}, sent {sent}")
PYTHON
seen=$(python/bin/python -W ignore probe.py)
echo "$seen"
expected="OpenAI, plain function: succeeds, sent ['Bearer key']
OpenAI, asynchronous function: succeeds, sent ['Bearer <coroutine object asynchronous>']
AsyncOpenAI, asynchronous function: succeeds, sent ['Bearer key']
AsyncOpenAI, plain function: TypeError: object str can't be used in 'await' expression, sent []"
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
