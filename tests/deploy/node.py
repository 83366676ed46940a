"""A node with the DaemonSet of `deploy/kubernetes/sds-daemonset.yaml`: processes with the users, groups and capabilities of its
containers. The folder and the socket let in whom they should, also after a restart.

    node.py PROGRAM FOLDER   the command `yc-auth`, and a folder that every user can enter; run by root, with the variables of an emulator
"""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
#: The time for a process to start, and for an answer.
SECONDS = 20

program, folder = shutil.copy(sys.argv[1], sys.argv[2]), Path(sys.argv[2])
emulator = os.environ["YC_API_ENDPOINT"]


def check(holds, what):
    if not holds:
        sys.exit(f"deploy: a node: {what}")


def control(call, body=None):
    with urllib.request.urlopen(f"{emulator}/_emulator/{call}", body, SECONDS) as response:
        return json.load(response)


class Agent:
    """The agent of the node. The folder of the node and the token of its service account stand for the mounts."""

    def __init__(self, documents, of_node):
        spec = documents["DaemonSet"]["spec"]["template"]["spec"]
        (preparation,), (agent,) = spec["initContainers"], spec["containers"]
        self._log, config = folder / "agent-stderr", folder / "node.toml"
        (text,) = documents["ConfigMap"]["data"].values()
        # The probes of two runs would have one port.
        config.write_text(text.replace("/run/yc-auth", str(of_node)).replace("0.0.0.0:8090", "127.0.0.1:0"))
        self._add = preparation["securityContext"]["capabilities"]["add"]
        self._preparation = [str(of_node) if part == "/run/yc-auth" else part for part in preparation["command"]]
        self._command = [program, *agent["args"][:1], "--config", str(config), *agent["args"][2:]]
        self._user, self._group = (agent["securityContext"][key] for key in ("runAsUser", "runAsGroup"))
        fs_group = spec["securityContext"]["fsGroup"]
        self._groups = [*spec["securityContext"]["supplementalGroups"], fs_group]
        token = folder / "subject-token"
        token.write_text(control("oidc-tokens/issue", b"{}")["oidcToken"])
        # As the kubelet writes it.
        os.chown(token, 0, fs_group)
        token.chmod(0o640)
        self._variables = {
            "YC_API_ENDPOINT": emulator,
            "YC_OAUTH_ENDPOINT": emulator,
            "YC_SERVICE_ACCOUNT_ID": control("state")["serviceAccountId"],
            "YC_OIDC_TOKEN_FILE": str(token),
        }

    def start(self):
        """Runs the init container, and then the agent."""
        bounding = "-all" + "".join(f",+{name.lower()}" for name in self._add)
        limits = ["setpriv", f"--bounding-set={bounding}", f"--inh-caps={bounding}", "--no-new-privs"]
        subprocess.run([*limits, *self._preparation], check=True, timeout=SECONDS)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--no-new-privs", *self._command],
                env={**self._variables, "PATH": os.environ["PATH"]},
                user=self._user,
                group=self._group,
                extra_groups=self._groups,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + SECONDS
        while "serving listeners=" not in self.log():
            check(self._process.poll() is None and time.monotonic() < until, self.log())
            time.sleep(0.02)

    def log(self):
        return self._log.read_text()

    def end(self, by):
        self._process.send_signal(by)
        self._process.wait(SECONDS)


def ask(path):
    """Asks for the secret `yc-iam-token`, and reads until the end of the response (RFC 9113)."""

    def frame(kind, flags, stream, payload=b""):
        return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload

    def text(value):
        return bytes([len(value)]) + value.encode()

    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets",
        ":authority": "envoy",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    head = b"".join(b"\0" + text(name) + text(value) for name, value in fields.items())
    # The third field of the message has the names.
    names = b"\x1a" + text("yc-iam-token")
    message = b"\0" + len(names).to_bytes(4) + names
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(path))
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 4, 1, head) + frame(0, 1, 1, message))
        read = connection.makefile("rb")
        response, flags, stream = b"", 0, 0
        while not (stream == 1 and flags & 1):
            length, kind, flags, stream = (int.from_bytes(read.read(size)) for size in (3, 1, 1, 4))
            payload = read.read(length)
            # A flag of this bit has another meaning for settings and pings.
            flags = flags if kind in (0, 1) else 0
            response += payload if kind == 0 else b""
    return "a token" if b"Bearer t1." in response else "refused"


def asked_by(user, groups, path):
    """What a process of this user and these groups gets."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setgid(user)
            os.setuid(user)
            outcome = ask(path)
        except PermissionError:
            outcome = "no connection"
        except BaseException as error:
            outcome = repr(error)
        os.write(writer, outcome.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        outcome = pipe.read()
    os.waitpid(child, 0)
    return outcome


documents = {
    document["kind"]: document for document in yaml.safe_load_all((ROOT / "deploy/kubernetes/sds-daemonset.yaml").read_text())
}
of_node = folder / "node"
# As the kubelet makes it.
of_node.mkdir(mode=0o755)
agent, path = Agent(documents, of_node), of_node / "sds.sock"
for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
    agent.start()
    try:
        permissions = [(stat.filemode(found.st_mode), found.st_gid) for found in (of_node.stat(), path.stat())]
        check(permissions == [("drwxr-x---", 10100), ("srw-rw----", 10100)], permissions)
        outcomes = {
            "Envoy": asked_by(10101, [10100], path),
            "Envoy without the group": asked_by(10101, [], path),
            "another user with the group": asked_by(10102, [10100], path),
            "another user": asked_by(65534, [], path),
        }
    finally:
        agent.end(end)
    expected = dict(zip(outcomes, ("a token", "no connection", "refused", "no connection"), strict=True))
    check(outcomes == expected, f"{outcomes}\n{agent.log()}")
    check("the user 10102 may not ask" in agent.log(), agent.log())
print("deploy: a node with the DaemonSet lets Envoy in, and nobody else")
