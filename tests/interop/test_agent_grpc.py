"""gRPC through the gateway of the agent, with grpcio on both sides: over plain HTTP/2 to the service, and over TLS."""

import queue

import grpc
import pytest
from yandex.cloud.ai.foundation_models.v1.text_generation.text_generation_service_pb2 import TokenizeRequest
from yandex.cloud.ai.foundation_models.v1.text_generation.text_generation_service_pb2_grpc import (
    TextGenerationServiceStub,
    TokenizerServiceStub,
)

from agent import ANY
from cloud import TIMEOUT, request
from grpc_service import PREFIX, Client, Echo
from tool_server import make_certificates

#: The services of AI Studio.
STUDIO = "/yandex.cloud.ai.foundation_models.v1."


class Gateway:
    """A gateway that forwards the paths of a gRPC service."""

    def __init__(self, serve, emulator, folder, service: str, prefix: str, **settings):
        file, config = folder / "gateway.key", folder / "agent.toml"
        config.write_text(
            f'[[identity]]\nname = "one"\nfolder = "{emulator.folder_id}"\n[[listen]]\nkind = "gateway"\naddress = "{ANY}"\n'
            f'keys = [{{ file = "{file}" }}]\n[[listen.upstream]]\nhost = "{service}"\nprefix = "{prefix}"\n'
        )
        self.agent = serve(emulator, "--config", str(config), **settings)
        self.key = file.read_text()
        self.channel = grpc.insecure_channel(self.agent.address)


@pytest.fixture(params=["plain", "tls"])
def echo(request, tmp_path):
    """A service, and the authority that its clients trust."""
    certificates = make_certificates(tmp_path, ["localhost"]) if request.param == "tls" else None
    echo = Echo(certificates)
    yield echo, certificates and certificates.authority
    echo.stop()


@pytest.fixture
def bench(serve, emulator, tmp_path, echo):
    """The service, and a client of it at the gateway."""
    service, authority = echo
    gateway = Gateway(serve, emulator, tmp_path, service.url, PREFIX, authority=authority)
    with gateway.channel as channel:
        yield service, Client(channel, gateway.key)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_ai_studio(tls, make_emulator, serve, tmp_path):
    emulator = make_emulator(tls=tls)
    gateway = Gateway(serve, emulator, tmp_path, emulator.url, STUDIO)
    options = {"metadata": [("authorization", f"Bearer {gateway.key}")], "timeout": TIMEOUT}
    with gateway.channel as channel:
        completion = request(emulator.folder_id, "hello")
        responses = list(TextGenerationServiceStub(channel).Completion(completion, **options))
        text = responses[-1].alternatives[0].message.text
        assert text == emulator.answer("iam-token from service-account-key")
        message = TokenizeRequest(model_uri=completion.model_uri, text="one two")
        assert TokenizerServiceStub(channel).Tokenize(message, **options).tokens


def test_messages_go_both_ways_as_they_come(bench):
    service, client = bench
    message, call = client.unary(b"hello", timeout=TIMEOUT)
    assert message == b"hello"
    assert dict(call.trailing_metadata())["x-end"] == "of the call"
    assert list(client.stream(b"one two three", timeout=TIMEOUT)) == [b"one", b"two", b"three"]

    # Each message is answered before the next one is sent.
    words = queue.SimpleQueue()
    answers = client.both(iter(words.get, None), timeout=TIMEOUT)
    for word in (b"a", b"b" * 100_000, b"c"):
        words.put(word)
        assert next(answers) == word
    words.put(None)
    assert list(answers) == []
    assert answers.code() == grpc.StatusCode.OK
    assert [call.method for call in service.calls] == ["Unary", "Stream", "Both"]


def test_the_service_gets_the_token_and_never_the_key(bench):
    service, client = bench
    client.metadata.append(("x-copy", client.metadata[0][1]))
    client.unary(b"hello", timeout=TIMEOUT)
    (call,) = service.calls
    assert call.token.startswith("Bearer t1.")
    key = client.metadata[0][1].removeprefix("Bearer ")
    assert not any(key in str(value) for value in call.metadata.values())


def test_the_deadline_reaches_the_service(bench):
    service, client = bench
    client.unary(b"hello", timeout=TIMEOUT)
    answers = client.hang(b"hello", timeout=1)
    assert next(answers) == b"hello"
    with pytest.raises(grpc.RpcError) as error:
        next(answers)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    call = service.calls[-1]
    # grpcio rounds up what it sends, by a few hundredths.
    assert TIMEOUT - 5 < service.calls[0].time_left < TIMEOUT + 1 and 0 < call.time_left < 1.1
    assert call.ended.wait(TIMEOUT)


def test_a_client_that_cancels_ends_the_call_at_the_service(bench):
    service, client = bench
    answers = client.hang(b"hello")
    assert next(answers) == b"hello"
    call = service.calls[-1]
    assert not call.ended.is_set()
    answers.cancel()
    assert call.ended.wait(TIMEOUT)
    # The next call of the same channel is answered.
    assert client.unary(b"again", timeout=TIMEOUT)[0] == b"again"


def test_a_refused_token_is_replaced_once(bench):
    service, client = bench
    client.unary(b"hello", timeout=TIMEOUT)
    service.refuses.add(service.calls[0].token)
    assert client.unary(b"hello", timeout=TIMEOUT)[0] == b"hello"
    first, refused, again = service.calls
    assert first.token == refused.token != again.token

    service.refuses_all = True
    with pytest.raises(grpc.RpcError) as error:
        client.unary(b"hello", timeout=TIMEOUT)
    assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert error.value.details() == "the token is refused"
    assert len(service.calls) == 5


def test_a_stream_that_is_refused_at_its_start_is_repeated(bench):
    service, client = bench
    client.unary(b"hello", timeout=TIMEOUT)
    service.refuses.add(service.calls[0].token)
    words = queue.SimpleQueue()
    answers = client.both(iter(words.get, None), timeout=TIMEOUT)
    for word in (b"a", b"b"):
        words.put(word)
        assert next(answers) == word
    words.put(None)
    assert list(answers) == []
    assert [call.method for call in service.calls] == ["Unary", "Both", "Both"]


def test_a_wrong_key_is_told_and_reaches_no_service(bench):
    service, client = bench
    client.metadata = [("authorization", "Bearer wrong-key-of-the-client")]
    with pytest.raises(grpc.RpcError) as error:
        client.unary(b"hello", timeout=TIMEOUT)
    assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "key file" in error.value.details()
    assert service.calls == []
