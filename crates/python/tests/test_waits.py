"""Waits of threads: sharing, signals, stale tokens, descriptors."""

import asyncio
import signal
import sys
import threading
import time

import pytest
from yandex_cloud_auth import AuthError, Credentials


def test_a_wait_begins_while_other_threads_begin_and_end_theirs(emulator):
    creds = Credentials.metadata()
    waits = creds.__dict__.setdefault("_waits", {})

    class OfAnotherThread:
        """A loop. Another thread begins a wait at the moment when this loop is looked at."""

        def is_closed(self):
            waits[object()] = None
            return False

    waits.update({OfAnotherThread(): None, OfAnotherThread(): None})
    assert asyncio.run(creds.header_async()).startswith("Bearer t1.")


@pytest.mark.parametrize(
    "count, header",
    [(32, Credentials.header), (8, lambda creds: asyncio.run(creds.header_async()))],
    ids=["threads", "loops-in-threads"],
)
def test_threads_share_one_fetch(count, header, emulator, fetches):
    emulator.fault(kind="latency", milliseconds=200, target="metadata")
    creds = Credentials.metadata()
    headers = []
    threads = [threading.Thread(target=lambda: headers.append(header(creds))) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(headers) == count and len(set(headers)) == 1 and fetches() == 1


def test_a_token_is_there_for_a_while_more(emulator):
    creds = Credentials.metadata()
    creds.header()
    assert creds.header(min_ttl=60).startswith("Bearer")
    with pytest.raises(AuthError):
        creds.header(min_ttl=10**6)
    with pytest.raises(AuthError):
        asyncio.run(creds.header_async(min_ttl=10**6))


def test_a_stale_token_is_served_while_it_is_renewed(emulator, fetches):
    creds = Credentials.metadata(max_age=0.05)
    first = creds.header()
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    time.sleep(0.1)
    began = time.monotonic()
    assert creds.header() == first
    assert time.monotonic() - began < 0.2


CTRL_C = """
import signal, threading, time, os
from yandex_cloud_auth import Credentials
creds = Credentials.metadata(timeout=20)
sent = []
def interrupt():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.3, interrupt).start()
try:
    creds.header()
except KeyboardInterrupt:
    print(f"{(time.monotonic() - sent[0]) * 1000:.3f}")
"""


def test_ctrl_c_ends_a_wait_at_once(emulator, python):
    emulator.fault(kind="hang", target="metadata")
    # The least of three: other work of the machine is no matter here.
    assert min(float(python(CTRL_C)) for _ in range(3)) < 5


def test_a_signal_handler_may_ask_for_a_header(emulator, fetches):
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()
    inner = []
    previous = signal.signal(signal.SIGALRM, lambda *_: inner.append(creds.header()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        outer = creds.header()
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert inner == [outer] and fetches() == 1


def test_a_signal_handler_that_raises_ends_the_wait(emulator):
    emulator.fault(kind="hang", target="metadata")

    def handler(*_):
        raise ZeroDivisionError

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(ZeroDivisionError):
            Credentials.metadata().header()
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_other_threads_run_while_one_waits(emulator):
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()
    thread = threading.Thread(target=creds.header)
    thread.start()
    steps = 0
    while thread.is_alive():
        steps += 1
        time.sleep(0.005)
    # A thread that held the lock would leave one or two.
    assert steps > 3


def test_no_descriptors_are_left(emulator):
    import os

    count = lambda: len(os.listdir("/proc/self/fd"))
    creds = Credentials.metadata()

    async def main():
        await asyncio.gather(*(creds.header_async(min_ttl=1) for _ in range(50)))

    asyncio.run(main())
    before = count()
    for _ in range(20):
        creds.header(min_ttl=1)
        asyncio.run(main())
    assert count() <= before + 2


WITHOUT_DESCRIPTORS = """
import asyncio, os, resource, sys
from yandex_cloud_auth import Credentials, Unavailable
creds = Credentials.metadata()
if sys.argv[1] == "loaded":
    from yandex_cloud_auth import _events, _wait, _wait_async
    import logging

async def main():
    # The loop has its descriptors.
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for call in [creds.header, creds.token, creds.revoke, lambda: creds.on_change(print)]:
        try:
            call()
        except Unavailable as error:
            assert error.is_transient and error.help and "Too many open files" in str(error), error
            print("unavailable")
    for call in [creds.header_async, creds.token_async, creds.revoke_async]:
        try:
            await call()
        except Unavailable as error:
            assert error.is_transient and error.help and "Too many open files" in str(error), error
            print("unavailable")
    for descriptor in held:
        os.close(descriptor)
    print((await creds.header_async(timeout=10))[:9], creds.header()[:9])

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit of descriptors is of Unix")
@pytest.mark.parametrize("modules", ["loaded", "new"])
def test_a_process_without_descriptors_is_told_to_try_again(modules, emulator, python):
    out = python(WITHOUT_DESCRIPTORS, modules)
    assert out.split() == ["unavailable"] * 7 + ["Bearer", "t1"] * 2
