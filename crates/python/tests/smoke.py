"""The package on an interpreter that has no other packages: `.ci/python` runs this with each interpreter that it finds.

`PYTHONPATH` has the package, `YC_AUTH` is the path of the program yc-auth.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "tests" / "interop"))

from busy_exits import PROGRAMS
from emulator import Emulator
from programs import EXIT, INTERPRETERS

os.environ.update(YC_AUTH_CACHE="off", YC_METADATA_ADDR="127.0.0.1:1", YC_API_ENDPOINT="127.0.0.1:1")

from yandex_cloud_auth import AuthError, Credentials, Unavailable


def values(emulator):
    assert Credentials("AQVN-fake").header() == "Api-Key AQVN-fake"
    try:
        Credentials("Bearer t1.fake")
    except AuthError as error:
        assert error.help
    try:
        Credentials.metadata().header(timeout=0.2)
    except Unavailable as error:
        assert error.is_transient
    creds = Credentials.metadata(emulator.metadata_address)
    header = creds.header(timeout=10)
    assert header.startswith("Bearer t1.") and header == asyncio.run(creds.header_async())


def event_loop(emulator):
    creds = Credentials.metadata(emulator.metadata_address)

    async def main():
        return await asyncio.gather(*(creds.header_async(timeout=10) for _ in range(100)))

    assert len(set(asyncio.run(main()))) == 1


def fork(emulator):
    if not hasattr(os, "fork"):
        return
    creds = Credentials.metadata(emulator.metadata_address)
    creds.prewarm()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if creds.header(timeout=10).startswith("Bearer t1.") else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0 and creds.header(timeout=10)


def interpreters(emulator):
    own = "run(refuses, own=True)\n" if sys.version_info >= (3, 12) else ""
    out = program(INTERPRETERS + "run(works, own=False)\n" + own + "exec(works)\n", emulator)
    assert out.split() == ["works", *["refused"] * bool(own), "works"], out


def ends(emulator):
    emulator.fault(kind="hang", target="metadata")
    for _ in range(10):
        program(EXIT, emulator)
    for busy in PROGRAMS.values():
        program(busy, emulator)


def program(text, emulator):
    done = subprocess.run(
        [sys.executable, "-c", text, emulator.metadata_address],
        env={**os.environ, "YC_METADATA_ADDR": emulator.metadata_address},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator(os.environ["YC_AUTH"], Path(folder))
        try:
            for check in [values, event_loop, fork, interpreters, ends]:
                check(emulator)
        finally:
            emulator.stop()


if __name__ == "__main__":
    main()
