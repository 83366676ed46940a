#!/usr/bin/env python3
"""The figures of the gateway, beside nginx with a static header on the same work: by hand.

    YC_AUTH=target/dist/yc-auth python3 benches/agent/gateway.py [--seconds 5]

Needs nginx and wrk (`apt-get install nginx-light wrk`), and a binary of the profile `dist`. Everything runs on loopback. The
service behind both is a third nginx that answers a file of 600 bytes over plain HTTP/1.1. Requests are chats with the whole URI
of the model, on connections that stay open; CPU is that of the server's process by `/proc/PID/stat`; the sides take turns.
"""

import argparse
import getpass
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "interop"))

import figures
from agent import Agent, free_port
from emulator import Emulator
from figures import cpu, resident, row, until

ROUNDS = 5
BODY = '{"model":"gpt://b1gfakefakefakefakef/yandexgpt/latest","messages":[{"role":"user","content":"hello"}]}'
STREAMS = 1000


class Nginx:
    """nginx with one worker and this content of `http`."""

    def __init__(self, folder, name, http):
        self.port = free_port()
        config = folder / f"{name}.conf"
        config.write_text(
            f"user {getpass.getuser()}; worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log /dev/null crit;\n"
            "worker_rlimit_nofile 8192; events { worker_connections 4096; }\n"
            f"http {{ access_log off; keepalive_requests 100000000; {http.replace('PORT', str(self.port))} }}\n"
        )
        command = ["nginx", "-e", "/dev/null", "-p", str(folder), "-c", str(config)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: socket.create_connection(("127.0.0.1", self.port)).close() or True)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.pid = int(children[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def load(url, pid, seconds, script, connections=16):
    """Microseconds of the server's CPU for each request, requests a second, and the latency at p99 in microseconds."""
    before, began = cpu(pid), time.monotonic()
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used, took = cpu(pid) - before, time.monotonic() - began
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"requests failed:\n{out}")
    requests = int(re.search(r"(\d+) requests in", out)[1])
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return used / requests * 1e6, requests / took, float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


class Events:
    """A service whose streams of events never end, and one whose stream has its first event at once."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(stream)
            threading.Thread(target=self._serve, args=[stream], daemon=True).start()

    def _serve(self, stream):
        stream.recv(65536)
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        stream.sendall((head + "9\r\ndata: 0\n\n\r\n").encode())

    def close(self):
        self.listener.close()
        for stream in self.open:
            stream.close()


def streams(agent, address, key):
    """Resident memory for each idle stream, and the time to the first event, in microseconds."""
    def first_event(port, key):
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/events", BODY, headers)
        response = connection.getresponse()
        assert response.read(9) == b"data: 0\n\n"
        return connection, response, (time.perf_counter() - began) * 1e6

    port = int(address.rsplit(":", 1)[1])
    kept = [first_event(port, key) for _ in range(50)]
    before = resident(agent.process.pid)[0]
    kept += [first_event(port, key) for _ in range(STREAMS)]
    after = resident(agent.process.pid)[0]
    return (after - before) / STREAMS, kept, first_event


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} is missing: apt-get install nginx-light wrk")
    program = os.path.abspath(os.environ["YC_AUTH"])
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with tempfile.TemporaryDirectory() as name, Emulator(program, Path(name)) as emulator:
        folder = Path(name)
        (folder / "www/v1/chat").mkdir(parents=True)
        (folder / "www/v1/chat/completions").write_text("x" * 600)
        service = "server { listen 127.0.0.1:PORT; root %s/www; error_page 405 =200 $uri; default_type application/json; }"
        with Nginx(folder, "service", service % folder) as service:
            static = (
                "upstream s { server 127.0.0.1:%d; keepalive 64; } server { listen 127.0.0.1:PORT; location / {"
                " proxy_pass http://s; proxy_http_version 1.1; proxy_set_header Connection '';"
                " proxy_set_header Authorization 'Bearer static'; proxy_buffering off; } }"
            )
            events, key = Events(), folder / "gateway.key"
            config = folder / "agent.toml"
            config.write_text(
                f'[[identity]]\nname = "one"\n[[listen]]\nkind = "gateway"\naddress = "127.0.0.1:0"\nkeys = [{{ file = "{key}" }}]\n'
                "limits = { connections = 4096 }\n"
                f'[[listen.upstream]]\nhost = "http://127.0.0.1:{events.port}"\nprefix = "/v1/events"\n'
                f'[[listen.upstream]]\nhost = "http://127.0.0.1:{service.port}"\nprefix = "/v1/"\n'
                '[[listen]]\nkind = "admin"\naddress = "127.0.0.1:0"\n'
            )
            with Nginx(folder, "static", static % service.port) as static, Agent(
                program, folder, emulator, "--config", str(config)
            ) as agent:
                run(folder, agent, static, service, key.read_text(), events, arguments.seconds)
            events.close()
    failed = figures.FAILED
    print(f"\n{len(failed)} not met: {', '.join(failed)}" if failed else "\nall met")
    return 1 if failed else 0


def run(folder, agent, static, service, key, events, seconds):
    script = folder / "post.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = '{BODY}'\nwrk.headers['Content-Type'] = 'application/json'\n"
        f"wrk.headers['Authorization'] = 'Bearer {key}'\n"
    )
    path, address = "/v1/chat/completions", agent.address
    sides = {
        "nginx": (f"http://127.0.0.1:{static.port}{path}", static.pid),
        "gateway": (f"http://{address}{path}", agent.process.pid),
        "direct": (f"http://127.0.0.1:{service.port}{path}", service.pid),
    }
    many, one = ({name: [] for name in sides} for _ in range(2))
    for _ in range(ROUNDS):
        for name, (url, pid) in sides.items():
            many[name].append(load(url, pid, seconds, script))
            one[name].append(load(url, pid, max(1, seconds // 2), script, connections=1))
    median = lambda results, column: statistics.median(result[column] for result in results)
    for name, results in many.items():
        row(f"{name}: CPU of a request, requests a second", f"{median(results, 0):.1f} us, {median(results, 1):,.0f}")
    cost = median(many["gateway"], 0) / median(many["nginx"], 0)
    row("CPU of a request beside nginx", f"{cost:.2f} times", "at most 1.6 times", cost <= 1.6)
    rate = median(many["gateway"], 1) / median(many["nginx"], 1)
    row("requests a second beside nginx", f"{rate:.2f} times", "at least 0.65 times", rate >= 0.65)
    added = median(one["gateway"], 2) - median(one["direct"], 2)
    row("added p99 at one connection", f"{added:.0f} us", "at most 150 us", added <= 150)
    row("resident after the load", f"{resident(agent.process.pid)[0] / 1024:.1f} MiB", "at most 16 MiB", resident(agent.process.pid)[0] <= 16 << 10)
    each, _kept, first_event = streams(agent, address, key)
    row(f"resident for each of {STREAMS} idle streams", f"{each:.1f} KiB", "at most 16 KiB", each <= 16)
    direct = statistics.median(first_event(events.port, key)[2] for _ in range(200))
    through = statistics.median(first_event(int(address.rsplit(":", 1)[1]), key)[2] for _ in range(200))
    row("added time to the first event", f"{through - direct:.0f} us", "at most 300 us", through - direct <= 300)


if __name__ == "__main__":
    sys.exit(main())
