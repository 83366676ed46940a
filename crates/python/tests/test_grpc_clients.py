"""grpcio, ydb, yandexcloud and Airflow."""

import asyncio

import pytest
from yandex_cloud_auth import Credentials, InvalidCredential

grpc = pytest.importorskip("grpc")

TOKENIZE = "/yandex.cloud.ai.foundation_models.v1.TokenizerService/Tokenize"


def tokenize(channel, emulator):
    """Counts the tokens of a text."""
    from yandex.cloud.ai.foundation_models.v1.text_generation.text_generation_service_pb2 import TokenizeRequest

    request = TokenizeRequest(model_uri=f"gpt://{emulator.folder_id}/yandexgpt", text="hello")
    return channel.unary_unary(TOKENIZE)(request.SerializeToString(), timeout=20)


@pytest.fixture
def call(tls_emulator):
    """Makes a call over TLS. Returns the code of the outcome."""
    from yandex_cloud_auth.grpc import channel_credentials

    def call(auth, replay=None, **options):
        root = tls_emulator.ca_file.read_bytes()
        credentials = channel_credentials(auth, root_certificates=root, **options)
        with grpc.secure_channel(tls_emulator.address, credentials) as channel:
            if replay:
                channel = grpc.intercept_channel(channel, replay)
            try:
                tokenize(channel, tls_emulator)
            except grpc.RpcError as error:
                return error.code().name
            return "OK"

    return call


def test_a_channel_is_authenticated(call, tls_emulator):
    assert call(Credentials.metadata()) == "OK"
    assert call(tls_emulator.api_key) == "OK"
    assert call(None) == "OK"
    assert call(Credentials.none()) == "UNAUTHENTICATED"


def test_a_refused_token_is_replaced_by_the_interceptor(call, tls_emulator):
    from yandex_cloud_auth.grpc import Replay

    creds = Credentials.metadata()
    assert call(creds) == "OK"
    tls_emulator.revoke_iam_token(creds.token())
    assert call(creds) == "UNAUTHENTICATED"
    assert call(creds, Replay(creds)) == "OK"
    assert call(creds) == "OK"


def test_another_host_gets_no_header(call, environment):
    environment.setenv("YC_API_ENDPOINT", "api.cloud.yandex.net:443")
    before = Credentials("AQVN-fake")
    assert call(before) == "UNAVAILABLE"
    environment.setenv("YC_API_ENDPOINT", "127.0.0.1:1")
    assert call(Credentials("AQVN-fake")) == "UNAVAILABLE"
    assert call(Credentials("AQVN-fake"), allow_loopback=True) == "UNAUTHENTICATED"


def test_a_source_that_fails_fails_the_call(call, tls_emulator):
    tls_emulator.fault(kind="status", status=403, target="metadata")
    assert call(Credentials.metadata(tls_emulator.metadata_address)) == "UNAVAILABLE"


def test_a_channel_of_asyncio_is_authenticated(tls_emulator):
    from yandex_cloud_auth.grpc import channel_credentials

    async def main():
        root = tls_emulator.ca_file.read_bytes()
        credentials = channel_credentials(Credentials.metadata(), root_certificates=root)
        async with grpc.aio.secure_channel(tls_emulator.address, credentials) as channel:
            return await tokenize(channel, tls_emulator)

    assert asyncio.run(main())


@pytest.fixture
def sdk(tls_emulator):
    """An SDK of yandexcloud, which supports only TLS."""
    pytest.importorskip("yandexcloud")
    from yandex_cloud_auth.yandexcloud import sdk

    def make(auth=None, **options):
        root = tls_emulator.ca_file.read_bytes()
        return sdk(auth, endpoint=tls_emulator.address, root_certificates=root, **options)

    return make


def output(sdk, emulator):
    from cloud import output

    return output(sdk, emulator.folder_id, "hello")


def test_yandexcloud_asks_for_each_call_and_replays(sdk, tls_emulator):
    creds = Credentials.metadata()
    client = sdk(creds)
    assert "metadata" in output(client, tls_emulator)
    tls_emulator.revoke_iam_token(creds.token())
    assert "metadata" in output(client, tls_emulator)


def test_yandexcloud_is_not_given_an_api_key(sdk, tls_emulator):
    with pytest.raises(Exception) as caught:
        output(sdk(tls_emulator.api_key), tls_emulator)
    assert tls_emulator.api_key not in str(caught.value) and "IAM tokens only" in str(caught.value)


def test_ydb_gets_the_bare_token(emulator):
    pytest.importorskip("ydb")
    from yandex_cloud_auth.ydb import AsyncCredentials
    from yandex_cloud_auth.ydb import Credentials as YdbCredentials

    creds = Credentials.metadata()
    ticket = [("x-ydb-auth-ticket", creds.token())]
    assert YdbCredentials(creds).auth_metadata() == ticket
    assert YdbCredentials(creds).get_auth_token() == creds.token()
    assert asyncio.run(AsyncCredentials(creds).auth_metadata()) == ticket
    assert asyncio.run(AsyncCredentials(creds).get_auth_token()) == creds.token()
    with pytest.raises(InvalidCredential):
        YdbCredentials("AQVN-fake").auth_metadata()


def test_the_driver_of_ydb_sends_the_token_of_each_call(emulator):
    ydb = pytest.importorskip("ydb")
    from concurrent import futures

    from yandex_cloud_auth.ydb import Credentials as YdbCredentials

    seen = []

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            seen.append(dict(details.invocation_metadata).get("x-ydb-auth-ticket"))

    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    creds = Credentials.metadata()
    address = f"grpc://127.0.0.1:{port}"
    driver = ydb.Driver(endpoint=address, database="/local", credentials=YdbCredentials(creds))
    try:
        with pytest.raises(Exception):
            driver.wait(timeout=2, fail_fast=True)
    finally:
        driver.stop()
        server.stop(0)
    assert set(seen) == {creds.token()}


def test_airflow_takes_dotted_names(emulator, monkeypatch):
    from yandex_cloud_auth import airflow

    monkeypatch.setattr(airflow, "_credentials", None)
    assert airflow.token("login", password="x").startswith("t1.")
    assert airflow.header() == f"Bearer {airflow.token()}"
    pytest.importorskip("requests")
    import requests

    session = requests.Session()
    session.trust_env = False
    session.auth = airflow.http_auth("login", "password")
    assert session.get(f"{emulator.url}/v1/models").status_code == 200


