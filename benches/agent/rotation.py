"""The token changes: requests of the gateway through a change in each second, and the time until Envoy uses a new token."""

import json
import math
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from measure import row, wrk

from emulator import Emulator
from peers import CHAT, KEPT, Gateway, Service, Side, chat_script, envoy, new_folder

#: The life of a token in seconds, as in `tests/interop/test_agent_rotation.py`: the agent renews a token after a second.
LIFE = 1.4
EXCHANGE = "POST /iam/v1/tokens"

CONNECTIONS = 64
#: Requests a second through Envoy: how exactly the first use of a token is seen.
LOOKS = 2000


class CheckingService(Service):
    """A service whose answers are those of the emulator to the question whose token this is: 200 to a token that the emulator
    accepts at this moment, else 401. Its log has when each response was sent, the status, and the token."""

    def __init__(self, folder: Path, emulator: Emulator, certificates=None):
        self._log = new_folder(folder) / "tokens"
        super().__init__(
            folder,
            f"access_log {self._log} tokens buffer=64k flush=100ms;\n"
            "location / { rewrite ^ /oauth/userinfo break; proxy_pass http://emulator; proxy_method GET; proxy_pass_request_body off; proxy_http_version 1.1;"
            f" proxy_set_header Host {emulator.address}; proxy_set_header Connection ''; proxy_set_header Content-Length ''; }}",
            f"log_format tokens '$msec $status $http_authorization';\nupstream emulator {{ server {emulator.address}; {KEPT} }}",
            certificates=certificates,
        )
        try:
            assert self._status(emulator.iam_token()) == 200, "the service refuses a token of the emulator"
            assert self._status("t1.of-no-cloud") == 401, "the service accepts any token"
        except BaseException:
            self.stop()
            raise

    def _status(self, token: str) -> int:
        request = urllib.request.Request(self.url(self.address) + CHAT, headers={"Authorization": f"Bearer {token}"})
        try:
            return urllib.request.urlopen(request, timeout=10, context=self.context).status
        except urllib.error.HTTPError as error:
            return error.code

    def seen(self, since: float) -> tuple[dict[str, float], int]:
        """The accepted tokens with the end of the first request of each, and the number of requests that were refused."""
        # nginx writes its log with a delay.
        time.sleep(1)
        used: dict[str, float] = {}
        refused = 0
        with self._log.open() as log:
            for line in log:
                moment, status, header = line.rstrip("\n").split(" ", 2)
                if float(moment) < since:
                    continue
                if status == "200":
                    # The moment is cut off to whole milliseconds.
                    used.setdefault(header.removeprefix("Bearer "), float(moment) + 0.001)
                else:
                    refused += 1
        return used, refused


class Issuer:
    """The API of the emulator, passed on by a server that notes when it sends each new token to the agent."""

    def __init__(self, emulator: Emulator):
        self.issued: dict[str, float] = {}
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def respond(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
                request = urllib.request.Request(f"{emulator.url}{self.path}", data, {"Content-Type": "application/json"})
                try:
                    response = urllib.request.urlopen(request, timeout=10)
                except urllib.error.HTTPError as error:
                    response = error
                # The list of services has addresses of the emulator.
                body = response.read().replace(emulator.address.encode(), owner.address.encode())
                self.send_response(response.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                token = json.loads(body).get("iamToken")
                if token:
                    owner.issued[token] = time.time()
                self.wfile.write(body)

            do_GET = do_POST = respond

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        # Where an agent of this emulator looks for the API.
        emulator.variables["YC_API_ENDPOINT"] = f"http://{self.address}"

    def __enter__(self) -> "Issuer":
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()


def half_load(program: str, folder: Path, rate: float, seconds: int) -> None:
    """The gateway at half of this rate, while its token changes each second."""
    folder = new_folder(folder)
    with (
        Emulator(program, folder, lifetime=LIFE) as emulator,
        CheckingService(folder, emulator) as service,
        Gateway(program, folder, emulator, service) as agent,
    ):
        exchanges, began, side = emulator.requests(EXCHANGE), time.time(), agent.side
        done = wrk(side.url(), side.pid, seconds, side.headers, chat_script(folder, rate / 2), CONNECTIONS)
        exchanges = emulator.requests(EXCHANGE) - exchanges
        used, refused = service.seen(began)
    what = f"rotation each second for {seconds} s"
    is_long = seconds >= 60
    row(f"{what}: load", f"{done.rate:,.0f} a second", f"half of {rate:,.0f}", 0.9 <= done.rate / rate * 2 <= 1.1)
    row(f"{what}: requests that failed", f"{done.failed} of {done.requests:,}", "0 in 60 s", done.failed == 0 and is_long)
    row(f"{what}: tokens that the service refused", str(refused), "0 in 60 s", refused == 0 and is_long)
    least = int(seconds / 1.25)
    enough = exchanges >= least and len(used) >= least
    row(f"{what}: tokens fetched, and accepted by the service", f"{exchanges}, {len(used)}", f"at least {least}", enough)


def first_uses(program: str, folder: Path, certificates, count: int) -> None:
    """From the moment at which a new token is sent to the agent, until Envoy has a response to a request with this token.

    The agent has the token a little later, and the request has begun earlier: the time that is told is longer than the way of the
    token from the agent to its first use. It has the wait for the next request, and up to a millisecond of nginx's clock, too.
    """
    folder, seconds = new_folder(folder), math.ceil(count * 1.05) + 3
    with (
        Emulator(program, folder, lifetime=LIFE) as emulator,
        CheckingService(folder, emulator, certificates) as service,
        Issuer(emulator) as issuer,
        Gateway(program, folder, emulator, service) as agent,
        envoy(folder, agent, service) as daemon,
    ):
        began, side = time.time(), Side(daemon.address, daemon.pid)
        done = wrk(side.url(), side.pid, seconds, side.headers, chat_script(folder, LOOKS))
        ended = time.time()
        used, refused = service.seen(began)
    # The last one can come after the last request.
    issued = {token: moment for token, moment in issuer.issued.items() if began < moment < ended - 1}
    waits = sorted((used[token] - moment) * 1000 for token, moment in issued.items() if token in used)
    unused = len(issued) - len(waits)
    what = f"Envoy, {len(waits)} new tokens"
    if not waits:
        row(f"{what}: until the first use, p99", "", "at most 10 ms", False)
        return
    row(f"{what}: until the first use, median", f"{waits[len(waits) // 2]:.1f} ms")
    p99 = waits[math.ceil(len(waits) * 0.99) - 1]
    row(f"{what}: until the first use, p99", f"{p99:.1f} ms", "at most 10 ms, of 100", p99 <= 10 and len(waits) >= 100)
    row(f"{what}: tokens without a use", f"{unused}", "0", unused == 0)
    row(f"{what}: tokens that the service refused", str(refused), "0", refused == 0)
    # On a machine that is too busy, a token of this life can end before there is another. Envoy refuses requests then.
    row(f"{what}: requests that failed", f"{done.failed} of {done.requests:,}")
    moments = sorted(issuer.issued.values())
    longest = max(later - earlier for earlier, later in zip(moments, moments[1:]))
    row(f"{what}: longest time between two tokens", f"{longest:.2f} s of {LIFE} s")
