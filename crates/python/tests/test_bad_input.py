"""Bad values, callbacks and texts, where another test does not have them: exceptions of Python, no abort, no hang."""

import asyncio
import json
import subprocess
import sys
import time
import traceback
import weakref

import pytest
import yandex_cloud_auth
from yandex_cloud_auth import AuthError, Credentials, Expired, InvalidCredential

SECRET = "AQVN-fake-secret-key"

#: A constructor with one value that should be a text or a path.
WITH_ONE_VALUE = {
    "string": Credentials,
    "api_key": Credentials.api_key,
    "api_key-file": lambda value: Credentials.api_key(file=value),
    "iam_token": Credentials.iam_token,
    "env_iam_token": Credentials.env_iam_token,
    "oauth_token": Credentials.oauth_token,
    "service_account_key": Credentials.service_account_key,
    "workload_identity": lambda value: Credentials.workload_identity(value, variable="TOKEN"),
    "workload_identity-file": lambda value: Credentials.workload_identity("ajefakefakefakefakef", file=value),
    "token_file": Credentials.token_file,
    "metadata": Credentials.metadata,
    "yandex_cloud_cli": Credentials.yandex_cloud_cli,
    "yandex_cloud_cli-program": lambda value: Credentials.yandex_cloud_cli(program=value),
    "profile": Credentials.profile,
    "profile-file": lambda value: Credentials.profile(file=value),
    "impersonation": lambda value: Credentials.impersonation(value, Credentials.none()),
    "function": Credentials.function,
    "endpoint": lambda value: Credentials(SECRET, endpoint=value),
    "iam_endpoint": lambda value: Credentials.metadata("127.0.0.1:1", iam_endpoint=value),
    "oauth_endpoint": lambda value: Credentials.metadata("127.0.0.1:1", oauth_endpoint=value),
    "allow_hosts": lambda value: _hosts(value),
    "invalidate": lambda value: Credentials(SECRET).invalidate(value),
}

#: Those whose value may be a secret. Errors show paths, names and addresses.
SECRETS = ["string", "api_key", "iam_token", "oauth_token", "service_account_key", "function", "invalidate"]


def _hosts(value):
    from yandex_cloud_auth._adapter import Guard

    return Guard(Credentials(SECRET), allow_hosts=[value])


class Hostile:
    """An object whose every method that the package might call raises."""

    def __str__(self):
        raise ZeroDivisionError

    __repr__ = __fspath__ = __len__ = __iter__ = __float__ = __index__ = __bool__ = keys = __str__


@pytest.mark.parametrize("name", WITH_ONE_VALUE)
@pytest.mark.parametrize(
    "value", [b"secret", bytearray(b"secret"), 12345678, 1.5, ["secret"], True, object, Hostile()],
    ids=["bytes", "bytearray", "int", "float", "list", "bool", "class", "hostile"],
)  # fmt: skip
def test_a_wrong_type_is_refused_everywhere(name, value):
    with pytest.raises((TypeError, ZeroDivisionError)) as caught:
        WITH_ONE_VALUE[name](value)
    assert "secret" not in str(caught.value) and "12345678" not in str(caught.value)


@pytest.mark.parametrize("name", WITH_ONE_VALUE)
@pytest.mark.parametrize(
    "value", ["sec\udc80ret", "sec\ud800ret", "sec\0ret", "sec" * 1_000_000], ids=["low", "high", "nul", "huge"]
)
def test_a_bad_text_is_an_exception_of_ours_or_none(name, value):
    # A path is not looked at before it is needed, and the name of a variable or a profile may be any text.
    try:
        made = WITH_ONE_VALUE[name](value)
        if isinstance(made, Credentials):
            made.header(timeout=5)
    except (AuthError, ValueError) as error:
        held = repr((error, error.args, error.__cause__, error.__context__))
        assert not isinstance(error, UnicodeError) and len(held) < 10_000
        if name in SECRETS:
            assert "sec" not in held.replace("the secret", "").replace("seconds", "")


def test_none_is_no_value(environment):
    for name in ["api_key", "iam_token", "oauth_token", "service_account_key"]:
        with pytest.raises(AuthError) as caught:
            getattr(Credentials, name)(None).header()
        assert caught.value.location.startswith("YC_")
    for call in [Credentials.function, lambda value: Credentials.impersonation(value, Credentials.none())]:
        with pytest.raises(TypeError):
            call(None)
    for other in [None, SECRET, object()]:
        with pytest.raises(TypeError):
            Credentials.impersonation("ajefakefakefakefakef", other)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), -float("inf"), 1e300])
@pytest.mark.parametrize("option", ["timeout", "max_age", "connect_timeout", "min_ttl"])
def test_a_bad_number_is_a_value_error(option, value):
    with pytest.raises(ValueError, match=option):
        if option == "min_ttl":
            Credentials.metadata().header(min_ttl=value)
        else:
            Credentials.metadata("127.0.0.1:1", **{option: value})
    for wrong in ["1", b"1", [1], Hostile()]:
        with pytest.raises((TypeError, ZeroDivisionError)):
            if option == "min_ttl":
                Credentials.metadata().header(min_ttl=wrong)
            else:
                Credentials.metadata("127.0.0.1:1", **{option: wrong})


def test_an_object_is_made_by_its_class_alone():
    with pytest.raises(TypeError):
        object.__new__(Credentials)
    for name in ["header", "token", "invalidate", "report", "prewarm"]:
        with pytest.raises((TypeError, AttributeError)):
            getattr(Credentials, name)(object())


def test_each_error_has_a_cause_that_raises_it(emulator):
    # The others have tests of their own.
    creds = Credentials.function({"access_token": "t1.fake.token", "expires_in": 1, "token_type": "Bearer"})
    deadline = time.monotonic() + 10
    with pytest.raises(Expired) as caught:
        while time.monotonic() < deadline:
            creds.header()
            time.sleep(0.01)
    assert caught.value.help and not caught.value.is_transient and caught.value.method == "function"


def test_a_traceback_has_no_secret():
    value = "Bearer t1.fake-" + "hidden"
    for make in [Credentials, Credentials.api_key, Credentials.iam_token, Credentials.oauth_token]:
        try:
            make(value)
        except InvalidCredential:
            assert "hidden" not in traceback.format_exc()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_callback_that_raises_more_than_an_exception_is_called_again(error, emulator, caplog):
    creds, calls = Credentials.metadata(), []

    def callback(_):
        calls.append(1)
        raise error

    end = creds.on_change(callback)
    for count in (1, 2):
        token = creds.token()
        deadline = time.monotonic() + 10
        while len(calls) < count:
            assert time.monotonic() < deadline, "the callback was not called in time"
            time.sleep(0.01)
        # The service hands out another token then.
        emulator.revoke_iam_token(token)
        creds.invalidate(token)
    end()


def test_a_callback_may_use_the_credentials_and_end_its_subscription(emulator, python):
    program = """
import threading, time
from yandex_cloud_auth import Credentials
creds, told = Credentials.metadata(), threading.Event()
def callback(same):
    end()
    same.header(); same.report(); same.prewarm()
    told.set()
end = creds.on_change(callback)
creds.header()
print(told.wait(10))
"""
    assert python(program).split() == ["True"]


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_a_log_handler_that_raises_leaves_the_callbacks_alone(error, emulator, python):
    program = f"""
import logging, sys, threading
sys.stderr = open("/dev/null", "w")
from yandex_cloud_auth import Credentials
handled, told = threading.Event(), threading.Semaphore(0)
class Handler(logging.Handler):
    def emit(self, record):
        handled.set()
        raise {error.__name__}
logging.getLogger("yandex_cloud_auth").addHandler(Handler())
logging.getLogger("yandex_cloud_auth").setLevel(logging.DEBUG)
creds = Credentials.metadata()
creds.header(timeout=10)
print(handled.wait(10))
# Another set of credentials, for another token.
other = Credentials.metadata(sys.argv[1])
end = other.on_change(lambda same: told.release())
other.header(timeout=10)
print(told.acquire(timeout=10))
"""
    assert python(program, emulator.metadata_address).split() == ["True"] * 2


def test_a_cycle_of_credentials_and_callback_is_collected(emulator):
    import gc

    class Owner:
        def __init__(self):
            self.creds = Credentials.metadata()
            self.creds.owner = self

    owner = Owner()
    reference = weakref.ref(owner)
    del owner
    gc.collect()
    assert reference() is None


def test_a_task_that_is_destroyed_while_it_waits_harms_nobody(emulator):
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    creds = Credentials.metadata()

    async def main():
        coroutine = creds.header_async()
        coroutine.send(None)
        coroutine.close()
        never_awaited = creds.header_async()
        never_awaited.close()
        return await creds.header_async(timeout=10)

    assert asyncio.run(main()).startswith("Bearer")


#: What each module imports of the clients.
CLIENTS = {
    "ai_studio": {"grpc", "httpx", "yandex_ai_studio_sdk"},
    "aiohttp": {"aiohttp"},
    "airflow": set(),
    "grpc": {"grpc"},
    "httpx": {"httpx"},
    "httpx2": {"httpx2"},
    "openai": set(),
    "requests": {"requests"},
    "yandexcloud": {"grpc", "requests", "yandexcloud"},
    "ydb": {"grpc", "ydb"},
}


@pytest.mark.parametrize("adapter", [None, *CLIENTS])
def test_an_adapter_imports_its_own_client_alone(adapter):
    every = sorted(set().union(*CLIENTS.values(), {"openai", "airflow", "mcp", "langchain_openai"}))
    module = "yandex_cloud_auth" + (f".{adapter}" if adapter else "")
    program = f"import sys, json, {module}; print(json.dumps([name for name in {every!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    imported = set(json.loads(done.stdout))
    assert imported <= (CLIENTS[adapter] if adapter else set())


def test_the_list_of_adapters_is_complete():
    from pathlib import Path

    folder = Path(yandex_cloud_auth.__file__).parent
    assert {file.stem for file in folder.glob("[!_]*.py")} == set(CLIENTS)
