"""The log, and new tokens: on a thread of Python's, never on the library's."""

import gc
import logging
import os
import threading
import time

import pytest
from processes import wait_for
from yandex_cloud_auth import Credentials


def test_each_new_token_is_told(emulator):
    creds = Credentials.metadata()
    told = []
    end = creds.on_change(lambda same: told.append((same, same.token(), threading.current_thread().name)))
    first = creds.token()
    wait_for(lambda: len(told) == 1)
    assert told[0] == (creds, first, "yandex-cloud-auth events")
    emulator.revoke_iam_token(first)
    creds.invalidate(first)
    second = creds.token()
    wait_for(lambda: len(told) == 2)
    assert told[1][1] == second != first
    end()
    emulator.revoke_iam_token(second)
    creds.invalidate(second)
    creds.token()
    time.sleep(0.1)
    assert len(told) == 2


def test_a_callback_that_raises_is_logged_and_called_again(emulator, caplog):
    creds = Credentials.metadata()
    calls = []

    def callback(_):
        calls.append(1)
        raise ZeroDivisionError("of the callback")

    end = creds.on_change(callback)
    first = creds.token()
    wait_for(lambda: "a callback of on_change has failed" in caplog.text)
    assert "of the callback" in caplog.text and first not in caplog.text
    emulator.revoke_iam_token(first)
    creds.invalidate(first)
    creds.token()
    wait_for(lambda: len(calls) == 2)
    end()


@pytest.mark.parametrize("value", [None, 1, "print"])
def test_a_callback_has_to_be_callable(value):
    with pytest.raises(TypeError, match="callable"):
        Credentials("AQVN-fake").on_change(value)


def test_a_callback_that_nobody_would_await_is_refused():
    async def callback(_):
        pass

    with pytest.raises(TypeError, match="await"):
        Credentials("AQVN-fake").on_change(callback)


def test_a_subscription_keeps_no_credentials_alive(emulator):
    import weakref

    creds = Credentials.metadata()
    reference = weakref.ref(creds)
    creds.on_change(print)
    del creds
    gc.collect()
    assert reference() is None


def test_what_the_library_does_is_in_the_log(emulator, caplog):
    caplog.set_level(logging.DEBUG, "yandex_cloud_auth")
    creds = Credentials.metadata()
    token = creds.token()
    wait_for(lambda: "metadata" in caplog.text)
    assert token not in caplog.text
    assert {record.name.split(".")[0] for record in caplog.records} == {"yandex_cloud_auth"}


def test_a_refresh_that_fails_in_the_background_is_a_warning(emulator, caplog):
    creds = Credentials.metadata(max_age=0.05)
    creds.header()
    emulator.fault(kind="status", status=503, target="metadata")
    # Calls renew a stale token, one attempt at a time and some time after the last one.
    wait_for(lambda: creds.header() and any(record.levelno == logging.WARNING for record in caplog.records))


def test_nothing_is_written_without_a_handler(emulator, python):
    program = """
import logging, sys, time, urllib.request
from yandex_cloud_auth import Credentials
seen = []
class Handler(logging.Handler):
    def emit(self, record):
        seen.append(record.levelno)
creds = Credentials.metadata(max_age=0.05)
creds.header()
fault = b'{"kind": "status", "status": 503, "target": "metadata"}'
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1] + "/_emulator/faults", fault).close()
if sys.argv[2] == "handler":
    logging.getLogger("yandex_cloud_auth").addHandler(Handler())
until = time.monotonic() + 4
while time.monotonic() < until and logging.WARNING not in seen:
    creds.header()
    time.sleep(0.02)
print(logging.WARNING in seen)
"""
    assert python(program, emulator.url, "handler").split() == ["True"]
    emulator.reset()
    # The program writes its standard error to the same pipe, which is empty.
    quiet = "import sys; sys.stderr = sys.stdout\n" + program
    assert python(quiet, emulator.url, "none").split() == ["False"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_of_a_fork_is_told_too(emulator):
    creds = Credentials.metadata()
    reading, writing = os.pipe()
    end = creds.on_change(lambda same: os.write(writing, b"told"))
    child = os.fork()
    if child == 0:
        creds.header(timeout=5)
        time.sleep(1)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert os.read(reading, 100) == b"told"
    end()


TOGETHER = """
import sys, threading
from yandex_cloud_auth import Credentials
import logging
sys.setswitchinterval(1e-6)
creds = Credentials.metadata()
told, ready, start = [], [], threading.Event()
def subscribe(number):
    ready.append(number)
    while not start.is_set():
        pass
    creds.on_change(lambda _: told.append(number))
threads = [threading.Thread(target=subscribe, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
while len(ready) < 8:
    pass
start.set()
for thread in threads:
    thread.join()
print(sum(thread.name == "yandex-cloud-auth events" for thread in threading.enumerate()))
creds.header()
for _ in range(1000):
    if len(told) == 8:
        break
    threading.Event().wait(0.01)
print(sorted(told))
"""


def test_threads_that_subscribe_together_share_one_thread_and_are_all_told(emulator, python):
    # One try shows the race only now and then.
    for _ in range(10):
        assert python(TOGETHER) == "1\n[0, 1, 2, 3, 4, 5, 6, 7]\n"


def test_an_exit_handler_of_a_program_with_a_log_may_ask_for_a_header(emulator, python):
    # From Python 3.12 on no thread can be started there.
    program = """
import atexit, logging
from yandex_cloud_auth import Credentials
logging.basicConfig(level="DEBUG", format="%(name)s")
creds = Credentials.metadata()
atexit.register(lambda: print(creds.header()[:9]))
"""
    assert python(program).strip() == "Bearer t1"


FORKING = """
import logging, os, threading
from yandex_cloud_auth import Credentials

class Slow(logging.Handler):
    stream, entered, forked = threading.Lock(), threading.Event(), threading.Event()

    def emit(self, record):
        if threading.current_thread().name == "yandex-cloud-auth events":
            with self.stream:
                self.entered.set()
                self.forked.wait(0.3)

logging.getLogger().addHandler(Slow())
logging.getLogger().setLevel("DEBUG")
creds = Credentials.metadata()
creds.header()
Slow.entered.wait(10)
child = os.fork()
if child == 0:
    os._exit(0 if Slow.stream.acquire(timeout=5) else 9)
Slow.forked.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_of_a_fork_inherits_no_lock_of_a_log_handler(emulator, python):
    assert python(FORKING) == "0\n"


def test_a_log_that_begins_after_a_subscription_is_passed_on(emulator, python):
    program = """
from yandex_cloud_auth import Credentials
creds = Credentials.metadata()
creds.on_change(lambda _: None)
import logging
logging.basicConfig(level="INFO", format="%(message)s", stream=__import__("sys").stdout)
creds.header()
"""
    assert "metadata" in python(program)
