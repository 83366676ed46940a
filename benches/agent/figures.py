#!/usr/bin/env python3
"""The figures of the agent, beside nginx on the same work: by hand.

    YC_AUTH=target/dist/yc-auth python3 benches/agent/figures.py [--seconds 5] [--requests 1000000]

Needs nginx and wrk (`apt-get install nginx-light wrk`), and a binary of the profile `dist`. Everything runs on loopback. nginx
answers a static file of the size of the agent's response, with one worker. CPU is that of the server's process by
`/proc/PID/stat`; both sides are measured by turns in one run, with 16 connections that stay open.
"""

import argparse
import getpass
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "interop"))

from agent import Agent, free_port
from emulator import TOKEN_PATH, Emulator

ROUNDS = 5
TICK = os.sysconf("SC_CLK_TCK")
FAILED = []


def row(what, value, target="", met=None):
    """Prints one figure. `met` is whether it is what it should be."""
    if met is False:
        FAILED.append(what)
    verdict = {None: "", True: "met", False: "NOT MET"}[met]
    print(f"{what:<58} {value:>24}  {target:<26} {verdict}", flush=True)


def cpu(pid):
    """The CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid):
    """Resident memory in KiB: all of it, and that which is no file."""
    status = Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "RssAnon"))


class Nginx:
    """nginx with one worker and a static file."""

    def __init__(self, folder, body):
        (folder / "www").mkdir()
        (folder / "www" / "token").write_bytes(body)
        self.url = f"http://127.0.0.1:{(port := free_port())}/token"
        config = folder / "nginx.conf"
        config.write_text(
            # The folder is this user's.
            f"user {getpass.getuser()}; worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log /dev/null crit;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ access_log off; keepalive_requests 100000000; default_type application/json; server {{\n"
            f"listen 127.0.0.1:{port}; root {folder}/www; }} }}\n"
        )
        # Without the warning that only root can change the user.
        command = ["nginx", "-e", "/dev/null", "-p", str(folder), "-c", str(config)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(lambda: fetch(self.url))
        except BaseException:
            self.process.terminate()
            raise
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.pid = int(children[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def fetch(url, headers={}, data=None):
    return urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10).read()


def until(done, limit=20):
    end = time.monotonic() + limit
    while True:
        try:
            if done():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.001)


def load(url, pid, seconds, headers={}, script=None):
    """Microseconds of the server's CPU for each request, and requests a second."""
    options = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    options += ["-s", str(script)] if script else []
    before, began = cpu(pid), time.monotonic()
    out = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", *options, url], capture_output=True, text=True, check=True
    ).stdout
    used = cpu(pid) - before
    took = time.monotonic() - began
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"requests failed:\n{out}")
    requests = int(re.search(r"(\d+) requests in", out)[1])
    return used / requests * 1e6, requests / took


def requests_and_cpu(folder, agent, seconds):
    metadata, oauth = agent.addresses[:2]
    flavor = {"Metadata-Flavor": "Google"}
    url = f"http://{metadata}{TOKEN_PATH}"
    body = fetch(url, flavor)
    client = json.loads((folder / "client.json").read_text())
    form = f"grant_type=client_credentials&client_id={client['client_id']}&client_secret={client['client_secret']}"
    script = folder / "post.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = "{form}"\nwrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n'
    )
    pid = agent.process.pid
    with Nginx(folder, body) as nginx:
        sides = {
            "nginx, a static file": lambda: load(nginx.url, nginx.pid, seconds),
            "metadata": lambda: load(url, pid, seconds, flavor),
            "oauth": lambda: load(f"http://{oauth}/oauth2/token", pid, seconds, script=script),
        }
        rounds = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                rounds[name].append(side())
    base = statistics.median(cost for cost, _ in rounds["nginx, a static file"])
    for name, results in rounds.items():
        cost, rate = (statistics.median(column) for column in zip(*results))
        shown = f"{cost:.1f} us, {cost / base:.2f} times"
        is_ours = name in ("metadata", "oauth")
        row(f"CPU of a request: {name} ({rate:,.0f} a second)", shown, "at most 1.3 times" if is_ours else "", cost <= 1.3 * base if is_ours else None)


def memory(agent, count):
    pid, url = agent.process.pid, f"http://{agent.address}{TOKEN_PATH}"
    (_, before), made = resident(pid), 0
    while made < count:
        _, rate = load(url, pid, 5, {"Metadata-Flavor": "Google"})
        made += int(rate * 5)
    total, after = resident(pid)
    row("resident", f"{total / 1024:.1f} MiB", "at most 10 MiB", total <= 10 * 1024)
    row(f"growth over {made:,} requests", f"{after - before} KiB", "at most 256 KiB", after - before <= 256)


def start(program, folder, emulator):
    """From the start of the process until it is ready, less the time that the source takes."""
    took = []
    for number in range(ROUNDS):
        port = free_port()
        home = folder / f"start-{number}"
        home.mkdir()
        variables = {"HOME": str(home), "YC_METADATA_ADDR": emulator.metadata_address}
        source = time.monotonic()
        fetch(f"http://{emulator.metadata_address}{TOKEN_PATH}", {"Metadata-Flavor": "Google"})
        source = time.monotonic() - source
        began = time.monotonic()
        process = subprocess.Popen(
            [program, "serve", "--no-cache", "--method", "metadata", "--admin", f"127.0.0.1:{port}"],
            env=variables,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: fetch(f"http://127.0.0.1:{port}/readyz"))
            took.append(time.monotonic() - began - source)
        finally:
            process.kill()
            process.wait()
    best = min(took) * 1000
    row("start to ready beyond the source", f"{best:.1f} ms", "at most 20 ms", best <= 20)


def file_latency(program, folder):
    """From the library's line in the log to the agent's, with tokens of 2 s."""
    home = folder / "file"
    home.mkdir()
    with Emulator(program, home, lifetime=2) as emulator:
        key = home / "key.json"
        key.write_text(json.dumps(emulator.new_service_account_key()))
        variables = {"HOME": str(home), "YC_API_ENDPOINT": emulator.variables["YC_API_ENDPOINT"], "YC_AUTH_LOG": "debug"}
        log = (home / "log").open("w+")
        process = subprocess.Popen(
            [program, "serve", "--no-cache", "--key-file", str(key), "--token-file", str(home / "token")],
            env=variables,
            stderr=log,
        )
        time.sleep(12)
        process.kill()
        process.wait()
    log.seek(0)
    moments = {"a token was fetched": {}, "wrote the token": {}}
    for line in log:
        for what, found in moments.items():
            if what in line:
                found[re.search(r"generation=(\d+)", line)[1]] = datetime.fromisoformat(line.split()[0]).timestamp() * 1000
    fetched, written = moments.values()
    # The agent's line can come first: two threads write the log.
    waits = [max(0.0, written[generation] - fetched[generation]) for generation in fetched.keys() & written.keys()]
    if len(waits) < 4:
        sys.exit(f"{len(waits)} tokens in 12 s")
    row(f"a new token in the file, the longest of {len(waits)}", f"{max(waits):.1f} ms", "at most 5 ms", max(waits) <= 5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1_000_000)
    arguments = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} is missing: apt-get install nginx-light wrk")
    program = os.path.abspath(os.environ["YC_AUTH"])
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["--metadata", "127.0.0.1:0", "--oauth", "127.0.0.1:0", "--oauth-client", str(folder / "client.json")]
        with Emulator(program, folder) as emulator:
            start(program, folder, emulator)
            with Agent(program, folder, emulator, *options) as agent:
                requests_and_cpu(folder, agent, arguments.seconds)
                memory(agent, arguments.requests)
        file_latency(program, folder)
    print(f"\n{len(FAILED)} not met: {', '.join(FAILED)}" if FAILED else "\nall met")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
