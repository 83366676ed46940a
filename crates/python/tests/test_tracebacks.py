"""Tracebacks with the values of variables, as tools that report errors show them: the frames of the package have no secret."""

import asyncio
import http.server
import threading
import traceback
import warnings
from functools import partial

import pytest
from yandex_cloud_auth import Credentials

SECRET = "FAKE-SECRET-FAKE-SECRET"


def frames(error):
    """The frames of the package in the tracebacks of an error, with their variables."""
    found, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        stack = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        found += [frame for frame in stack if "yandex_cloud_auth" in frame.filename]
        error = error.__cause__ or error.__context__
    return found


def leaks(error, secret):
    """The variables with the secret."""
    return [
        (frame.filename, frame.name, name)
        for frame in frames(error)
        for name, value in (frame.locals or {}).items()
        if secret in value
    ]


# The transport fails.


@pytest.fixture
def server():
    """A server that answers with the statuses in `answers`, and then closes each connection without an answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.close_connection = True
            if self.server.answers:
                self.send_response(self.server.answers.pop(0))
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def get_by_requests(url, creds):
    import requests
    from yandex_cloud_auth.requests import Auth

    requests.get(url, auth=Auth(creds, allow_loopback=True))


def get_by_httpx(url, creds):
    import httpx
    from yandex_cloud_auth.httpx import Auth

    httpx.get(url, auth=Auth(creds, allow_loopback=True))


async def get_by_async_httpx(url, creds):
    import httpx
    from yandex_cloud_auth.httpx import Auth

    async with httpx.AsyncClient(auth=Auth(creds, allow_loopback=True)) as client:
        await client.get(url)


async def get_by_aiohttp(url, creds):
    import aiohttp
    from yandex_cloud_auth.aiohttp import Auth

    async with aiohttp.ClientSession(middlewares=[Auth(creds, allow_loopback=True)]) as client:
        async with client.get(url):
            pass


GETS = [value for name, value in list(globals().items()) if name.startswith("get_by")]


def need(get):
    pytest.importorskip(get.__name__.rpartition("_")[2])


@pytest.mark.parametrize("get", GETS)
@pytest.mark.parametrize("answers", [[], [401]])
def test_a_transport_that_fails_shows_no_token(answers, get, emulator, server):
    need(get)
    creds = Credentials.metadata(emulator.metadata_address)
    emulator.revoke_iam_token(creds.token())
    server.answers = list(answers)
    with pytest.raises(Exception) as caught:
        asyncio.run(get(server.url, creds)) if asyncio.iscoroutinefunction(get) else get(server.url, creds)
    assert leaks(caught.value, "FAKE-EMULATOR-TOKEN") == [] and not server.answers
    # Of these the frames are in the traceback.
    if get is get_by_aiohttp or (get is get_by_requests and answers):
        assert frames(caught.value)


@pytest.mark.parametrize("get", [get_by_async_httpx, get_by_aiohttp])
def test_a_renewal_that_is_cancelled_shows_no_token(get, emulator, server):
    need(get)
    creds = Credentials.metadata(emulator.metadata_address)
    emulator.revoke_iam_token(creds.token())
    emulator.fault(kind="latency", milliseconds=2000, target="metadata")
    server.answers = [401]

    async def main():
        task = asyncio.ensure_future(get(server.url, creds))
        while not creds.__dict__.get("_waits"):
            await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError) as caught:
        asyncio.run(main())
    assert frames(caught.value) and leaks(caught.value, "FAKE-EMULATOR-TOKEN") == []


def test_a_hook_of_grpc_that_fails_shows_no_token():
    pytest.importorskip("grpc")
    from yandex_cloud_auth.grpc import MetadataPlugin, Replay

    def fail(*_):
        raise RuntimeError("the transport")

    class Context:
        service_url = "https://llm.api.cloud.yandex.net/service"

    creds = Credentials(f"AQVN-{SECRET}")
    replay = Replay(creds)
    for call in [
        partial(MetadataPlugin(creds), Context(), fail),
        partial(replay.intercept_unary_unary, fail, None, b""),
        partial(replay.intercept_unary_stream, fail, None, b""),
    ]:
        with pytest.raises(RuntimeError) as caught:
            call()
        assert frames(caught.value) and leaks(caught.value, SECRET) == []


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("is_refused", [False, True])
def test_an_interceptor_of_the_sdk_that_fails_shows_no_token(is_refused, kind, emulator):
    pytest.importorskip("yandex_ai_studio_sdk")
    import grpc
    from grpc.aio._interceptor import ClientCallDetails
    from yandex_cloud_auth.ai_studio import interceptors

    creds = Credentials.metadata(emulator.metadata_address)
    details = ClientCallDetails("/x", None, grpc.aio.Metadata(("authorization", creds.header())), None, None)
    emulator.revoke_iam_token(creds.token())
    refusal = grpc.aio.AioRpcError(grpc.StatusCode.UNAUTHENTICATED, grpc.aio.Metadata(), grpc.aio.Metadata())
    failures = [refusal] if is_refused else []

    async def fail(*_):
        raise failures.pop() if failures else RuntimeError("the transport")

    async def refuse():
        raise failures.pop()
        yield

    async def stream(*_):
        return refuse() if failures else await fail()

    async def main():
        interceptor = interceptors(creds)[kind]
        if kind == 0:
            await interceptor.intercept_unary_unary(fail, details, b"")
        else:
            async for _ in await interceptor.intercept_unary_stream(stream, details, b""):
                pass

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(main())
    assert frames(caught.value) and leaks(caught.value, "FAKE-EMULATOR-TOKEN") == []


# A value is refused.

REFUSED_VALUE = f"Bearer t1.{SECRET}"


def adapter(name, attribute="Auth"):
    def make():
        if name in ("grpc", "yandexcloud", "ydb", "openai"):
            pytest.importorskip(name)
        if name == "ai_studio":
            pytest.importorskip("yandex_ai_studio_sdk")
        elif attribute == "Auth":
            pytest.importorskip(name)
        return getattr(__import__(f"yandex_cloud_auth.{name}", fromlist=[attribute]), attribute)

    return make


CONSTRUCTORS = {
    "api_key": lambda: Credentials.api_key(REFUSED_VALUE),
    "iam_token": lambda: Credentials.iam_token(REFUSED_VALUE),
    "oauth_token": lambda: Credentials.oauth_token(REFUSED_VALUE),
    "service_account_key": lambda: Credentials.service_account_key({"private_key": SECRET, "id": 5}),
    "service_account_key-text": lambda: Credentials.service_account_key('{"private_key": "%s"}' % SECRET),
    "service_account_key-object": lambda: Credentials.service_account_key({"private_key": SECRET, "id": object()}),
    "function": lambda: Credentials.function({"access_token": SECRET, "expires_in": object()}),
    "function-text": lambda: Credentials.function(REFUSED_VALUE),
    "bearer": lambda: adapter("ydb", "Credentials")()(f"AQVN-{SECRET}").auth_metadata(),
    **{
        f"{name}.{attribute}": lambda name=name, attribute=attribute: adapter(name, attribute)()(REFUSED_VALUE)
        for name, attribute in [
            ("requests", "Auth"),
            ("httpx", "Auth"),
            ("httpx2", "Auth"),
            ("aiohttp", "Auth"),
            ("grpc", "MetadataPlugin"),
            ("grpc", "call_credentials"),
            ("grpc", "channel_credentials"),
            ("openai", "api_key"),
            ("openai", "api_key_async"),
            ("yandexcloud", "sdk"),
            ("ydb", "Credentials"),
            ("ydb", "AsyncCredentials"),
            ("ai_studio", "Auth"),
            ("ai_studio", "APIKeyAuth"),
            ("ai_studio", "IAMTokenAuth"),
            ("ai_studio", "OAuthTokenAuth"),
        ]
    },
}


@pytest.mark.parametrize("make", CONSTRUCTORS.values(), ids=CONSTRUCTORS)
def test_a_value_that_is_refused_is_not_shown(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as caught:
            make()
    assert frames(caught.value) and leaks(caught.value, SECRET) == [] and SECRET not in str(caught.value)
    # Those of json would have it.
    assert not [frame for frame in traceback.extract_tb(caught.value.__traceback__) if "json" in frame.filename]


def test_a_warning_that_is_an_error_does_not_show_the_oauth_token():
    OAuthTokenAuth = adapter("ai_studio", "OAuthTokenAuth")()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning) as caught:
            OAuthTokenAuth(f"y0_{SECRET}")
    assert frames(caught.value) and leaks(caught.value, SECRET) == []
