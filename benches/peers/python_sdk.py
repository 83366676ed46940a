"""The libraries for Python in the tables of this folder: `python_sdk.py PART LIBRARY FAKE`, called by the program.

LIBRARY is `sdk` (yandex-ai-studio-sdk, its class of the metadata service) or `google-auth` (Compute Engine's credentials,
which are synchronous). PART is

    ready      ns of CPU time per header of a token at hand: the least and the median of 21 rounds of 5,000 calls
    cold       µs of new credentials and their first header: the median of 51
    storm      10,000 tasks without a token: median ms, longest ms, failed, without an answer after 30 s
    outage     callers for some seconds: a line per call, `start wait outcome`; START SECONDS are more arguments
    token      prints one token
"""

import asyncio
import os
import statistics
import sys
import time

PART, LIBRARY, FAKE = sys.argv[1:4]
CALLERS, LIMIT = 10_000, 30


class Sdk:
    """yandex-ai-studio-sdk. Its clients make the header with `get_auth_metadata`, and share one lock."""

    def __init__(self):
        from yandex_ai_studio_sdk._auth import MetadataAuth

        self.auth = MetadataAuth(
            metadata_url=f"{FAKE}/sdk/computeMetadata/v1/instance/service-accounts/default/token"
        )
        self.lock = asyncio.Lock()

    async def header(self):
        return (await self.auth.get_auth_metadata(None, timeout=60, lock=self.lock))[1]


class GoogleAuth:
    """google-auth. Each request calls `before_request`, which adds the header."""

    def __init__(self):
        os.environ["GCE_METADATA_HOST"] = FAKE.removeprefix("http://") + "/google-auth"
        from google.auth import compute_engine
        from google.auth.transport import requests

        self.credentials = compute_engine.Credentials()
        self.request = requests.Request()

    async def header(self):
        headers = {}
        self.credentials.before_request(self.request, "GET", "https://example.com", headers)
        return headers["authorization"]


New = {"sdk": Sdk, "google-auth": GoogleAuth}[LIBRARY]


async def ready():
    library = New()
    await library.header()
    rounds = []
    for _ in range(21):
        start = time.thread_time_ns()
        for _ in range(5_000):
            await library.header()
        rounds.append((time.thread_time_ns() - start) / 5_000)
    print(min(rounds), statistics.median(rounds))


async def cold():
    New()  # the imports
    times = []
    for _ in range(51):
        start = time.perf_counter()
        await New().header()
        times.append((time.perf_counter() - start) * 1e6)
    print(statistics.median(times))


async def storm():
    library, gate, waits, failed, unanswered = New(), asyncio.Event(), [], 0, 0

    async def call():
        nonlocal failed, unanswered
        await gate.wait()
        start = time.perf_counter()
        try:
            await asyncio.wait_for(library.header(), LIMIT)
        except TimeoutError:
            unanswered += 1
        except Exception:  # whatever the library raises is what its user sees
            failed += 1
        waits.append((time.perf_counter() - start) * 1e3)

    tasks = [asyncio.create_task(call()) for _ in range(CALLERS)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    waits.sort()
    print(waits[CALLERS // 2], waits[-1], failed, unanswered)


async def outage():
    """The clock of the lines is that of the program: seconds since START, which is in seconds since 1970."""
    began, seconds = float(sys.argv[4]), float(sys.argv[5])
    library, lines = New(), []

    async def caller():
        while (start := time.time()) - began < seconds:
            try:
                header = await library.header()
                outcome = "expired" if time.time() > int(header[-16:-6]) + 1 else "ok"
            except Exception:  # whatever the library raises is what its user sees
                outcome = "failed"
            lines.append(f"{start - began:.4f} {time.time() - start:.7f} {outcome}")
            await asyncio.sleep(0.01)

    await asyncio.gather(*(caller() for _ in range(4)))
    print("\n".join(lines))


async def token():
    print((await New().header()).removeprefix("Bearer "))


asyncio.run({"ready": ready, "cold": cold, "storm": storm, "outage": outage, "token": token}[PART]())
