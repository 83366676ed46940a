"""PostgreSQL of the machine, which takes an IAM token as a password in clear text inside TLS, as the cloud does.

It asks an LDAP server of the tests whether the password is right: for a client this is the method `password`.
"""

import os
import pwd
import shutil
import socketserver
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Callable

from tool_server import ADDRESS, Certificates

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql"))
SETTINGS = f"""
listen_addresses = '{ADDRESS}'
unix_socket_directories = ''
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
fsync = off
"""


class Postgres:
    """A cluster, and the passwords that it was given, in order."""

    def __init__(self, certificates: Certificates):
        self.passwords: list[str] = []
        self.accepts: Callable[[str], bool] = lambda password: False
        self._ldap = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._ldap.daemon_threads = True
        threading.Thread(target=self._ldap.serve_forever, args=(0.05,), daemon=True).start()
        self._user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        # Not below pytest's folder, which other users cannot enter.
        self.folder = Path(tempfile.mkdtemp(prefix="interop-postgres-"))
        self._process = None
        try:
            self._start(certificates)
        except BaseException:
            self.stop()
            raise

    def _handler(self):
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                while message := self.request.recv(65536):
                    answer = owner._bind(message)
                    if answer is None:
                        return
                    self.request.sendall(answer)

        return Handler

    def _bind(self, message: bytes) -> bytes | None:
        """The answer to a BindRequest (RFC 4511, 4.2)."""
        _, content, _ = element(message)
        _, number, rest = element(content)
        kind, content, _ = element(rest)
        if kind != 0x60:
            return None
        _, _, rest = element(content)
        _, _, rest = element(rest)
        _, password, _ = element(rest)
        self.passwords.append(password.decode())
        code = 0 if self.accepts(self.passwords[-1]) else 49
        result = bytes([0x0A, 1, code, 4, 0, 4, 0])
        body = bytes([2, len(number), *number, 0x61, len(result), *result])
        return bytes([0x30, len(body), *body])

    def _command(self, *words) -> dict:
        command = [str(word) for word in words]
        if self._user:
            ids = [f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups"]
            command = ["setpriv", *ids, *command]
        return {"args": command, "cwd": self.folder, "stdin": subprocess.DEVNULL, "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}}

    def _start(self, certificates: Certificates) -> None:
        data = self.folder / "data"
        if self._user:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        options = ["--username=admin", "--auth=trust", "--no-sync", "--encoding=UTF8"]
        subprocess.run(**self._command(PROGRAMS / "initdb", "-D", data, *options), check=True, capture_output=True, timeout=60)
        with (data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)
        ldap = f'ldap ldapserver=127.0.0.1 ldapport={self._ldap.server_address[1]} ldapprefix="cn="'
        (data / "pg_hba.conf").write_text(f"host all admin 127.0.0.0/8 trust\nhostssl all all all {ldap}\n")
        for file, name in (certificates.chain, "server.pem"), (certificates.key, "server.key"):
            copy = Path(shutil.copy(file, data / name))
            copy.chmod(0o600)
            if self._user:
                os.chown(copy, self._user.pw_uid, self._user.pw_gid)
        log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(**self._command(PROGRAMS / "postgres", "-D", data), stdout=log, stderr=log)
        log.close()
        waited = ["pg_isready", "--host", ADDRESS, "--username", "admin", "--timeout", "1"]
        for _ in range(30):
            if self._process.poll() is not None:
                break
            if subprocess.run(**self._command(*waited), capture_output=True, timeout=30).returncode == 0:
                return
            threading.Event().wait(0.2)
        raise RuntimeError((self.folder / "log").read_text())

    def add_user(self, name: str) -> None:
        create = f"create role \"{name}\" login"
        statement = f"do $$ begin {create}; exception when duplicate_object then null; end $$"
        words = ["psql", "-X", "-q", "-h", ADDRESS, "-U", "admin", "-c", statement, "postgres"]
        subprocess.run(**self._command(*words), check=True, capture_output=True, timeout=30)

    def stop(self) -> None:
        if self._process:
            # SIGINT is the fast shutdown.
            self._process.send_signal(2)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._ldap.shutdown()
        self._ldap.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)


def element(data: bytes) -> tuple[int, bytes, bytes]:
    """The tag and the content of the first element in BER, and what follows it."""
    tag, length, start = data[0], data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    return tag, data[start : start + length], data[start + length :]
