"""A service of streams of events, in a process of its own, so that its CPU and its threads are not those of a client.

`POST /v1/events/KIND/COUNT` over HTTP/1.1. Each event is a chunk and a write of its own.

    once    COUNT events one after another, then the end
    paced   COUNT events, one in each 10 ms, then the end
    idle    COUNT events, then nothing until the client goes
"""

import re
import socket
import subprocess
import sys
import threading
import time
from typing import Iterator

PREFIX = "/v1/events/"
PACE = 0.01  # seconds

#: A token, as AI Studio sends it.
EVENT = (
    b'data: {"id":"chatcmpl-fake","object":"chat.completion.chunk","created":1764547200,'
    b'"model":"gpt://b1gfakefakefakefakef/yandexgpt/latest",'
    b'"choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}\n\n'
)
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class EventService:
    """The process of the service."""

    def __enter__(self) -> "EventService":
        self._process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.address = f"127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def paths(connection: socket.socket) -> Iterator[str]:
    """The paths of the requests of a connection."""
    received = b""

    def receive() -> bytes:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError
        return received + more

    while True:
        while b"\r\n\r\n" not in received:
            received = receive()
        head, _, received = received.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(received) < length:
            received = receive()
        received = received[length:]
        yield head.split()[1].decode()


def serve(connection: socket.socket) -> None:
    # Else an event waits for the receipt of the one before.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for path in paths(connection):
            kind, count = path.removeprefix(PREFIX).split("/")
            connection.sendall(HEAD)
            due = time.monotonic()
            for _ in range(int(count)):
                if kind == "paced":
                    time.sleep(max(0, due - time.monotonic()))
                    due += PACE
                connection.sendall(CHUNK)
            if kind != "idle":
                connection.sendall(END)
    except OSError:
        pass  # The client is gone.
    finally:
        connection.close()


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=[connection], daemon=True).start()


if __name__ == "__main__":
    main()
