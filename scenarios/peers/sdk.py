"""Plays the calls of one scenario with yandex-ai-studio-sdk: the same lines as rust/src/main.rs."""

import asyncio
import sys
import time

from yandex_ai_studio_sdk._auth import MetadataAuth

# The URL is whole: `MetadataAuth()` made without one never works, and would prove nothing here.
PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


async def call(auth, lock, number, deadline):
    began = time.monotonic()
    limit = 60.0 if deadline == "-" else float(deadline)
    try:
        # A caller with a deadline cancels its call, as `asyncio.timeout` does.
        header = await asyncio.wait_for(auth.get_auth_metadata(None, timeout=limit, lock=lock), limit)
        outcome = ("token", header[1].removeprefix("Bearer ").replace("\n", "\\n"))
    except Exception as error:  # whatever the library raises is what its user sees
        outcome = ("error", f"{type(error).__name__}: {error}".replace("\n", " "))
    print(number, outcome[0], f"{time.monotonic() - began:.3f}", outcome[1], flush=True)


async def main():
    auth = MetadataAuth(metadata_url=f"http://{sys.argv[1]}{PATH}")
    lock = asyncio.Lock()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", flush=True)
    calls = []
    while line := await reader.readline():
        number, deadline = line.decode().split()
        calls.append(asyncio.create_task(call(auth, lock, number, deadline)))
    await asyncio.gather(*calls)


asyncio.run(main())
