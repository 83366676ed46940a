"""Envoy takes its token from `yc-auth serve --sds`, in the configuration that `docs/envoy.md` recommends."""

import signal
import socket
import time

import pytest

from agent import ANY, fetch
from daemons import TokenServer
from envoy_sds import HOST, Clients, EnvoySds, server_context
from processes import wait_for
from tool_server import make_certificates

EXCHANGE = "POST /iam/v1/tokens"


@pytest.fixture(scope="module")
def of_host(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"), [HOST])


class Bench:
    """An agent, a service over TLS, and Envoy between the clients and the service."""

    def __init__(self, serve, emulator, folder, certificates, *options: str):
        self.emulator, self.folder = emulator, folder
        self.socket = folder / "sds.sock"
        self.server = TokenServer(emulator.accepts, server_context(certificates))
        self.agent = serve(emulator, "--sds", f"unix:{self.socket}", *options)
        self._authority = certificates.authority

    def envoy(self) -> EnvoySds:
        return EnvoySds(self.folder, self.socket, self.server, self._authority)


@pytest.fixture
def bench(serve, make_emulator, tmp_path, of_host):
    def bench(*options: str, **settings) -> Bench:
        made.append(Bench(serve, make_emulator(**settings), tmp_path, of_host, *options))
        made[-1].server.__enter__()
        return made[-1]

    made: list[Bench] = []
    yield bench
    for one in made:
        one.server.__exit__()


def test_no_request_fails_while_the_token_rotates_every_second(bench):
    # The agent renews such a token after a second.
    bench = bench("--admin", ANY, lifetime=1.4)
    with bench.envoy() as envoy, Clients(envoy.address) as clients:
        before, start = bench.emulator.requests(EXCHANGE), time.monotonic()
        time.sleep(8)
        rotations, seconds = bench.emulator.requests(EXCHANGE) - before, time.monotonic() - start
        log = envoy.log.read_text()

    assert clients.outcomes() == {200} == bench.server.statuses
    assert len(clients.answers) > 50 * seconds
    assert len(bench.server.tokens) >= 6 and seconds / 1.25 < rotations < seconds / 0.75
    metrics = fetch(f"http://{bench.agent.addresses[1]}/metrics").decode()
    assert "yc_auth_agent_sds_rejections_total 0\n" in metrics
    assert "t1." not in log + bench.agent.log.read_text()


def test_envoy_serves_on_while_the_agent_is_dead_and_finds_it_again(bench):
    bench = bench(lifetime=60)
    with bench.envoy() as envoy, Clients(envoy.address) as clients:
        for _ in range(2):
            wait_for(lambda: len(clients.answers) > 50)
            before = len(bench.server.tokens)
            bench.agent.kill()
            time.sleep(2)
            bench.agent.start()
            restart = time.monotonic()
            wait_for(lambda: len(bench.server.tokens) > before, 5)
            assert time.monotonic() - restart < 3

    assert clients.outcomes() == {200} == bench.server.statuses


def test_a_token_that_is_over_is_withdrawn_until_there_is_another(bench):
    bench = bench(lifetime=4)
    with bench.envoy() as envoy, Clients(envoy.address) as clients:
        wait_for(lambda: len(clients.answers) > 50)
        bench.emulator.fault(kind="status", path="/iam/v1/tokens", status=503)
        wait_for(lambda: 401 in clients.outcomes(), 15)
        withdrawn = time.monotonic()
        count = len(bench.server.requests)
        time.sleep(0.5)
        # Envoy itself refuses, and the service has never seen a token that is over.
        assert clients.outcomes(withdrawn) == {401}
        assert len(bench.server.requests) <= count + 4
        bench.emulator.reset()
        wait_for(lambda: 200 in clients.outcomes(withdrawn), 15)
        again = time.monotonic()
        time.sleep(0.5)
        assert clients.outcomes(again) == {200}

    assert clients.outcomes() == {200, 401} and bench.server.statuses == {200}


def test_envoy_does_not_listen_before_it_has_a_token(bench):
    bench = bench()
    bench.agent.stop()
    bench.emulator.fault(kind="status", path="/iam/v1/tokens", status=503)
    bench.agent.start()

    class Waiting(EnvoySds):
        """It is up when the program runs."""

        def is_up(self):
            return "starting main dispatch loop" in self.log.read_text() or "initializing epoch" in self.log.read_text()

    with Waiting(bench.folder, bench.socket, bench.server, bench._authority) as envoy:
        time.sleep(1)
        host, _, port = envoy.address.rpartition(":")
        with pytest.raises(ConnectionRefusedError), socket.create_connection((host, int(port))):
            pass
        bench.emulator.reset()
        wait_for(lambda: EnvoySds.is_up(envoy), 15)
        with Clients(envoy.address) as clients:
            wait_for(lambda: len(clients.answers) > 20)

    assert clients.outcomes() == {200} == bench.server.statuses


def test_a_reload_fails_no_request(serve, make_emulator, tmp_path, of_host):
    emulator, config = make_emulator(lifetime=3), tmp_path / "agent.toml"
    listener = '[[identity]]\nname = "one"\n{}\n[[listen]]\nkind = "sds"\npath = "sds.sock"\n'
    config.write_text(listener.format(""))
    agent = serve(emulator, "--config", str(config))
    with (
        TokenServer(emulator.accepts, server_context(of_host)) as server,
        EnvoySds(tmp_path, tmp_path / "sds.sock", server, of_host.authority) as envoy,
        Clients(envoy.address) as clients,
    ):
        for count in range(6):
            # Every second one is another identity.
            config.write_text(listener.format(f'folder = "b1gfakefolder{count // 2}"'))
            agent.process.send_signal(signal.SIGHUP)
            wait_for(lambda: agent.log.read_text().count("read the configuration again") == count + 1)
            time.sleep(0.7)

    assert clients.outcomes() == {200} == server.statuses
    assert len(server.tokens) >= 4
