"""Programs that end while daemon threads are busy in this package. This module imports nothing: `smoke.py` runs without packages.

An interpreter that ends unwinds each thread that wants the lock again. A thread that is in code of Python's, called by a native
function, takes the native frames with it, and they crash the process.
"""

START = """
import sys, threading, time
from yandex_cloud_auth import AuthError, Credentials
from yandex_cloud_auth._adapter import Guard
# More changes of the thread: more chances to crash.
sys.setswitchinterval(1e-6)
creds = Credentials.function({"access_token": "t1.fake-token", "expires_in": 3600, "token_type": "Bearer"})

def busy():
    # Lets other threads run: the next step is one where the interpreter may end this thread.
    for _ in range(20):
        time.sleep(0)
"""

END = """
def run():
    while True:
        try:
            work()
        except AuthError:
            pass

for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
time.sleep(0.05)
"""

#: What the threads do, again and again.
WORK = {
    "an exception": "work = lambda: Credentials('not a credential')",
    "a blocked URL": "guard = Guard(creds)\nwork = lambda: guard._header('https://other.example/')",
    "a report": """
import os
os.environ["YC_API_KEY"] = "AQVN-fake"
automatic = Credentials()
automatic.header()
work = automatic.report
""",
    "a date": """
import builtins
load = builtins.__import__
def hooked(*arguments, **options):
    busy()
    return load(*arguments, **options)
creds.header()
creds.expires_at
builtins.__import__ = hooked
work = lambda: creds.expires_at
""",
    "a text that is not Unicode": "work = lambda: creds.invalidate('\\udc80')",
    "a generator": """
def hosts():
    yield "one.example"
    busy()
    yield "two.example"
work = lambda: Guard(creds, allow_hosts=hosts())
""",
    "a path of the program's": """
class Path:
    def __fspath__(self):
        busy()
        return "/tmp/token"
work = lambda: Credentials.token_file(Path())
""",
    "a number of the program's": """
class Number:
    def __float__(self):
        busy()
        return 5.0
def work():
    creds.header(timeout=Number(), min_ttl=Number())
    Credentials.metadata("127.0.0.1:1", timeout=Number())
""",
    "a class that names itself": """
class Meta(type):
    def __getattribute__(cls, name):
        busy()
        return type.__getattribute__(cls, name)
class Value(metaclass=Meta):
    pass
def work():
    for call in [Credentials, Credentials.token_file, creds.invalidate, lambda value: Credentials(lenient=value)]:
        try:
            call(Value())
        except TypeError:
            pass
""",
    "a callback of a weak reference": """
import weakref
def work():
    made = Credentials("AQVN-fake")
    reference = weakref.ref(made, lambda _: busy())
    del made
""",
    "the name of an option": """
class Name(str):
    __hash__ = str.__hash__
    def __eq__(self, other):
        busy()
        return str.__eq__(self, other)
    def __str__(self):
        busy()
        return "name"
def work():
    try:
        Credentials("AQVN-fake", **{Name("other"): 1})
    except TypeError:
        pass
""",
}

PROGRAMS = {name: START + work + END for name, work in WORK.items()}
