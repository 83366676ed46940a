"""Each client with its adapter: authenticated, through the end of a token, and refused by an error without the secret."""

import asyncio
import contextlib
import time

import pytest
from conftest import PROGRAM
from emulator import Emulator
from yandex_cloud_auth import Credentials

TOKENIZE = "/yandex.cloud.ai.foundation_models.v1.TokenizerService/Tokenize"


class Cloud:
    """The emulators: over plain HTTP for the clients of HTTP, and over TLS for those of gRPC, which need it."""

    def __init__(self, folder, lifetime):
        self.plain = Emulator(PROGRAM, folder / "plain", lifetime=lifetime)
        self.tls = Emulator(PROGRAM, folder / "tls", tls=True, lifetime=lifetime)

    def stop(self):
        self.plain.stop()
        self.tls.stop()


@pytest.fixture
def start(tmp_path):
    """Starts the emulators."""
    with contextlib.ExitStack() as stack:

        def start(lifetime=None):
            for name in ["plain", "tls"]:
                (tmp_path / name).mkdir()
            cloud = Cloud(tmp_path, lifetime)
            stack.callback(cloud.stop)
            return cloud

        yield start


# Each makes a call by a client that is made anew, and raises what the client raises.


def with_openai(cloud, creds):
    openai = pytest.importorskip("openai")
    from yandex_cloud_auth.openai import api_key

    options = {"base_url": f"{cloud.plain.url}/v1", "project": cloud.plain.folder_id, "max_retries": 0}
    client = openai.OpenAI(api_key=api_key(creds), **options)
    return lambda: list(client.models.list())


def with_langchain(cloud, creds):
    langchain = pytest.importorskip("langchain_openai")
    from yandex_cloud_auth.openai import api_key

    chat = langchain.ChatOpenAI(
        model=f"gpt://{cloud.plain.folder_id}/yandexgpt/latest",
        api_key=api_key(creds),
        base_url=f"{cloud.plain.url}/v1",
        default_headers={"OpenAI-Project": cloud.plain.folder_id},
        max_retries=0,
    )
    return lambda: chat.invoke("hello")


def with_httpx(cloud, creds):
    httpx = pytest.importorskip("httpx")
    from yandex_cloud_auth.httpx import Auth

    client = httpx.Client(auth=Auth(creds), trust_env=False)
    return lambda: client.get(f"{cloud.plain.url}/v1/models").raise_for_status()


def with_mcp(cloud, creds):
    pytest.importorskip("mcp")
    from mcp.shared._httpx_utils import create_mcp_http_client
    from yandex_cloud_auth.httpx2 import Auth

    async def main():
        async with create_mcp_http_client(auth=Auth(creds)) as client:
            (await client.get(f"{cloud.plain.url}/v1/models")).raise_for_status()

    return lambda: asyncio.run(main())


def with_requests(cloud, creds):
    requests = pytest.importorskip("requests")
    from yandex_cloud_auth.requests import Auth

    session = requests.Session()
    session.trust_env, session.auth = False, Auth(creds)
    return lambda: session.get(f"{cloud.plain.url}/v1/models").raise_for_status()


def with_aiohttp(cloud, creds):
    aiohttp = pytest.importorskip("aiohttp")
    from yandex_cloud_auth.aiohttp import Auth

    async def main():
        async with aiohttp.ClientSession(middlewares=[Auth(creds)], raise_for_status=True) as session:
            async with session.get(f"{cloud.plain.url}/v1/models") as response:
                await response.read()

    return lambda: asyncio.run(main())


def with_grpcio(cloud, creds):
    grpc = pytest.importorskip("grpc")
    from yandex.cloud.ai.foundation_models.v1.text_generation.text_generation_service_pb2 import TokenizeRequest
    from yandex_cloud_auth.grpc import channel_credentials

    roots = cloud.tls.ca_file.read_bytes()
    channel = grpc.secure_channel(
        cloud.tls.address, channel_credentials(creds, root_certificates=roots, allow_loopback=True)
    )
    tokenize = channel.unary_unary(TOKENIZE, request_serializer=lambda message: message.SerializeToString())
    request = TokenizeRequest(model_uri=f"gpt://{cloud.tls.folder_id}/yandexgpt", text="hello")
    return lambda: tokenize(request, timeout=20)


def with_yandexcloud(cloud, creds):
    pytest.importorskip("yandexcloud")
    from cloud import output
    from yandex_cloud_auth.yandexcloud import sdk

    client = sdk(creds, endpoint=cloud.tls.address, root_certificates=cloud.tls.ca_file.read_bytes())
    return lambda: output(client, cloud.tls.folder_id, "hello")


def with_the_sdk(cloud, creds):
    studio = pytest.importorskip("yandex_ai_studio_sdk")
    from yandex_cloud_auth.ai_studio import Auth

    sdk = studio.AIStudio(
        endpoint=cloud.plain.address,
        folder_id=cloud.plain.folder_id,
        verify=False,
        service_map={"http_completions": f"{cloud.plain.url}/v1"},
        auth=Auth(creds),
    )
    return lambda: sdk.chat.completions.list(timeout=20)


CLIENTS = {
    "aiohttp": with_aiohttp,
    "grpcio": with_grpcio,
    "httpx": with_httpx,
    "langchain": with_langchain,
    "mcp": with_mcp,
    "openai": with_openai,
    "requests": with_requests,
    "sdk": with_the_sdk,
    "yandexcloud": with_yandexcloud,
}


def emulator_of(name, cloud):
    return cloud.tls if name in ("grpcio", "yandexcloud") else cloud.plain


def endpoint_of(name, cloud):
    return cloud.tls.address if name in ("grpcio", "yandexcloud") else cloud.plain.url


@pytest.mark.parametrize("name", CLIENTS)
def test_a_token_ends_between_two_calls(name, start, environment):
    cloud = start(lifetime=3)
    environment.setenv("YC_API_ENDPOINT", endpoint_of(name, cloud))
    emulator = emulator_of(name, cloud)
    creds = Credentials.metadata(emulator.metadata_address)
    call = CLIENTS[name](cloud, creds)
    first = creds.token()
    call()
    deadline = time.monotonic() + 30
    while emulator.accepts(first):
        assert time.monotonic() < deadline
        call()
    call()
    assert creds.token() != first


#: The errors of the clients for a server that refuses.
REFUSALS = {
    "aiohttp": "ClientResponseError",
    "grpcio": "_InactiveRpcError",
    "httpx": "HTTPStatusError",
    "langchain": "AuthenticationError",
    "mcp": "HTTPStatusError",
    "openai": "AuthenticationError",
    "requests": "HTTPError",
    "sdk": "HTTPStatusError",
    "yandexcloud": "",
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_refusal_is_the_error_of_the_client(name, start, environment):
    cloud = start()
    environment.setenv("YC_API_ENDPOINT", endpoint_of(name, cloud))
    token = "t1.fake-hidden.token"
    call = CLIENTS[name](cloud, Credentials.iam_token(token))
    with pytest.raises(Exception) as caught:
        call()
    assert REFUSALS[name] in type(caught.value).__name__
    assert any(word in str(caught.value) for word in ["401", "UNAUTHENTICATED", "Unauthorized", "ncorrect"])
    # The repr of aiohttp's error has the headers of the request, whoever has put them there.
    shown = str(caught.value) + ("" if name == "aiohttp" else repr(caught.value))
    assert "hidden" not in shown
