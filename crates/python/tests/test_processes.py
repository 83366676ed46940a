"""Forks, new processes, ends of the interpreter, and interpreters inside one process."""

import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

import busy_exits
import pytest
from processes import run_together, wait_for
from yandex_cloud_auth import Credentials, Refused

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def in_child(work, within=10):
    """What `work` returns in a child of a fork, as text. The child may not hang."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.write(writing, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        wait_for(lambda: os.waitpid(child, os.WNOHANG) != (0, 0), within)
    except AssertionError:
        os.kill(child, 9)
        os.waitpid(child, 0)
        raise
    with os.fdopen(reading) as pipe:
        return pipe.read()


def header_in_both_ways(creds):
    import asyncio

    return creds.header(timeout=5), asyncio.run(creds.header_async(timeout=5))


@forks
@pytest.mark.parametrize("before", ["nothing", "prewarm", "token", "waiting-thread"])
def test_a_child_of_a_fork_works(before, emulator):
    creds = Credentials.metadata()
    if before != "token":
        emulator.fault(kind="latency", milliseconds=200, target="metadata")
    if before == "prewarm":
        creds.prewarm()
    if before == "token":
        creds.header()
    if before == "waiting-thread":
        import threading

        threading.Thread(target=creds.header).start()
    for _ in range(3):
        assert in_child(lambda: header_in_both_ways(creds)).count("Bearer t1.") == 2
    assert creds.header().startswith("Bearer t1.")


@forks
def test_a_fork_with_a_tls_fetch_under_way_works(tls_emulator):
    import json

    key = tls_emulator.new_service_account_key()
    for at in range(8):
        creds = Credentials.service_account_key(json.dumps(key))
        creds.prewarm()
        time.sleep(0.0005 * at)
        assert in_child(lambda: header_in_both_ways(creds), 20).count("Bearer t1.") == 2


@forks
def test_a_fork_inside_a_wait_of_a_signal_handler_works(emulator):
    import signal

    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()
    children = []

    def fork(*_):
        children.append(os.fork())

    parent = os.getpid()
    previous = signal.signal(signal.SIGALRM, fork)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        header = creds.header(timeout=5)
    finally:
        if os.getpid() != parent:
            os._exit(0 if header.startswith("Bearer t1.") else 1)
        signal.signal(signal.SIGALRM, previous)
    assert os.waitpid(children[0], 0)[1] == 0


def worker(address):
    return Credentials.metadata(address).header() is not None


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing_works(method, emulator):
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(worker, [emulator.metadata_address] * 4, chunksize=1) == [True] * 4


def fail(address):
    Credentials.metadata(address).header()


def test_a_pool_sends_the_error_back(emulator):
    emulator.fault(kind="status", status=401, target="metadata")
    with multiprocessing.get_context("spawn").Pool(1) as pool, pytest.raises(Refused) as caught:
        pool.apply(fail, [emulator.metadata_address])
    assert caught.value.method == "metadata"


SHARED = """
import sys
from yandex_cloud_auth import Credentials
sys.stdin.readline()
print(Credentials.service_account_key(sys.argv[1]).token())
"""


def test_eight_processes_make_one_exchange(emulator, tmp_path, environment):
    import json

    environment.setenv("YC_AUTH_CACHE", "on")
    environment.setenv("YC_AUTH_CACHE_DIR", str(tmp_path / "cache"))
    key = tmp_path / "key.json"
    key.write_text(json.dumps(emulator.new_service_account_key()))
    emulator.fault(kind="latency", milliseconds=200, target="iam")
    tokens = set(run_together([sys.executable, "-c", SHARED, str(key)], 8))
    assert len(tokens) == 1 and emulator.requests("POST /iam/v1/tokens") == 1
    environment.setenv("YC_AUTH_CACHE", "off")
    assert Credentials.service_account_key(key).token() not in tokens


DAEMON = """
import threading, time
from yandex_cloud_auth import Credentials
creds = Credentials.metadata(timeout=20)
threading.Thread(target=creds.header, daemon=True).start()
def loop():
    import asyncio
    asyncio.run(creds.header_async())
threading.Thread(target=loop, daemon=True).start()
import logging
creds.on_change(print)
time.sleep(0.05)
"""


def test_the_interpreter_ends_while_threads_wait(emulator, python):
    emulator.fault(kind="hang", target="metadata")
    # `benches/figures.py` does it 200 times.
    for _ in range(20):
        python(DAEMON)


@pytest.mark.parametrize("what", busy_exits.WORK)
def test_the_interpreter_ends_while_threads_are_busy(what, python):
    for _ in range(4):
        python(busy_exits.PROGRAMS[what])


#: What runs code of Python's, or makes a container or an exception, in the binding's words. `PyResult` is for lists that the
#: caller has made: they grow in C.
CALLS = re.compile(
    r"\.(call\w*|import|getattr\w*|setattr|hasattr|get_item|set_item|extract\w*|try_iter|repr|str|eq|hash|name\(\)\?|is_truthy)"
    r"\(|\bPyErr\b|\w+Error::new_err|Py(Dict|Tuple|List|Set)::(new|empty)|\bweakref,|Python::attach|create_exception"
)
#: `IntoPyObject` wants the type of an error.
ALLOWED = {("failure.rs", "    type Error = PyErr;")}


def test_no_native_function_calls_python():
    # The programs above are examples; this is the rule of `src/lib.rs`.
    folder = Path(__file__).parents[1] / "src"
    found = {
        (file.name, line)
        for file in folder.glob("*.rs")
        for line in file.read_text().splitlines()
        if CALLS.search(line) and not line.lstrip().startswith("//")
    }
    assert found == ALLOWED


def test_no_wait_is_under_a_native_function():
    # An interpreter that ends unwinds its threads by force, which native frames do not survive: with `header` in the native
    # half, 5 of 100 interpreters crashed.
    import inspect

    for name in ["header", "token", "revoke", "header_async", "token_async", "revoke_async", "on_change"]:
        assert inspect.isfunction(getattr(Credentials, name))


@pytest.mark.parametrize("end", ["import os; os._exit(0)", "import sys; sys.exit(0)", "raise SystemExit"])
def test_the_interpreter_ends_while_a_fetch_is_under_way(end, emulator, python):
    emulator.fault(kind="hang", target="metadata")
    python(f"from yandex_cloud_auth import Credentials\ncreds = Credentials.metadata()\ncreds.prewarm()\n{end}")


def test_an_exit_handler_may_ask_for_a_header(emulator, python):
    program = """
import atexit
from yandex_cloud_auth import Credentials
creds = Credentials.metadata()
atexit.register(lambda: print(creds.header()[:9]))
"""
    assert python(program).strip() == "Bearer t1"


SUB = """
import _xxsubinterpreters as interpreters
program = '''
from yandex_cloud_auth import AuthError, Credentials
creds = Credentials.metadata(ADDRESS)
assert creds.header().startswith("Bearer t1.")
try:
    Credentials("Bearer x")
except AuthError:
    print("ok", flush=True)
'''
import sys
for _ in range(3):
    one = interpreters.create()
    interpreters.run_string(one, program.replace("ADDRESS", repr(sys.argv[1])))
    interpreters.destroy(one)
exec(program.replace("ADDRESS", repr(sys.argv[1])))
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="these interpreters have a lock of their own there")
def test_an_interpreter_inside_the_process_works(emulator, python):
    assert python(SUB, emulator.metadata_address).split() == ["ok"] * 4
