"""The tools that take a token from `yc-auth`: how each is set up by `yc-auth setup`, and one call that needs the token."""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from emulator import Emulator
from postgres import Postgres
from tool_server import ToolServer

TOOLBOX = Path(sys.prefix) / "toolbox"
TIMEOUT = 60
INDEX = "https://iam@registry.yandexcloud.net/pypi/registry/simple/"
IMAGE = "cr.yandex/registry/image:1"
FOREIGN = "foreign.example.com"


@dataclass
class Outcome:
    succeeded: bool
    #: Standard output and standard error.
    text: str


@dataclass
class Bench:
    """A home folder, an emulator for `yc-auth`, and a server for the tool."""

    program: str
    home: Path
    emulator: Emulator
    server: ToolServer

    def __post_init__(self):
        for folder in self.home, self.bin, self.home / "run":
            folder.mkdir(mode=0o700, exist_ok=True)
        trusted = ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"]
        self.variables = {
            "HOME": str(self.home),
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "YC_METADATA_ADDR": "127.0.0.1:1",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            **dict.fromkeys(trusted, self.pem),
        }
        self.key_file = self.home / "key.json"
        self.key = self.emulator.new_service_account_key()
        self.key_file.write_text(json.dumps(self.key))
        self.key_file.chmod(0o600)

    @property
    def bin(self) -> Path:
        return self.home / "bin"

    @property
    def choice(self) -> list[str]:
        """The options that choose the credentials."""
        return ["--key-file", str(self.key_file), "--endpoint", self.emulator.variables["YC_API_ENDPOINT"]]

    @property
    def pem(self) -> str:
        return str(self.server.certificates.authority)

    def start(self, *command, **variables: str) -> subprocess.Popen:
        return subprocess.Popen(
            [str(word) for word in command],
            env={**self.variables, **variables},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, process: subprocess.Popen) -> Outcome:
        try:
            text, _ = process.communicate(timeout=TIMEOUT)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return Outcome(process.returncode == 0, text)

    def run(self, *command, **variables: str) -> Outcome:
        return self.end(self.start(*command, **variables))

    def must(self, *command, **variables: str) -> str:
        outcome = self.run(*command, **variables)
        assert outcome.succeeded, outcome.text
        return outcome.text

    def set_up_command(self, tool: str, *options: str) -> list[str]:
        # `setup` does not know the addresses of the emulator's installation.
        addresses = {
            "aws": ["--url", "https://storage.yandexcloud.net"],
            "codex": ["--url", "https://ai.api.cloud.yandex.net/v1"],
        }
        return [self.program, "setup", tool, "--write", *self.choice, *addresses.get(tool, []), *options]

    def tokens(self) -> list[str]:
        """The tokens that reached the server, in order."""
        return [request.token for request in self.server.requests if request.token is not None]


class Tool:
    """A tool. `start` begins a call that succeeds only with a token that the server takes."""

    #: The name for `yc-auth setup`.
    set_up_name: str
    #: The name of a host that the hook does not answer for is told to the hook.
    is_told_the_host = True
    #: The user of the tool sees what the hook writes to standard error.
    shows_the_cause = True
    #: After a refusal: "same call" and "next call" succeed by themselves; "renewal" needs `yc-auth … --renew`.
    after_refusal = "renewal"
    #: The command with `--renew`, without the choice of credentials.
    renewal = ["token", "--renew"]

    def __init__(self, bench: Bench):
        self.bench = bench

    def options(self) -> list[str]:
        """The options for `yc-auth setup` that only this tool has."""
        return []

    def set_up(self) -> None:
        self.bench.must(*self.bench.set_up_command(self.set_up_name, *self.options()))

    def start(self) -> subprocess.Popen:
        raise NotImplementedError

    def end(self, process: subprocess.Popen) -> Outcome:
        return self.bench.end(process)

    def call(self) -> Outcome:
        return self.end(self.start())

    def call_foreign(self) -> Outcome:
        """The same with a server on a foreign host, for which the hook is asked all the same."""
        raise NotImplementedError

    def tokens(self) -> list[str]:
        return self.bench.tokens()

    def renew(self) -> None:
        self.bench.must(self.bench.program, *self.renewal, *self.bench.choice)

    def refuse(self, token: str) -> None:
        """Makes the server refuse a token that has not ended."""
        self.bench.emulator.revoke_iam_token(token)


class Docker(Tool):
    set_up_name = "docker"

    def options(self):
        return ["--bin", str(self.bench.bin)]

    def start(self, image: str = IMAGE):
        return self.bench.start(docker(), "manifest", "inspect", image, DOCKER_CLI_EXPERIMENTAL="enabled")

    def call_foreign(self):
        file = self.bench.home / ".docker/config.json"
        settings = json.loads(file.read_text())
        settings["credHelpers"][FOREIGN] = "yc-auth"
        file.write_text(json.dumps(settings))
        return self.bench.end(self.start(f"{FOREIGN}/registry/image:1"))


def docker() -> str:
    own = TOOLBOX / "docker/docker"
    return str(own) if own.exists() else shutil.which("docker", path="/usr/local/bin:/usr/bin")


class Kubectl(Tool):
    set_up_name = "kubectl"
    is_told_the_host = False

    def set_up(self):
        def configure(*words):
            self.bench.must(TOOLBOX / "bin/kubectl", "config", *words)

        server = "--server=https://kubernetes.example.com"
        configure("set-cluster", "interop", server, f"--certificate-authority={self.bench.pem}")
        super().set_up()
        configure("set-context", "interop", "--cluster=interop", "--user=yandex-cloud")
        configure("use-context", "interop")

    def start(self):
        return self.bench.start(TOOLBOX / "bin/kubectl", "get", "--raw", "/version")


class KubernetesPython(Kubectl):
    """The Python client, with the configuration of kubectl."""

    CODE = "from kubernetes import client, config\nconfig.load_kube_config()\nprint(client.VersionApi().get_code())"

    def start(self):
        return self.bench.start(TOOLBOX / "bin/python", "-c", self.CODE)


class Botocore(Tool):
    set_up_name = "aws"
    is_told_the_host = False
    renewal = ["credential", "aws", "--renew"]

    CODE = """if True:
        import botocore.session
        client = botocore.session.Session(profile="yandex-cloud").create_client("s3")
        print(client.list_buckets()["Buckets"])
    """

    def __init__(self, bench):
        super().__init__(bench)
        self.refused = set()
        bench.server.accepts = lambda token: token not in self.refused

    def start(self):
        return self.bench.start(sys.executable, "-c", self.CODE)

    def refuse(self, token):
        self.refused.add(token)


class Pip(Tool):
    set_up_name = "pip"
    version = "26.3"
    # Since 26.2 pip takes the standard error of `keyring`, and drops it.
    shows_the_cause = False

    def options(self):
        return ["--bin", str(self.bench.bin)]

    def target(self):
        """A folder of its own for each installation: two at once must not write to the same one."""
        return tempfile.mkdtemp(prefix="packages-", dir=self.bench.home)

    def start(self, index: str = INDEX):
        target = self.target()
        command = ["-m", "pip", "install", "--no-cache-dir", "--no-input", "--target", target, "--retries", "0"]
        pip = str(TOOLBOX / f"pip-{self.version}")
        return self.bench.start(
            TOOLBOX / "bin/python", *command, "--index-url", index, "interop-probe", PYTHONPATH=pip
        )

    def call_foreign(self):
        return self.bench.end(self.start(INDEX.replace("registry.yandexcloud.net", FOREIGN)))


class OldPip(Pip):
    version = "26.1.2"
    shows_the_cause = True


class Uv(Pip):
    set_up_name = "uv"
    shows_the_cause = True

    def start(self, index: str = INDEX):
        target = self.target()
        command = ["pip", "install", "--no-cache", "--python", TOOLBOX / "bin/python", "--target", target]
        return self.bench.start(TOOLBOX / "bin/uv", *command, "--index-url", index, "interop-probe")


class Git(Tool):
    set_up_name = "git"
    after_refusal = "next call"

    def options(self):
        return ["--host", "git.example.com"]

    def start(self, host: str = "git.example.com"):
        return self.bench.start("git", "ls-remote", f"https://{host}/repository.git")

    def call_foreign(self):
        config = ["config", "--global"]
        key = "credential.https://git.example.com.helper"
        helper = self.bench.must("git", *config, "--get-all", key).splitlines()[-1]
        self.bench.must("git", *config, "--add", f"credential.https://{FOREIGN}.helper", helper)
        return self.bench.end(self.start(FOREIGN))


class Codex(Tool):
    set_up_name = "codex"
    after_refusal = "same call"
    MODEL = "yandexgpt/latest"

    def options(self):
        return ["--folder-id", self.bench.emulator.folder_id]

    def start(self, *options: str):
        model = f"gpt://{self.bench.emulator.folder_id}/{self.MODEL}"
        settings = ["-c", "model_provider=yandex-cloud", "-c", "analytics.enabled=false", "-m", model]
        program = TOOLBOX / "node/node_modules/.bin/codex"
        return self.bench.start(program, *settings, *options, "exec", "--skip-git-repo-check", "hello")


class ClaudeCode(Tool):
    """`apiKeyHelper`, with a gateway of the tests."""

    set_up_name = "claude-code"
    PROGRAM = TOOLBOX / "node/node_modules/@anthropic-ai/claude-code-linux-x64/claude"

    def options(self):
        return ["--gateway", "https://gateway.example.com"]

    def start(self):
        # Its retries take longer and longer.
        few = {"CLAUDE_CODE_MAX_RETRIES": "1"}
        return self.bench.start(self.PROGRAM, "-p", "hello", "--model", "interop", **few)


class Psql(Tool):
    set_up_name = "psql"

    def use(self, postgres: Postgres) -> None:
        self.postgres = postgres
        postgres.accepts = self.bench.emulator.accepts
        self.first = len(postgres.passwords)
        postgres.add_user(self.bench.key["service_account_id"])

    def tokens(self):
        return self.postgres.passwords[self.first :]

    def set_up(self):
        """`yc-auth setup psql` prints a command."""

    def start(self, host: str = "postgres.example.com"):
        words = ["exec", "--postgres", "--host", "postgres.example.com", "--timeout", "5", *self.bench.choice, "--"]
        psql = ["psql", "-X", "-t", "-w", "-h", host, "-c", "select 'connected'", "postgres"]
        return self.bench.start(self.bench.program, *words, *psql, PGSSLROOTCERT=self.bench.pem)

    def call_foreign(self):
        return self.bench.end(self.start(FOREIGN))


TOOLS = {
    "docker": Docker,
    "kubectl": Kubectl,
    "kubernetes-python": KubernetesPython,
    "botocore": Botocore,
    "pip-26.1": OldPip,
    "pip-26.3": Pip,
    "uv": Uv,
    "git": Git,
    "codex": Codex,
    "claude-code": ClaudeCode,
    "psql": Psql,
}
