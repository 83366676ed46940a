"""`grpc.Replay`: what a call is for the program, its time, and what is left of a refusal."""

import itertools
import threading
import time
from concurrent import futures

import pytest
from yandex_cloud_auth import Credentials

grpc = pytest.importorskip("grpc")

WITHIN = 20


class Service(grpc.GenericRpcHandler):
    """Refuses what is in `refused`, or all; waits for `go`, if there is one; keeps the time left of each call."""

    def __init__(self):
        self.refused, self.seen, self.go, self.refuses_all = set(), [], None, False

    def service(self, details):
        header = dict(details.invocation_metadata).get("authorization")

        def check(context):
            self.seen.append((header, context.time_remaining()))
            if self.go is not None:
                self.go.wait(WITHIN)
            if self.refuses_all or header in self.refused:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "the server says so")

        def unary(request, context):
            check(context)
            return request

        def stream(request, context):
            check(context)
            context.send_initial_metadata((("name", "value"),))
            context.set_trailing_metadata((("end", header),))
            yield from [request] * 3

        if details.method.endswith("Unary"):
            return grpc.unary_unary_rpc_method_handler(unary)
        return grpc.unary_stream_rpc_method_handler(stream)


class Sender(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Puts the header in, as the channel's credentials do over TLS."""

    def __init__(self, creds):
        self.creds = creds

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(details._replace(metadata=[("authorization", self.creds.header())]), request)

    intercept_unary_stream = intercept_unary_unary


@pytest.fixture
def service():
    service = Service()
    server = grpc.server(futures.ThreadPoolExecutor(10), handlers=[service])
    service.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service
    if service.go is not None:
        service.go.set()
    server.stop(0)


@pytest.fixture
def creds(emulator):
    return Credentials.metadata(emulator.metadata_address)


@pytest.fixture
def channel(creds, service):
    from yandex_cloud_auth.grpc import Replay

    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        yield grpc.intercept_channel(channel, Replay(creds), Sender(creds))


@pytest.fixture
def revoke(creds, emulator, service):
    def revoke():
        token = creds.token()
        service.refused.add(f"Bearer {token}")
        emulator.revoke_iam_token(token)

    return revoke


# Each kind of call returns the answers, or raises.


def at_once(channel, timeout=WITHIN):
    return [channel.unary_unary("/test/Unary")(b"x", timeout=timeout)]


def later(channel, timeout=WITHIN):
    return [channel.unary_unary("/test/Unary").future(b"x", timeout=timeout).result()]


def streamed(channel, timeout=WITHIN):
    return list(channel.unary_stream("/test/Stream")(b"x", timeout=timeout))


every_call = pytest.mark.parametrize("call", [at_once, later, streamed])


@every_call
def test_a_refused_token_is_replaced(call, channel, service, revoke, fetches):
    answers = call(channel)
    revoke()
    assert call(channel) == answers and fetches() == 2
    assert len(service.seen) == 3 and service.seen[1][0] in service.refused and service.seen[2][0] not in service.refused


@every_call
def test_a_second_refusal_reaches_the_caller(call, channel, service, revoke):
    revoke()
    service.refuses_all = True
    with pytest.raises(grpc.RpcError) as caught:
        call(channel)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED and len(service.seen) == 2


@every_call
def test_a_source_that_fails_leaves_the_refusal_of_the_server(call, channel, emulator, service, revoke):
    revoke()
    emulator.fault(kind="status", status=403, target="metadata")
    with pytest.raises(grpc.RpcError) as caught:
        call(channel)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert caught.value.details() == "the server says so" and len(service.seen) == 1


@every_call
def test_a_source_that_fails_at_first_fails_the_call_as_without_the_interceptor(call, emulator, service):
    """The channel asks the credentials, and gRPC tells the caller."""
    from yandex_cloud_auth.grpc import Replay

    emulator.fault(kind="status", status=403, target="metadata")
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        creds = Credentials.metadata(emulator.metadata_address)
        assert call(grpc.intercept_channel(channel, Replay(creds))) and service.seen[0][0] is None


@every_call
def test_a_renewal_and_the_second_call_have_the_rest_of_the_time(call, channel, emulator, service, revoke):
    revoke()
    emulator.fault(kind="latency", milliseconds=500, target="metadata")
    # gRPC rounds timeouts that are longer.
    assert call(channel, timeout=6)
    first, second = (left for _, left in service.seen)
    assert second <= first - 0.3


@every_call
def test_a_source_that_hangs_leaves_the_refusal_within_the_time(call, channel, emulator, revoke):
    revoke()
    emulator.fault(kind="latency", milliseconds=4500, target="metadata")
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, timeout=1)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED and time.monotonic() - began < 3


@pytest.mark.parametrize("is_refused", [False, True])
def test_neither_a_future_nor_a_stream_waits(is_refused, channel, emulator, service, creds, revoke):
    creds.header()
    if is_refused:
        revoke()
        emulator.fault(kind="latency", milliseconds=300, target="metadata")
    service.go = threading.Event()
    future = channel.unary_unary("/test/Unary").future(b"x", timeout=WITHIN)
    stream = channel.unary_stream("/test/Stream")(b"x", timeout=WITHIN)
    # The server has answered neither.
    assert future.running() and not future.done() and future.is_active() and stream.is_active()
    done = threading.Event()
    future.add_done_callback(lambda call: done.set() if call is future else None)
    with pytest.raises(grpc.FutureTimeoutError):
        future.result(timeout=0.01)
    service.go.set()
    assert done.wait(WITHIN) and future.result() == b"x" and future.exception() is None
    assert future.code() is grpc.StatusCode.OK and not future.cancelled() and not future.cancel()
    assert list(stream) == [b"x"] * 3


def test_a_future_is_cancelled_while_its_token_is_renewed(channel, emulator, service, revoke):
    revoke()
    emulator.fault(kind="latency", milliseconds=4500, target="metadata")
    future = channel.unary_unary("/test/Unary").future(b"x", timeout=WITHIN)
    until = time.monotonic() + WITHIN
    while not any("replay" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < until, "the renewal has no thread of its own"
        time.sleep(0.01)
    assert future.cancel() and future.cancelled() and future.done()
    with pytest.raises(grpc.FutureCancelledError):
        future.result(timeout=WITHIN)
    assert future.code() is grpc.StatusCode.CANCELLED and len(service.seen) == 1


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_stream_is_a_call(is_refused, channel, service, creds, revoke):
    if is_refused:
        revoke()
    stream = channel.unary_stream("/test/Stream")(b"x", timeout=WITHIN)
    ends = []
    assert isinstance(stream, grpc.Call) and stream.add_callback(lambda: ends.append(stream.code()))
    assert 0 < stream.time_remaining() <= WITHIN
    assert next(stream) == b"x" and stream.is_active() and ends == []
    assert dict(stream.initial_metadata()) == {"name": "value"}
    assert list(stream) == [b"x"] * 2 and not stream.is_active()
    assert stream.code() is grpc.StatusCode.OK and not stream.details()
    assert dict(stream.trailing_metadata()) == {"end": creds.header()}
    until = time.monotonic() + WITHIN
    while not ends and time.monotonic() < until:
        time.sleep(0.01)
    assert ends == [grpc.StatusCode.OK] and not stream.add_callback(print)


def test_a_stream_is_cancelled(channel, service, creds):
    creds.header()
    service.go = threading.Event()
    stream = channel.unary_stream("/test/Stream")(b"x", timeout=WITHIN)
    assert stream.cancel()
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert stream.code() is grpc.StatusCode.CANCELLED and not stream.cancel()


def test_a_refused_stream_that_is_cancelled_is_not_made_again(channel, service, revoke):
    revoke()
    stream = channel.unary_stream("/test/Stream")(b"x", timeout=WITHIN)
    assert stream.code() is grpc.StatusCode.UNAUTHENTICATED
    stream.cancel()
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert len(service.seen) == 1


def test_a_stream_without_answers_and_one_that_breaks_later_are_not_made_again(creds):
    from yandex_cloud_auth.grpc import Replay

    class Refusal(grpc.RpcError):
        def code(self):
            return grpc.StatusCode.UNAUTHENTICATED

    def answers(count):
        yield from itertools.repeat(b"x", count)
        if count:
            raise Refusal

    calls = []
    for count in [0, 2]:
        stream = Replay(creds).intercept_unary_stream(lambda *call: calls.append(call) or answers(count), None, b"x")
        seen = []
        with pytest.raises(Refusal) if count else pytest.raises(StopIteration):
            while True:
                seen.append(next(stream))
        assert len(seen) == count
    assert len(calls) == 2
