"""Envoy with the configuration that `docs/envoy.md` recommends, and clients that ask through it."""

import json
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import yaml

from daemons import Daemon, TokenServer

RECOMMENDED = Path(__file__).parents[2] / "deploy/envoy/injector.yaml"

#: The host that the configuration names.
HOST = "ai.api.cloud.yandex.net"


def server_context(certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    return context


class EnvoySds(Daemon):
    """The recommended configuration. Only what belongs to a machine is replaced: the port, the addresses of the service and of the
    agent, and the file of authorities."""

    def __init__(self, folder: Path, socket: Path, server: TokenServer, authority: Path):
        self._socket, self._server, self._authority = socket, server, authority
        super().__init__(folder, "envoy")

    def configuration(self) -> dict:
        config = yaml.safe_load(RECOMMENDED.read_text())
        (listener,) = config["static_resources"]["listeners"]
        service, agent = config["static_resources"]["clusters"]
        listener["address"]["socket_address"]["port_value"] = int(self.address.rpartition(":")[2])
        replace(service, {"address": HOST, "port_value": 443}, socket_address(self._server.address))
        context = service["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
        context["trusted_ca"]["filename"] = str(self._authority)
        replace(agent, {"path": "/run/yc-auth/sds.sock"}, {"path": str(self._socket)})
        return config

    def command(self):
        file = self.folder / "envoy.json"
        file.write_text(json.dumps(self.configuration()))
        options = ["--concurrency", "1", "--use-dynamic-base-id", "--disable-hot-restart"]
        return [Path(sys.prefix) / "bin/envoy", "-c", file, *options]


def socket_address(address: str) -> dict:
    host, _, port = address.rpartition(":")
    return {"address": host, "port_value": int(port)}


def replace(cluster: dict, old: dict, new: dict) -> None:
    """Replaces the only address of a cluster, which has to be the old one."""
    ((endpoint,),) = ([entry["endpoint"] for entry in group["lb_endpoints"]] for group in cluster["load_assignment"]["endpoints"])
    ((kind, address),) = endpoint["address"].items()
    assert address == old, (kind, address)
    endpoint["address"] = {kind: new}


@dataclass
class Answer:
    start: float
    end: float
    #: The status, or why there is none.
    outcome: int | str


class Clients:
    """Clients that ask at an address without a pause, each over a connection of its own."""

    def __init__(self, address: str, count: int = 4):
        self.answers: list[Answer] = []
        self._address, self._end = address, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def _run(self) -> None:
        connection = HTTPConnection(self._address, timeout=20)
        while not self._end.is_set():
            start = time.monotonic()
            try:
                # A header of the client's own has to be replaced.
                connection.request("GET", "/v1/models", headers={"Authorization": "Bearer of-the-client"})
                response = connection.getresponse()
                response.read()
                outcome = response.status
            except (OSError, HTTPException) as error:
                connection.close()
                outcome = repr(error)
            self.answers.append(Answer(start, time.monotonic(), outcome))
        connection.close()

    def outcomes(self, since: float = 0) -> set[int | str]:
        return {answer.outcome for answer in list(self.answers) if answer.start >= since}

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(30)
