"""The figures of the Python package, beside those of the AI Studio SDK's own classes where it is installed.

    YC_AUTH=target/debug/yc-auth python crates/python/benches/figures.py [--exits 200] [PYTHON …]

Ratios matter; nanoseconds are those of the machine. Speaks to an emulator on loopback. `PYTHON …` are more interpreters for
the exits; the package has to be installed in each.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[3] / "tests" / "interop"), str(Path(__file__).parents[1] / "tests")]

from emulator import TOKEN_PATH, Emulator
from processes import run_together
from programs import EXIT

for name in list(os.environ):
    if (name.startswith("YC_") and name != "YC_AUTH") or name == "PYTHONDONTWRITEBYTECODE":
        del os.environ[name]
os.environ.update(YC_AUTH_CACHE="off", YC_METADATA_ADDR="127.0.0.1:1", YC_API_ENDPOINT="127.0.0.1:1")

from yandex_cloud_auth import AuthError, Credentials, _native, _wait_async

ROUTE = f"GET {TOKEN_PATH}"
TOKEN = "t1.fake.token"
FAILED = []


def row(what, value, target="", met=None):
    """Prints one figure. `met` is whether it is what it should be."""
    verdict = "" if met is None else ("met" if met else "NOT MET")
    if met is False:
        FAILED.append(what)
    print(f"{what:<62} {value:>24}  {target:<28} {verdict}", flush=True)


# Import


def import_cost(statement, rounds=10):
    """Milliseconds of CPU and MiB over a bare interpreter, medians."""
    program = (
        "import sys, time; began = time.process_time(); %s; took = time.process_time() - began\n"
        "rss = next(line for line in open('/proc/self/status') if line.startswith('VmRSS')).split()[1]\n"
        "print(took * 1000, int(rss) / 1024)"
    )
    # With compiled files, as an installed package has them.
    subprocess.run([sys.executable, "-c", program % statement], capture_output=True, check=True)
    took = []
    for _ in range(rounds):
        for text in ["pass", statement]:
            out = subprocess.run([sys.executable, "-c", program % text], capture_output=True, text=True, check=True)
            took.append([float(word) for word in out.stdout.split()])
    bare, ours = took[::2], took[1::2]
    return (
        statistics.median(one[0] for one in ours) - statistics.median(one[0] for one in bare),
        statistics.median(one[1] for one in ours) - statistics.median(one[1] for one in bare),
    )


def imports():
    for name in ["yandex_cloud_auth", "yandex_ai_studio_sdk"]:
        try:
            milliseconds, mebibytes = import_cost(f"import {name}")
        except subprocess.CalledProcessError:
            continue
        ours = name == "yandex_cloud_auth"
        met = (milliseconds <= 3 and mebibytes <= 3) if ours else None
        row(f"import {name}", f"{milliseconds:.1f} ms, {mebibytes:.1f} MiB", "at most 3 ms, 3 MiB" if ours else "", met)


# The ready path


# The time is that of the thread's own CPU, and the least of many short rounds counts: other work of the machine only adds.


def nanoseconds(call, number=2_000, rounds=400):
    """What one call costs, the loop taken away."""
    loop, empty, full = range(number), [], []
    for _ in range(rounds):
        began = time.thread_time_ns()
        for _ in loop:
            pass
        empty.append(time.thread_time_ns() - began)
        began = time.thread_time_ns()
        for _ in loop:
            call()
        full.append(time.thread_time_ns() - began)
    return (min(full) - min(empty)) / number


def nanoseconds_async(make, number=2_000, rounds=400):
    """What one `await` costs."""

    async def main():
        loop, empty, full = range(number), [], []
        for _ in range(rounds):
            began = time.thread_time_ns()
            for _ in loop:
                pass
            empty.append(time.thread_time_ns() - began)
            began = time.thread_time_ns()
            for _ in loop:
                await make()
            full.append(time.thread_time_ns() - began)
        return (min(full) - min(empty)) / number

    return asyncio.run(main())


async def empty():
    pass


def ready(emulator):
    creds = Credentials.metadata(emulator.metadata_address)
    creds.header()
    nothing, header = nanoseconds(_native.nothing), nanoseconds(creds.header)
    row("a native call that does nothing", f"{nothing:.0f} ns")
    target = "at most 90 ns or 3.5 times"
    row("header(), ready", f"{header:.0f} ns, {header / nothing:.1f} times", target, header <= 90 or header <= 3.5 * nothing)
    row("token(), ready", f"{nanoseconds(creds.token):.0f} ns")
    coroutine, header = nanoseconds_async(empty), nanoseconds_async(creds.header_async)
    row("an empty coroutine", f"{coroutine:.0f} ns")
    row("header_async(), ready", f"{header:.0f} ns, {header / coroutine:.2f} times", "at most 2 times", header <= 2 * coroutine)
    try:
        from yandex_ai_studio_sdk.auth import MetadataAuth
        from yandex_cloud_auth.ai_studio import Auth
    except ImportError:
        return
    theirs, ours = MetadataAuth(TOKEN), Auth(creds)
    lock = None
    cost = [nanoseconds_async(lambda auth=auth: auth.get_auth_metadata(None, 60, lock)) for auth in (theirs, ours)]
    row("the SDK's MetadataAuth, cached", f"{cost[0]:.0f} ns")
    row("our object for the SDK, ready", f"{cost[1]:.0f} ns, {cost[1] / cost[0]:.2f} times", "at most 0.4 times", cost[1] <= 0.4 * cost[0])


# Many tasks


async def together(creds, count, errors=False, timeout=None):
    """The seconds of each of `count` calls."""

    async def one():
        began = time.perf_counter()
        try:
            await creds.header_async(timeout=timeout)
        except AuthError:
            if not errors:
                raise
        return time.perf_counter() - began

    return await asyncio.gather(*(one() for _ in range(count)))


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def many(emulator):
    latency = 0.2
    requests = lambda: emulator.requests(ROUTE)

    creds = Credentials.metadata(emulator.metadata_address, max_age=0.2)
    creds.header()
    emulator.fault(kind="latency", milliseconds=int(latency * 1000), target="metadata")
    # The token is stale then, and the pause after the last fetch is over.
    time.sleep(1.5)
    before = requests()
    times = asyncio.run(together(creds, 1000))
    time.sleep(latency + 0.2)
    made = requests() - before
    row("1,000 tasks, token stale", f"{made} request, max {max(times) * 1000:.2f} ms", "1 request, no wait", made == 1 and max(times) < latency / 4)

    busy = True

    def work():
        while busy:
            sum(range(1000))

    thread = threading.Thread(target=work)
    thread.start()
    before = requests()
    creds = Credentials.metadata(emulator.metadata_address)
    times = asyncio.run(together(creds, 1000))
    busy = False
    thread.join()
    made = requests() - before
    last = p99(times)
    row("1,000 tasks cold, a busy thread beside", f"{made} request, p99 {last * 1000:.0f} ms", "1 request, p99 <= 1.2 x 200 ms", made == 1 and last <= 1.2 * latency)
    emulator.reset()


def failing(emulator):
    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    emulator.fault(kind="status", status=401, target="metadata")
    times = asyncio.run(together(Credentials.metadata(emulator.metadata_address), 100, errors=True))
    made = emulator.requests(ROUTE)
    row("100 tasks, the source refuses (401) after 200 ms", f"{made} request, p99 {p99(times) * 1000:.0f} ms", "1 request, 1.2 x 200 ms", made == 1 and p99(times) <= 0.24)
    emulator.reset()

    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    emulator.fault(kind="status", status=503, target="metadata")

    async def deadlines(creds):
        return await asyncio.gather(*(together(creds, 50, True, limit) for limit in (0.5, 1.0)))

    short, long = asyncio.run(deadlines(Credentials.metadata(emulator.metadata_address)))
    text = f"{emulator.requests(ROUTE)} in turn, {statistics.median(short):.2f} and {statistics.median(long):.2f} s"
    # A little before its end, where no further attempt fits in.
    met = max(short) < 0.7 and max(long) < 1.2 and min(long) > statistics.median(short)
    row("100 tasks, the source answers 503; deadlines 0.5 and 1 s", text, "each by its own deadline", met)
    emulator.reset()


# The event loop


def stall(make):
    """The longest turn of the loop while 1,000 tasks begin to wait and end together, in seconds of its thread's CPU.

    CPU, because another process that takes the core makes any turn longer.
    """

    async def main():
        longest = 0.0
        done = False

        async def watch():
            nonlocal longest
            last = time.thread_time()
            while not done:
                await asyncio.sleep(0)
                now = time.thread_time()
                longest, last = max(longest, now - last), now

        wait, finish = make()
        watcher = asyncio.ensure_future(watch())
        tasks = [asyncio.ensure_future(wait()) for _ in range(1000)]
        await finish()
        await asyncio.gather(*tasks)
        done = True
        await watcher
        return longest

    return asyncio.run(main())


def event_loop(emulator):
    emulator.fault(kind="latency", milliseconds=200, target="metadata")

    def plain():
        future = asyncio.get_running_loop().create_future()

        async def wait():
            return await future

        async def finish():
            await asyncio.sleep(0.2)
            future.set_result(None)

        return wait, finish

    def ours():
        async def finish():
            await asyncio.sleep(0.1)

        return Credentials.metadata(emulator.metadata_address).header_async, finish

    stalls = [(stall(plain), stall(ours)) for _ in range(9)]
    plain_stall, our_stall = (statistics.median(column) for column in zip(*stalls))
    ratio = our_stall / plain_stall
    row("1,000 tasks on one plain future: longest turn of the loop", f"{plain_stall * 1000:.1f} ms")
    row("1,000 tasks of ours: longest turn of the loop", f"{our_stall * 1000:.1f} ms, {ratio:.2f} times", "at most 2 times", ratio <= 2)

    longest = []

    def timed(call):
        def timed_call(*arguments):
            began = time.thread_time()
            result = call(*arguments)
            longest.append(time.thread_time() - began)
            return result

        return timed_call

    waits = _wait_async._LoopWaits
    calls = [(waits, "turn"), (_wait_async, "begin"), (_wait_async, "end")]
    originals = [getattr(place, name) for place, name in calls]
    for (place, name), original in zip(calls, originals):
        setattr(place, name, timed(original))
    stall(ours)
    for (place, name), original in zip(calls, originals):
        setattr(place, name, original)
    row("the longest call of ours on the loop's thread", f"{max(longest) * 1000:.2f} ms of CPU", "at most 1 ms", max(longest) <= 0.001)
    emulator.reset()


# Processes

WORKER = "import sys; from yandex_cloud_auth import Credentials as C; sys.stdin.readline(); C.service_account_key(sys.argv[1]).token()"


def processes(emulator, folder):
    import json

    key = folder / "key.json"
    key.write_text(json.dumps(emulator.new_service_account_key()))
    emulator.fault(kind="latency", milliseconds=200, target="iam")
    environment = {**os.environ, "YC_AUTH_CACHE": "on", "YC_AUTH_CACHE_DIR": str(folder / "cache"), "YC_API_ENDPOINT": emulator.url}
    run_together([sys.executable, "-c", WORKER, str(key)], 8, env=environment)
    exchanges = emulator.requests("POST /iam/v1/tokens")
    row("8 worker processes, cold", f"{exchanges} exchange", "1 exchange", exchanges == 1)
    emulator.reset()


def exits(emulator, interpreters, count):
    emulator.fault(kind="hang", target="metadata")
    environment = {**os.environ, "YC_METADATA_ADDR": emulator.metadata_address}
    for interpreter in interpreters:
        bad = 0
        for _ in range(count):
            ended = subprocess.run([interpreter, "-c", EXIT], env=environment, capture_output=True, timeout=60)
            if ended.returncode != 0:
                bad += 1
                print(f"status {ended.returncode}: {ended.stderr.decode()[-300:]}", file=sys.stderr)
        version = subprocess.run([interpreter, "-V"], capture_output=True, text=True).stdout.split()[-1]
        row(f"{count} exits of Python {version} while daemon threads wait", f"{bad} crashes", "0", bad == 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exits", type=int, default=200)
    parser.add_argument("interpreters", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Emulator(os.environ["YC_AUTH"], Path(folder)) as emulator:
        imports()
        ready(emulator)
        many(emulator)
        failing(emulator)
        event_loop(emulator)
        processes(emulator, Path(folder))
        exits(emulator, [sys.executable, *arguments.interpreters], arguments.exits)
    print(f"\n{len(FAILED)} not met: {', '.join(FAILED)}" if FAILED else "\nall met")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
