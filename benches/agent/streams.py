"""The gateway's streams of events: the time to the first event, CPU of each event, memory of each idle stream."""

import socket
import statistics
import threading
import time
from contextlib import ExitStack

from event_service import END, EVENT, PREFIX
from measure import by_turns, cpu, medians, resident, row
from peers import BODY, HOST, Side

FIRST_EVENTS = 100
#: The events of a long stream.
MANY = 200_000
#: Streams with a pace, and the events of each.
PACED, STEPS = 50, 200
IDLE = 1000


class Client:
    """A connection that asks for streams, one after another."""

    def __init__(self, side: Side):
        self._side = side
        host, port = side.address.split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if side.tls:
            self._socket = side.tls.wrap_socket(self._socket, server_hostname=HOST)
        self._received = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self._socket.close()

    def ask(self, kind: str, count: int) -> None:
        headers = {"Host": self._side.address, **self._side.headers, "Content-Length": str(len(BODY))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._received = b""
        self._socket.sendall(f"POST {PREFIX}{kind}/{count} HTTP/1.1\r\n{head}\r\n{BODY}".encode())

    def _receive(self) -> None:
        more = self._socket.recv(1 << 18)
        if not more:
            raise ConnectionError(f"{self._side.address} has closed a stream")
        # The beginning of a response, or the end of a long one, is what matters.
        self._received = self._received[-4096:] + more

    def first_event(self) -> None:
        """Waits for the first event."""
        while EVENT[-12:] not in self._received:
            self._receive()
            if not self._received.startswith(b"HTTP/1.1 200 "):
                raise ConnectionError(self._received)

    def rest(self) -> None:
        """Reads the stream to its end, so that all events of it have arrived."""
        while not self._received.endswith(b"\r\n" + END):
            self._receive()


def first_event(side: Side) -> float:
    """The time to the first event, in microseconds: the median of streams on one connection."""
    times = []
    with Client(side) as client:
        for _ in range(FIRST_EVENTS):
            began = time.perf_counter()
            client.ask("once", 1)
            client.first_event()
            times.append((time.perf_counter() - began) * 1e6)
            client.rest()
    # The first streams open the connections.
    return statistics.median(times[5:])


def event_cost(side: Side, kind: str, count: int, streams: int) -> float:
    """Microseconds of CPU of the process for each event."""

    def read(client: Client) -> None:
        client.ask(kind, count)
        client.first_event()
        client.rest()
        ended.append(client)

    ended: list[Client] = []
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(side)) for _ in range(streams)]
        before = cpu(side.pid)
        threads = [threading.Thread(target=read, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        used = cpu(side.pid) - before
    if len(ended) != streams:
        raise ConnectionError(f"{streams - len(ended)} of {streams} streams have broken off")
    return used / (count * streams) * 1e6


def idle_cost(side: Side) -> float:
    """KiB of resident memory for each stream that is open and says nothing. The process has to be a new one: memory that it has
    freed would not be counted."""
    with ExitStack() as stack:

        def open_streams(count: int) -> None:
            for _ in range(count):
                client = stack.enter_context(Client(side))
                client.ask("idle", 1)
                client.first_event()

        open_streams(50)
        before = resident(side.pid)[0]
        open_streams(IDLE)
        return (resident(side.pid)[0] - before) / IDLE


def latency(sides: dict[str, Side], name: str, limits: bool) -> None:
    """The time to the first event through each side, less that of the side `direct`."""
    times = medians(by_turns({side: lambda side=side: first_event(sides[side]) for side in sides}))
    for side in [side for side in times if side != "direct"]:
        added, told = times[side] - times["direct"], not limits or side != "gateway"
        row(f"{side}{name}: added time to the first event", f"{added:.0f} us", "at most 300 us", added <= 300, told)


def cost(sides: dict[str, Side]) -> None:
    """CPU of each event. Events that come one after another are read many at a time, those with a pace one by one."""
    kinds = {"one after another": ("once", MANY, 1), f"{PACED} streams, each 100 a second": ("paced", STEPS, PACED)}
    for what, (kind, count, streams) in kinds.items():
        costs = medians(by_turns({side: lambda side=side: event_cost(sides[side], kind, count, streams) for side in sides}))
        for side, each in costs.items():
            told = side != "gateway" or kind != "once"
            row(f"{side}: CPU of an event, {what}", f"{each:.2f} us", "at most 2 us", each <= 2, told)


def memory(make: dict, name: str, limits: bool) -> None:
    """`make` starts a new process of each side."""

    def fresh(start) -> float:
        with start() as process:
            return idle_cost(process.side)

    costs = medians(by_turns({side: lambda start=start: fresh(start) for side, start in make.items()}))
    for side, each in costs.items():
        told = not limits or side != "gateway"
        row(f"{side}{name}: resident for each of {IDLE} idle streams", f"{each:.1f} KiB", "at most 16 KiB", each <= 16, told)
