"""Interpreters inside one process: those that share a lock work, and those with a lock of their own refuse the import."""

import sys

import pytest
from programs import INTERPRETERS


def test_interpreters_that_share_a_lock_work(emulator, python):
    program = INTERPRETERS + "for _ in range(3):\n    run(works, own=False)\nexec(works)\n"
    assert python(program, emulator.metadata_address).split() == ["works"] * 4


@pytest.mark.skipif(sys.version_info < (3, 12), reason="all interpreters share one lock here")
@pytest.mark.parametrize("is_imported", [True, False], ids=["imported-before", "not-imported"])
def test_an_interpreter_with_a_lock_of_its_own_refuses_the_import(is_imported, emulator, python):
    program = INTERPRETERS + ("exec(works)\n" if is_imported else "") + "run(refuses, own=True)\nexec(works)\n"
    words = python(program, emulator.metadata_address).split()
    assert words == ["works"] * is_imported + ["refused", "works"]


LOGGING = """
import io, logging
out = io.StringIO()
logging.basicConfig(level="INFO", stream=out)
from yandex_cloud_auth import Credentials
creds = Credentials.metadata(ADDRESS)
creds.header()
creds.prewarm()
Credentials.metadata(ADDRESS).header()
try:
    creds.on_change(print)
except RuntimeError as error:
    print("refused" if "thread" in str(error) else error, "metadata" in out.getvalue(), flush=True)
"""


def test_an_interpreter_with_a_log_ends_and_gets_no_thread(emulator, python):
    # CPython cannot end an interpreter inside a process that has a thread.
    program = INTERPRETERS + f"run({LOGGING!r}.replace('ADDRESS', repr(sys.argv[1])), own=False)\nexec(works)\n"
    assert python(program, emulator.metadata_address).split() == ["refused", "True", "works"]
