"""What a replay after a refusal leaves to the program: its hooks, its time, and the answer of the server."""

import asyncio
import http.server
import threading
import time

import pytest
from yandex_cloud_auth import Credentials

WITHIN = 20


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the next of the server's answers, a status or the target of a redirect; 200 when there is none left."""

    def do_GET(self):
        self.server.seen.append(self.headers.get("Authorization"))
        answer = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(answer if isinstance(answer, int) else 307)
        if isinstance(answer, str):
            self.send_header("Location", answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server that is not the API."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def revoked(emulator):
    """Credentials whose token IAM has revoked, so that there is another one."""
    creds = Credentials.metadata(emulator.metadata_address)
    emulator.revoke_iam_token(creds.token())
    return creds


@pytest.fixture
def session(revoked):
    """A session of requests."""
    requests = pytest.importorskip("requests")
    from yandex_cloud_auth.requests import Auth

    with requests.Session() as session:
        session.auth = Auth(revoked, allow_loopback=True)
        yield session


@pytest.mark.parametrize("answers", [[200], [401, 200], [401, 401], [401, "/elsewhere", 200], [401, "/elsewhere", 401, 200]])
def test_the_hooks_of_the_program_see_each_last_response_in_order(answers, session, server):
    seen = []

    def hook(name):
        return lambda response, **_: seen.append((name, response.status_code))

    session.hooks["response"] = [hook("first"), hook("second")]
    server.answers = list(answers)
    last = [status if isinstance(status, int) else 307 for status in answers]
    last = [status for status, following in zip(last, [*last[1:], None]) if status != 401 or following is None]
    assert session.get(server.url).status_code == last[-1]
    assert seen == [(name, status) for status in last for name in ["first", "second"]]


def test_a_hook_that_raises_for_the_status_raises_for_that_of_the_replay(session, server):
    import requests

    session.hooks["response"] = [lambda response, **_: response.raise_for_status()]
    server.answers = [401, 401]
    with pytest.raises(requests.HTTPError):
        session.get(server.url)
    assert len(set(server.seen)) == 2


def test_hooks_of_a_prepared_request_see_the_last_response(session, server):
    import requests

    seen = []
    request = requests.Request("GET", server.url).prepare()
    request.hooks = {"response": lambda response, **_: seen.append(response.status_code)}
    server.answers = [401]
    assert session.send(session.auth(request)).status_code == 200 and seen == [200]


def test_the_header_of_a_netrc_behind_a_redirect_is_not_replaced(emulator, server, environment, tmp_path):
    requests = pytest.importorskip("requests")
    from yandex_cloud_auth.requests import Auth

    # The same server by another name, which the client counts as another host.
    other = "http://localhost:" + server.url.rpartition(":")[2]
    (tmp_path / ".netrc").write_text("machine localhost login user password fake\n")
    environment.setenv("YC_API_ENDPOINT", server.url)
    server.answers = [other, 401]
    auth = Auth(Credentials.metadata(emulator.metadata_address))
    assert requests.get(server.url, auth=auth).status_code == 401
    assert len(server.seen) == 2 and server.seen[1].startswith("Basic ")


# The client's timeout. Each returns the status after at most `seconds` for an answer; None if it has given up.


def get_by_requests(url, auth, seconds):
    import requests
    from yandex_cloud_auth.requests import Auth

    return requests.get(url, auth=Auth(auth, allow_loopback=True), timeout=seconds).status_code


def get_by_requests_of_a_pair(url, auth, seconds):
    return get_by_requests(url, auth, (WITHIN, seconds))


def get_by_requests_of_an_object(url, auth, seconds):
    from urllib3 import Timeout

    return get_by_requests(url, auth, Timeout(seconds))


def get_by_requests_of_another_object(url, auth, seconds):
    from urllib3 import Timeout

    return get_by_requests(url, auth, Timeout(read=seconds))


def get_by_httpx(url, auth, seconds):
    import httpx
    from yandex_cloud_auth.httpx import Auth

    return httpx.get(url, auth=Auth(auth, allow_loopback=True), timeout=seconds).status_code


def get_by_async_httpx(url, auth, seconds):
    import httpx
    from yandex_cloud_auth.httpx import Auth

    async def main():
        async with httpx.AsyncClient(auth=Auth(auth, allow_loopback=True), timeout=seconds) as client:
            return (await client.get(url)).status_code

    return asyncio.run(main())


def get_by_aiohttp(url, auth, seconds):
    import aiohttp
    from yandex_cloud_auth.aiohttp import Auth

    async def main():
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with aiohttp.ClientSession(middlewares=[Auth(auth, allow_loopback=True)], timeout=timeout) as client:
            async with client.get(url) as response:
                return response.status

    try:
        return asyncio.run(main())
    except asyncio.TimeoutError:
        # The timeout is that of the whole call.
        return None


GETS = [value for name, value in list(globals().items()) if name.startswith("get_by")]
every_get = pytest.mark.parametrize("get", GETS)


@every_get
def test_a_source_that_hangs_leaves_the_refusal_within_the_timeout_of_the_client(get, emulator, server, revoked):
    pytest.importorskip(get.__name__.split("_of_")[0].rpartition("_")[2])
    emulator.fault(kind="latency", milliseconds=4500, target="metadata")
    server.answers = [401]
    began = time.monotonic()
    assert get(server.url, revoked, 1) == (None if get is get_by_aiohttp else 401)
    assert time.monotonic() - began < 3.5 and len(server.seen) == 1


@every_get
@pytest.mark.parametrize("seconds", [WITHIN, None])
def test_a_source_that_is_slow_is_waited_for(seconds, get, emulator, server, revoked):
    pytest.importorskip(get.__name__.split("_of_")[0].rpartition("_")[2])
    emulator.fault(kind="latency", milliseconds=300, target="metadata")
    server.answers = [401]
    assert get(server.url, revoked, seconds) == 200
