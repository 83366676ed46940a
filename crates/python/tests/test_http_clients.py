"""httpx, httpx2, requests and aiohttp: the header, the hosts, and one replay."""

import asyncio
import http.server
import threading

import pytest
from yandex_cloud_auth import AuthError, Blocked, Credentials, InvalidCredential


class Client:
    """The same two calls of each client: a status, or the error."""

    def __init__(self, name, send):
        self.name = name
        self._send = send

    def __call__(self, url, auth, body=None):
        return self._send(url, auth, body)

    def auth(self, *arguments, **options):
        module = __import__(f"yandex_cloud_auth.{self.name}", fromlist=["Auth"])
        return module.Auth(*arguments, **options)


def with_httpx(name):
    def send(url, auth, body):
        client = pytest.importorskip(name)
        with client.Client(auth=auth, trust_env=False, follow_redirects=True) as session:
            return session.post(url, content=body) if body is not None else session.get(url)

    def status(url, auth, body):
        return send(url, auth, body).status_code

    return status


def with_async_httpx(name):
    async def send(url, auth, body):
        client = pytest.importorskip(name)
        async with client.AsyncClient(auth=auth, trust_env=False, follow_redirects=True) as session:
            response = await (session.post(url, content=body) if body is not None else session.get(url))
            return response.status_code

    return lambda *arguments: asyncio.run(send(*arguments))


def with_requests(url, auth, body):
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.trust_env = False
        session.auth = auth
        method = "GET" if body is None else "POST"
        return session.request(method, url, data=body).status_code


def with_aiohttp(url, auth, body):
    aiohttp = pytest.importorskip("aiohttp")

    async def send():
        async with aiohttp.ClientSession(middlewares=[auth]) as session:
            method = "GET" if body is None else "POST"
            async with session.request(method, url, data=body) as response:
                return response.status

    return asyncio.run(send())


CLIENTS = {
    "httpx": Client("httpx", with_httpx("httpx")),
    "httpx-async": Client("httpx", with_async_httpx("httpx")),
    "httpx2": Client("httpx2", with_httpx("httpx2")),
    "httpx2-async": Client("httpx2", with_async_httpx("httpx2")),
    "requests": Client("requests", with_requests),
    "aiohttp": Client("aiohttp", with_aiohttp),
}


@pytest.fixture(params=CLIENTS)
def client(request):
    return CLIENTS[request.param]


@pytest.fixture
def server():
    """A server that is not the API: it keeps the requests, and answers with a status or a redirect."""

    class Server(http.server.ThreadingHTTPServer):
        seen: list
        redirects: list

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen.append(self.headers.get("Authorization"))
            if self.headers.get("Transfer-Encoding") == "chunked":
                while self.rfile.readline() != b"0\r\n":
                    pass
                self.rfile.readline()
            else:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
            redirect = self.server.redirects.pop(0) if self.server.redirects else None
            self.send_response(307 if redirect else 401)
            if redirect:
                self.send_header("Location", redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.seen, server.redirects = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_header_authenticates(client, emulator):
    url = f"{emulator.url}/v1/models"
    assert client(url, client.auth(Credentials.metadata())) == 200
    assert client(url, client.auth(emulator.api_key)) == 200
    assert client(url, client.auth()) == 200
    assert client(url, client.auth(Credentials.none())) == 401


def test_a_refused_token_is_replaced_once(client, emulator, fetches):
    url = f"{emulator.url}/v1/models"
    creds = Credentials.metadata()
    auth = client.auth(creds)
    assert client(url, auth) == 200
    emulator.revoke_iam_token(creds.token())
    assert client(url, auth) == 200 and fetches() == 2


def test_a_body_that_is_held_is_sent_again(client, emulator):
    url = f"{emulator.url}/v1/embeddings"
    creds = Credentials.metadata()
    emulator.revoke_iam_token(creds.token())
    # The body is not a request of embeddings, but only an authorised one is told so.
    assert client(url, client.auth(creds), b"{}") == 400


def generator():
    yield b"{}"


async def async_generator():
    yield b"{}"


def test_a_body_that_is_a_generator_is_not_sent_again(client, emulator, server):
    creds = Credentials.metadata()
    # So that there is another token to send the request with.
    emulator.revoke_iam_token(creds.token())
    is_async = client in (CLIENTS["httpx-async"], CLIENTS["httpx2-async"], CLIENTS["aiohttp"])
    body = async_generator() if is_async else generator()
    assert client(server.url, client.auth(creds, allow_loopback=True), body) == 401 and len(server.seen) == 1


def test_a_key_that_is_refused_stays_refused(client, emulator):
    emulator.revoke_api_key(emulator.api_key)
    before = emulator.requests("GET /v1/models")
    assert client(f"{emulator.url}/v1/models", client.auth(emulator.api_key)) == 401
    assert emulator.requests("GET /v1/models") == before + 1


def test_a_source_that_fails_after_a_refusal_leaves_the_refusal(client, emulator):
    creds = Credentials.metadata(timeout=1)
    emulator.revoke_iam_token(creds.token())
    emulator.fault(kind="status", status=403, target="metadata")
    assert client(f"{emulator.url}/v1/models", client.auth(creds)) == 401


def test_other_hosts_get_no_header(client, emulator, server):
    creds = Credentials("AQVN-fake")
    for url, advice in [
        (server.url, "YC_API_ENDPOINT"),
        ("https://api.cloud.yandex.net.example/", "allow_hosts"),
        ("http://ai.api.cloud.yandex.net/v1/models", "use https"),
    ]:
        with pytest.raises(Blocked) as caught:
            client(url, client.auth(creds))
        assert advice in caught.value.help and "AQVN" not in repr(caught.value)
    assert server.seen == []
    assert client(server.url, client.auth(creds, skip_other_hosts=True)) == 401 and server.seen == [None]


def test_loopback_is_allowed_by_an_option(client, emulator, server):
    assert client(server.url, client.auth("AQVN-fake", allow_loopback=True)) == 401
    assert set(server.seen) == {"Api-Key AQVN-fake"}


def test_a_redirect_takes_the_header_nowhere_else(client, emulator, server):
    # The same server by another name, which the client counts as another host. The second answer is a 401.
    server.redirects = ["http://localhost:" + server.url.rpartition(":")[2] + "/second"]
    if client.name == "aiohttp":
        with pytest.raises(Blocked):
            client(server.url, client.auth("AQVN-fake", allow_hosts=["127.0.0.1"]))
        return
    assert client(server.url + "/first", client.auth("AQVN-fake", allow_loopback=True)) == 401
    assert server.seen == ["Api-Key AQVN-fake", None]


@pytest.mark.parametrize("hosts", ["api.example", b"api.example", ["http://api.example"], ["a b"], ["*"], [1]])
def test_bad_hosts_are_refused(client, hosts):
    with pytest.raises((InvalidCredential, TypeError)):
        client.auth("AQVN-fake", allow_hosts=hosts)


def test_an_error_of_the_source_reaches_the_caller(client, emulator):
    emulator.fault(kind="status", status=403, target="metadata")
    with pytest.raises(AuthError):
        client(f"{emulator.url}/v1/models", client.auth(Credentials.metadata(emulator.metadata_address)))


def test_a_repr_shows_no_secret(client):
    assert "fake" not in repr(client.auth("AQVN-fake"))
