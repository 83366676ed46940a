"""Other processes and threads: starting them together, and waiting for what they do."""

import subprocess
import time
from typing import Callable


def wait_for(condition: Callable[[], object], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"this has not happened within {within} s"
        time.sleep(0.02)


def end(process: subprocess.Popen) -> None:
    """Asks a process to end, and ends it if it does not."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_together(command: list[str], count: int, **options) -> list[str]:
    """Starts programs that read a line first, then gives the line to all of them. Returns what each prints."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes, **options) for _ in range(count)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0] for process in processes]
