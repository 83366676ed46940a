"""gunicorn and celery: credentials of the master, and workers that are forks of it."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

WORKERS = 3
WITHIN = 60

#: What the master does before it forks.
BEFORE = {
    "nothing": "",
    "prewarm": "creds.prewarm()",
    "token": "creds.header()",
    "prewarm-and-wait": "creds.prewarm(); creds.header()",
}

# Each worker serves one request at a time, and none ends before each worker has one.
APP = """
import multiprocessing, os
from yandex_cloud_auth import AuthError, Credentials
creds = %s
arrived = multiprocessing.get_context("fork").Barrier(%d)
%s

def app(environ, start_response):
    arrived.wait(%d)
    try:
        text = creds.header(timeout=20)
    except AuthError as error:
        text = type(error).__name__
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {text}".encode()]
"""


class Started:
    """A program that runs until the test ends."""

    def __init__(self, command, folder, **options):
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **options
            )

    def stop(self):
        self.process.terminate()
        try:
            status = self.process.wait(WITHIN)
        finally:
            self.process.kill()
            self.process.wait()
        assert status == 0, (status, self.log.read_text())


@pytest.fixture
def gunicorn(tmp_path):
    """Starts gunicorn with an application that is loaded before the forks. Returns what each worker answers."""
    pytest.importorskip("gunicorn")
    started = []

    def start(credentials, before, *options, parties=WORKERS):
        folder = tmp_path / "gunicorn"
        folder.mkdir()
        (folder / "app.py").write_text(APP % (credentials, parties, BEFORE[before], WITHIN))
        # The socket is open before gunicorn is, so that the first request waits for it.
        listener = socket.create_server(("127.0.0.1", 0))
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS), "--timeout", "120"]
        command += ["--bind", f"fd://{listener.fileno()}", *options, "app:app"]
        started.append(Started(command, folder, pass_fds=[listener.fileno()]))
        port = listener.getsockname()[1]
        listener.close()

        def ask(_):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN)
            try:
                connection.request("GET", "/")
                return connection.getresponse().read().decode().split(" ", 1)
            finally:
                connection.close()

        with ThreadPoolExecutor(WORKERS) as pool:
            answers = list(pool.map(ask, range(WORKERS)))
        processes = {process for process, _ in answers}
        assert len(processes) >= parties and str(started[0].process.pid) not in processes
        return [text for _, text in answers]

    yield start
    for program in started:
        program.stop()


METADATA_CREDENTIALS = "Credentials.metadata()"


@pytest.mark.parametrize("before", BEFORE)
def test_gunicorn_forks_credentials(before, gunicorn, emulator, fetches):
    if before == "prewarm":
        # So that the fetch is under way while the workers are forked.
        emulator.fault(kind="latency", milliseconds=1000, target="metadata")
    headers = gunicorn(METADATA_CREDENTIALS, before)
    assert all(emulator.accepts(header.removeprefix("Bearer ")) for header in headers)
    if "token" in before or "wait" in before:
        assert len(set(headers)) == 1 and fetches() == 1


def test_gunicorn_forks_while_a_tls_fetch_is_under_way(gunicorn, tls_emulator, tmp_path):
    key = tmp_path / "key.json"
    key.write_text(json.dumps(tls_emulator.new_service_account_key()))
    tls_emulator.fault(kind="latency", milliseconds=1000, target="iam")
    headers = gunicorn(f"Credentials.service_account_key({str(key)!r})", "prewarm")
    assert all(tls_emulator.accepts(header.removeprefix("Bearer ")) for header in headers)


@pytest.fixture
def shared_cache(environment, tmp_path):
    environment.setenv("YC_AUTH_CACHE", "on")
    environment.setenv("YC_AUTH_CACHE_DIR", str(tmp_path / "cache"))


def exchanged(emulator, tmp_path):
    """The code of credentials that exchange a key in 300 ms."""
    key = tmp_path / "key.json"
    key.write_text(json.dumps(emulator.new_service_account_key()))
    emulator.fault(kind="latency", milliseconds=300, target="iam")
    return f"Credentials.service_account_key({str(key)!r})"


@pytest.mark.parametrize("before", ["nothing", "prewarm"])
def test_the_workers_of_gunicorn_share_one_exchange(before, gunicorn, emulator, shared_cache, tmp_path):
    headers = gunicorn(exchanged(emulator, tmp_path), before)
    assert len(set(headers)) == 1 and emulator.accepts(headers[0].removeprefix("Bearer "))
    assert emulator.requests("POST /iam/v1/tokens") == 1


def test_threads_of_the_workers_of_gunicorn_work(gunicorn, emulator):
    # One worker may take all requests.
    headers = gunicorn(METADATA_CREDENTIALS, "prewarm", "--worker-class", "gthread", "--threads", "4", parties=1)
    assert all(emulator.accepts(header.removeprefix("Bearer ")) for header in headers)


def test_the_workers_of_gunicorn_get_the_error(gunicorn, emulator):
    emulator.fault(kind="status", status=401, target="metadata")
    assert gunicorn("Credentials.metadata()", "prewarm") == ["Refused"] * WORKERS


# celery. The broker is a folder, and so are the results.

TASKS = """
import multiprocessing, os
from celery import Celery
from yandex_cloud_auth import Credentials

app = Celery("tasks", broker="filesystem://", backend="file://{folder}/results")
app.conf.update(
    broker_transport_options={{
        "data_folder_in": "{folder}/queue",
        "data_folder_out": "{folder}/queue",
        "control_folder": "{folder}/control",
        "polling_interval": 0.02,
    }},
    task_serializer="json",
    result_serializer="pickle",
    accept_content=["json", "pickle"],
    worker_send_task_events=False,
)
creds = {credentials}
arrived = multiprocessing.get_context("fork").Barrier({workers})
if __name__ != "__main__" and os.environ.get("IS_WORKER"):
    {before}


@app.task
def header():
    # None ends before each process of the pool has one.
    arrived.wait({within})
    return os.getpid(), creds.header(timeout=20)


@app.task
def fail():
    return creds.header(timeout=2)
"""

# The client is a process of its own: it has the module of the tasks, as a web application has.
CLIENT = """
import json, pickle, sys
import tasks
from yandex_cloud_auth import AuthError

name, count = sys.argv[1], int(sys.argv[2])
waiting = [getattr(tasks, name).delay() for _ in range(count)]
ended = []
for result in waiting:
    try:
        ended.append(result.get(timeout=%d, interval=0.02))
    except AuthError as error:
        parts = [type(error).__module__, type(error).__name__, str(error), error.help, error.method, error.is_transient]
        ended.append([*parts, str(error.report)])
print(json.dumps(ended))
"""


@pytest.fixture
def celery(tmp_path, python):
    """Starts a worker with a pool of forks, and returns a function that calls a task a number of times."""
    pytest.importorskip("celery")
    started = []
    folder = tmp_path / "celery"

    def start(credentials, before="nothing"):
        for name in ["queue", "control", "results"]:
            (folder / name).mkdir(parents=True)
        filled = TASKS.format(
            folder=folder, credentials=credentials, workers=WORKERS, before=BEFORE[before] or "pass", within=WITHIN
        )
        (folder / "tasks.py").write_text(filled)
        command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "prefork"]
        command += ["--concurrency", str(WORKERS), "--without-gossip", "--without-mingle", "--without-heartbeat"]
        environment = {**os.environ, "IS_WORKER": "1", "C_FORCE_ROOT": "1"}
        started.append(Started([*command, "--loglevel", "INFO"], folder, env=environment))

        def call(name, count=1):
            return json.loads(python(CLIENT % WITHIN, name, str(count), timeout=2 * WITHIN, PYTHONPATH=str(folder)))

        return call

    yield start
    for program in started:
        program.stop()


@pytest.mark.parametrize("before", BEFORE)
def test_celery_forks_credentials(before, celery, emulator, fetches):
    if before == "prewarm":
        emulator.fault(kind="latency", milliseconds=1000, target="metadata")
    ended = dict(celery(METADATA_CREDENTIALS, before)("header", WORKERS))
    assert len(ended) == WORKERS
    assert all(emulator.accepts(header.removeprefix("Bearer ")) for header in ended.values())
    if "token" in before or "wait" in before:
        assert len(set(ended.values())) == 1 and fetches() == 1


def test_the_workers_of_celery_share_one_exchange(celery, emulator, shared_cache, tmp_path):
    ended = dict(celery(exchanged(emulator, tmp_path), "prewarm")("header", WORKERS))
    assert len(ended) == WORKERS and len(set(ended.values())) == 1
    assert emulator.requests("POST /iam/v1/tokens") == 1


@pytest.mark.parametrize(
    "status, kind, is_transient", [(401, "Refused", False), (503, "Unavailable", True)], ids=["refused", "unavailable"]
)
def test_celery_sends_the_error_back(status, kind, is_transient, celery, emulator):
    emulator.fault(kind="status", status=status, target="metadata")
    ((module, name, text, help, method, transient, _),) = celery(METADATA_CREDENTIALS)("fail")
    assert (module, name, method, transient) == ("yandex_cloud_auth", kind, "metadata", is_transient)
    assert text and help


def test_celery_sends_the_report_back(celery, environment):
    environment.setenv("YC_API_KEY", "t1.fake.token")
    ((_, name, text, _, _, _, report),) = celery("Credentials()")("fail")
    assert name == "InvalidCredential" and "YC_API_KEY" in report and "fake.token" not in text + report
