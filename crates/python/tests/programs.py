"""Programs that tests run in a process of their own. This module imports nothing: `smoke.py` runs without packages."""

#: Ends while daemon threads wait for a token, one of them in an event loop.
EXIT = """
import threading, time
from yandex_cloud_auth import Credentials
creds = Credentials.metadata(timeout=20)
threading.Thread(target=creds.header, daemon=True).start()
def loop():
    import asyncio
    asyncio.run(creds.header_async())
threading.Thread(target=loop, daemon=True).start()
time.sleep(0.05)
"""

#: `run(program, own)` runs a program in another interpreter of this process, which has a lock of its own, or shares it.
#: `works` prints "works", and `refuses` prints "refused" if the import is refused. The argument is the metadata service.
INTERPRETERS = """
import sys

if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    create = lambda own: interpreters.create("isolated" if own else "legacy")
else:
    import _xxsubinterpreters as interpreters
    create = lambda own: interpreters.create(isolated=own) if sys.version_info >= (3, 12) else interpreters.create()


def run(program, own):
    one = create(own)
    interpreters.run_string(one, program)
    interpreters.destroy(one)


address = sys.argv[1]
works = f'''
from yandex_cloud_auth import AuthError, Credentials
creds = Credentials.metadata({address!r})
assert creds.header().startswith("Bearer t1.")
try:
    Credentials("Bearer x")
except AuthError:
    print("works", flush=True)
'''
refuses = '''
try:
    import yandex_cloud_auth
except ImportError:
    print("refused", flush=True)
'''
"""
