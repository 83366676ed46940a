#!/usr/bin/env python3
"""The figures of the agent, beside nginx on the same work: by hand.

    YC_AUTH=target/dist/yc-auth python3 benches/agent/figures.py [--seconds 5] [--requests 1000000]

Needs nginx and wrk (`apt-get install nginx-light wrk`), and a binary of the profile `dist`. Everything runs on loopback. nginx
answers a static file of the size of the agent's response, with one worker. CPU is that of the server's process by
`/proc/PID/stat`; both sides are measured by turns in one run, with 16 connections that stay open.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import measure
from agent import Agent, fetch, free_port
from emulator import TOKEN_PATH, Emulator
from measure import ROUNDS, by_turns, load, medians, resident, row, until
from peers import Nginx

FLAVOR = {"Metadata-Flavor": "Google"}


def requests_and_cpu(folder, agent, seconds):
    metadata, oauth = agent.addresses[:2]
    url = f"http://{metadata}{TOKEN_PATH}"
    (folder / "www").mkdir()
    (folder / "www" / "token").write_bytes(fetch(url, Metadata_Flavor="Google"))
    client = json.loads((folder / "client.json").read_text())
    form = f"grant_type=client_credentials&client_id={client['client_id']}&client_secret={client['client_secret']}"
    script = folder / "post.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = "{form}"\nwrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n'
    )
    pid = agent.process.pid
    with Nginx(folder, f"default_type application/json; server {{ listen 127.0.0.1:PORT; root {folder}/www; }}") as nginx:
        results = by_turns(
            {
                "nginx, a static file": lambda: load(f"http://{nginx.address}/token", nginx.pid, seconds),
                "metadata": lambda: load(url, pid, seconds, FLAVOR),
                "oauth": lambda: load(f"http://{oauth}/oauth2/token", pid, seconds, script=script),
            }
        )
    costs, rates = medians(results, lambda done: done.cost), medians(results, lambda done: done.rate)
    base = costs["nginx, a static file"]
    for name, cost in costs.items():
        shown, told = f"{cost:.1f} us, {cost / base:.2f} times", name not in ("metadata", "oauth")
        row(f"CPU of a request: {name} ({rates[name]:,.0f} a second)", shown, "at most 1.3 times", cost <= 1.3 * base, told)


def memory(agent, count):
    pid, url = agent.process.pid, f"http://{agent.address}{TOKEN_PATH}"
    (_, before), made = resident(pid), 0
    while made < count:
        made += load(url, pid, 5, FLAVOR).requests
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
        fetch(f"http://{emulator.metadata_address}{TOKEN_PATH}", Metadata_Flavor="Google")
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
    measure.need_tools()
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
    return measure.conclude()


if __name__ == "__main__":
    sys.exit(main())
