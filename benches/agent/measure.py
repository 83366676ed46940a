"""How the benches of the agent measure: wrk as the load, CPU and memory of a process by `/proc`, and the list of figures."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, TypeVar

# The agent and the emulator of the tests. Import this module before them.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "interop"))

T = TypeVar("T")

ROUNDS = 5
TICK = os.sysconf("SC_CLK_TCK")

#: The figures that are not what they should be, and those without a measurement.
FAILED: list[str] = []
MISSING: list[str] = []


def row(what: str, value: str, target: str = "", met: bool | None = None, told: bool = False) -> None:
    """Prints one figure. `met` is whether it is what it should be. A figure that is only `told` has no target."""
    if told:
        target, met = "", None
    if met is False:
        FAILED.append(what)
    verdict = {None: "", True: "met", False: "NOT MET"}[met]
    print(f"{what:<64} {value:>24}  {target:<26} {verdict}", flush=True)


def missing(what: str, target: str = "") -> None:
    """Prints that a figure has no measurement."""
    MISSING.append(what)
    print(f"{what:<64} {'':>24}  {target:<26} MISSING", flush=True)


def conclude() -> int:
    """Prints what is not met or missing. The result is the exit status."""
    lists = [f"{len(names)} {what}: {', '.join(names)}" for what, names in (("not met", FAILED), ("missing", MISSING)) if names]
    print("\n" + ("\n".join(lists) or "all met"))
    return 1 if lists else 0


def need_tools() -> None:
    absent = [tool for tool in ("nginx", "wrk") if shutil.which(tool) is None]
    if absent:
        sys.exit(f"{' and '.join(absent)} is missing: apt-get install nginx-light wrk")


def cpu(pid: int) -> float:
    """The CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> tuple[int, int]:
    """Resident memory in KiB: all of it, and that which is no file."""
    status = Path(f"/proc/{pid}/status").read_text()
    total, anonymous = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "RssAnon"))
    return total, anonymous


def until(done: Callable[[], object], limit: float = 20) -> None:
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


@dataclass
class Load:
    """What wrk has done."""

    requests: int
    #: Requests without a good response.
    failed: int
    seconds: float
    #: The latency at p99, in microseconds.
    p99: float
    #: The seconds of CPU that the server used.
    cpu: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of the server's CPU for each request."""
        return self.cpu / self.requests * 1e6


#: For a script of wrk: the next request of a connection goes out when the schedule of all connections has a place for it.
PACE = """
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, microseconds; } moment; int gettimeofday(moment *now, void *zone);")
local moment, due = ffi.new("moment"), nil
function delay()
  ffi.C.gettimeofday(moment, nil)
  local now = tonumber(moment.seconds) + tonumber(moment.microseconds) / 1e6
  -- What a pause has left out is made up for, but not all of it at once.
  due = math.max(due or now, now - 0.1) + 1 / RATE
  return math.max(0, math.floor((due - now) * 1000 + 0.5))
end
"""


def paced(rate: float) -> str:
    """The part of a script of wrk that keeps to this rate, in requests a second."""
    return PACE.replace("RATE", str(rate))


def wrk(url: str, pid: int, seconds: float, headers: dict[str, str] = {}, script: Path | None = None, connections: int = 16) -> Load:
    """Puts load on a server, whose process this is."""
    options = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    options += ["-s", str(script)] if script else []
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", *options, url]
    before, began = cpu(pid), time.monotonic()
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used, took = cpu(pid) - before, time.monotonic() - began
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    return Load(
        requests=int(re.search(r"(\d+) requests in", out)[1]),
        failed=sum(int(count) for found in (bad, errors) if found for count in found.groups()),
        seconds=took,
        p99=float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit],
        cpu=used,
    )


def load(url: str, *arguments, **options) -> Load:
    """Load of which no request may fail."""
    done = wrk(url, *arguments, **options)
    if done.failed or not done.requests:
        sys.exit(f"{done.failed} of {done.requests} requests failed: {url}")
    return done


def by_turns(sides: dict[str, Callable[[], T]], rounds: int = ROUNDS) -> dict[str, list[T]]:
    """Measures each side once in each round."""
    results: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            results[name].append(side())
    return results


def medians(results: dict[str, list[T]], figure: Callable[[T], float] = lambda result: result) -> dict[str, float]:
    """The median of a figure for each side."""
    return {name: statistics.median(map(figure, of_side)) for name, of_side in results.items()}
