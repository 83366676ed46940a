"""A gRPC service of the tests, without generated code: it repeats what it hears, and remembers what it got."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc

#: The name of the service, and how its paths begin.
NAME = "fake.cloud.v1.Echo"
PREFIX = f"/{NAME}/"


@dataclass
class Call:
    """A call that has reached the service."""

    method: str
    metadata: dict[str, str]
    time_left: float | None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def token(self) -> str:
        return self.metadata["authorization"]


class Echo:
    """The service, over plain HTTP/2, or over TLS with these certificates.

    `refuses` has the values of `authorization` that it answers with UNAUTHENTICATED. `refuses_all` adds each value that comes.
    """

    def __init__(self, certificates=None):
        self.calls: list[Call] = []
        self.refuses, self.refuses_all = set(), False
        self.server = grpc.server(ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(NAME, self._handlers())])
        if certificates:
            pair = (certificates.key.read_bytes(), certificates.chain.read_bytes())
            self.port = self.server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
            self.url = f"https://localhost:{self.port}"
        else:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
            self.url = f"http://127.0.0.1:{self.port}"
        self.server.start()

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        return {
            "Unary": grpc.unary_unary_rpc_method_handler(self._unary),
            "Stream": grpc.unary_stream_rpc_method_handler(self._stream),
            "Both": grpc.stream_stream_rpc_method_handler(self._both),
            "Hang": grpc.unary_stream_rpc_method_handler(self._hang),
        }

    def _begin(self, method: str, context: grpc.ServicerContext) -> Call:
        call = Call(method, dict(context.invocation_metadata()), context.time_remaining())
        context.add_callback(call.ended.set)
        self.calls.append(call)
        if self.refuses_all:
            self.refuses.add(call.token)
        if call.token in self.refuses:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is refused")
        return call

    def _unary(self, message: bytes, context) -> bytes:
        self._begin("Unary", context)
        context.set_trailing_metadata([("x-end", "of the call")])
        return message

    def _stream(self, message: bytes, context):
        self._begin("Stream", context)
        for word in message.split():
            yield word

    def _both(self, messages, context):
        self._begin("Both", context)
        for message in messages:
            yield message

    def _hang(self, message: bytes, context):
        call = self._begin("Hang", context)
        yield message
        call.ended.wait()

    def stop(self) -> None:
        self.server.stop(0).wait()


class Client:
    """The client of the service, with the key of a gateway."""

    def __init__(self, channel: grpc.Channel, key: str):
        self.metadata = [("authorization", f"Bearer {key}")]
        self._unary = channel.unary_unary(f"{PREFIX}Unary")
        self._stream = channel.unary_stream(f"{PREFIX}Stream")
        self._both = channel.stream_stream(f"{PREFIX}Both")
        self._hang = channel.unary_stream(f"{PREFIX}Hang")

    def unary(self, message: bytes, **options):
        return self._unary.with_call(message, metadata=self.metadata, **options)

    def stream(self, message: bytes, **options):
        return self._stream(message, metadata=self.metadata, **options)

    def both(self, messages, **options):
        return self._both(messages, metadata=self.metadata, **options)

    def hang(self, message: bytes, **options):
        return self._hang(message, metadata=self.metadata, **options)
