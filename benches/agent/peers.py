"""The servers of the gateway's bench: the service behind, the gateway, and the peers that stand beside it."""

import getpass
import importlib.util
import json
import os
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measure import paced, until

from agent import Agent, fetch, free_port
from event_service import PREFIX
from processes import end

CHAT = "/v1/chat/completions"
MODEL = "gpt://b1gfakefakefakefakef/yandexgpt/latest"
BODY = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]})

#: The answer of the service to a chat: 600 bytes.
ANSWER = json.dumps(
    {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1764547200,
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "TEXT"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
)
ANSWER = ANSWER.replace("TEXT", "x" * (604 - len(ANSWER)))

#: The name in the certificate of the service, beside that of Envoy's configuration.
HOST = "localhost"

#: What a connection to a server behind needs to stay open.
KEPT = "keepalive 64; keepalive_requests 100000000;"


def new_folder(parent: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=parent))


def chat_script(folder: Path, rate: float | None = None) -> Path:
    """The script of wrk that asks for chats, without a pause or with this number of requests a second."""
    script = new_folder(folder) / "chat.lua"
    pace = paced(rate) if rate else ""
    script.write_text(f"wrk.method = 'POST'\nwrk.body = '{BODY}'\n{pace}")
    return script


@dataclass
class Side:
    """A server that answers chats and streams."""

    address: str
    #: The process that does the work.
    pid: int
    #: The key of its clients.
    key: str = "static"
    #: How a client has to speak to it, if with TLS.
    tls: ssl.SSLContext | None = None

    def url(self, path: str = CHAT) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}{path}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}


#: Envoy's check of the key of its clients.
KEY_OF_ENVOY = {
    "name": "envoy.filters.http.api_key_auth",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
        "credentials": [{"key": Side.key, "client": "bench"}],
        "key_sources": [{"header": "Authorization"}],
    },
}


class Nginx:
    """nginx with one worker and this content of `http`, in which PORT is the port."""

    def __init__(self, folder: Path, http: str):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.folder = new_folder(folder)
        config = self.folder / "nginx.conf"
        temporary = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(
            # The folder is this user's.
            f"user {getpass.getuser()}; worker_processes 1; daemon off; pid {self.folder}/pid; error_log {self.folder}/log error;\n"
            "worker_rlimit_nofile 8192; events { worker_connections 4096; }\n"
            "http { access_log off; keepalive_requests 100000000; http2_max_concurrent_streams 4096;\n"
            f"{temporary}\n{http.replace('PORT', str(port))} }}\n"
        )
        # Without the warning that only root can change the user.
        command = ["nginx", "-e", "/dev/null", "-p", str(self.folder), "-c", str(config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        try:
            until(lambda: self._process.poll() is not None or children.read_text())
            assert self._process.poll() is None, f"nginx has ended: {self.folder}"
            # The listener was there before the worker.
            self.pid = int(children.read_text().split()[0])
        except BaseException:
            self.stop()
            raise

    @property
    def side(self) -> Side:
        return Side(self.address, self.pid)

    def stop(self) -> None:
        end(self._process)

    def __enter__(self) -> "Nginx":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


class Service(Nginx):
    """An nginx behind gateway and peers, with these locations. With certificates it speaks TLS, and HTTP/2 or HTTP/1.1. `events` is
    the address of the streams of events."""

    def __init__(self, folder: Path, locations: str, http: str = "", events: str | None = None, certificates=None):
        self.certificates = certificates
        listen = "listen 127.0.0.1:PORT"
        if certificates:
            listen += f" ssl http2; ssl_certificate {certificates.chain}; ssl_certificate_key {certificates.key}"
        super().__init__(folder, f"{http}\nserver {{ {listen}; {locations} }}")
        self.events = events or self.address

    @property
    def scheme(self) -> str:
        return "https" if self.certificates else "http"

    @property
    def context(self) -> ssl.SSLContext | None:
        """That of a client of the service."""
        return ssl.create_default_context(cafile=self.certificates.authority) if self.certificates else None

    def url(self, address: str) -> str:
        """The URL of an address of the service, with the name in the certificate."""
        return f"https://{HOST}:{address.rpartition(':')[2]}" if self.certificates else f"http://{address}"


def chats(folder: Path, events: str, certificates=None) -> Service:
    """A service that answers chats. Streams of events come from another process; over TLS nginx stands before them."""
    locations = f"location / {{ default_type application/json; return 200 '{ANSWER}'; }}"
    if certificates is None:
        return Service(folder, locations, events=events)
    locations += (
        f" location {PREFIX} {{ proxy_pass http://events; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_buffering off; }}"
    )
    return Service(folder, locations, f"upstream events {{ server {events}; {KEPT} }}", certificates=certificates)


def static_nginx(folder: Path, behind: Service) -> Nginx:
    """nginx that checks a key, and puts a static header into each request. Over TLS it speaks HTTP/1.1 to the service: it has no
    HTTP/2 there."""
    tls = ""
    if behind.certificates:
        tls = (
            f"proxy_ssl_name {HOST}; proxy_ssl_server_name on; proxy_ssl_verify on;"
            f" proxy_ssl_trusted_certificate {behind.certificates.authority};"
        )
    return Nginx(
        folder,
        f"upstream chats {{ server {behind.address}; {KEPT} }} upstream events {{ server {behind.events}; {KEPT} }}\n"
        f"server {{ listen 127.0.0.1:PORT; proxy_http_version 1.1; proxy_set_header Connection ''; {tls}\n"
        f"if ($http_authorization != 'Bearer {Side.key}') {{ return 401; }}\n"
        "proxy_set_header Authorization 'Bearer static'; proxy_buffering off;\n"
        f"location / {{ proxy_pass {behind.scheme}://chats; }} location {PREFIX} {{ proxy_pass {behind.scheme}://events; }} }}",
    )


class Gateway(Agent):
    """An agent with a gateway before a service, metrics, and secrets for Envoy. The token of a gateway goes to the service alone."""

    def __init__(self, program: str, folder: Path, emulator, behind: Service):
        folder = new_folder(folder)
        key, config, self.socket = folder / "gateway.key", folder / "agent.toml", folder / "sds.sock"
        upstreams = "".join(
            f'[[listen.upstream]]\nhost = "{behind.url(address)}"\nprefix = "{prefix}"\n'
            for prefix, address in ((PREFIX, behind.events), ("/v1/", behind.address))
        )
        config.write_text(
            '[[identity]]\nname = "one"\n[[listen]]\nkind = "gateway"\naddress = "127.0.0.1:0"\n'
            f'keys = [{{ file = "{key}" }}]\nlimits = {{ connections = 4096 }}\n{upstreams}'
            f'[[listen]]\nkind = "sds"\npath = "{self.socket}"\n[[listen]]\nkind = "admin"\naddress = "127.0.0.1:0"\n'
        )
        authority = behind.certificates.authority if behind.certificates else None
        super().__init__(program, folder, emulator, "--config", str(config), authority=authority)
        self._key = key.read_text()

    @property
    def side(self) -> Side:
        return Side(self.address, self.process.pid, self._key)


def has(*packages: str) -> bool:
    return all(importlib.util.find_spec(package) for package in packages)


def has_envoy() -> bool:
    return has("yaml") and (Path(sys.prefix) / "bin/envoy").exists()


def certificates(folder: Path):
    """Those of the service. None without the packages for them."""
    if not has("cryptography", "yaml"):
        return None
    import envoy_sds
    from tool_server import make_certificates

    return make_certificates(new_folder(folder), [HOST, envoy_sds.HOST])


def envoy(folder: Path, agent: Gateway, behind: Service):
    """Envoy with one worker and the credential injector, in the configuration of `deploy/envoy`, and with a check of the key. Without
    certificates the service has neither TLS nor HTTP/2."""
    from envoy_sds import EnvoySds

    class Checking(EnvoySds):
        def configuration(self) -> dict:
            config = super().configuration()
            (listener,) = config["static_resources"]["listeners"]
            ((manager,),) = (chain["filters"] for chain in listener["filter_chains"])
            manager["typed_config"]["http_filters"].insert(0, KEY_OF_ENVOY)
            return config

    class Plain(Checking):
        def configuration(self) -> dict:
            config = super().configuration()
            cluster = config["static_resources"]["clusters"][0]
            del cluster["transport_socket"]
            (options,) = cluster["typed_extension_protocol_options"].values()
            del options["auto_config"]
            options["explicit_http_config"] = {"http_protocol_options": {}}
            return config

    kind = Checking if behind.certificates else Plain
    authority = behind.certificates.authority if behind.certificates else Path(os.devnull)
    return kind(new_folder(folder), agent.socket, behind, authority)


class LiteLlm:
    """LiteLLM's proxy with one worker, from a folder of `python3 -m venv`."""

    KEY = "sk-fake"

    @staticmethod
    def is_in(venv: Path | None) -> bool:
        return venv is not None and (venv / "bin/litellm").exists()

    def __init__(self, folder: Path, venv: Path, behind: Service):
        folder = new_folder(folder)
        port = free_port()
        model = {"model": f"openai/{MODEL}", "api_base": f"{behind.url(behind.address)}/v1", "api_key": "static"}
        config = {
            "model_list": [{"model_name": MODEL, "litellm_params": model}],
            "general_settings": {"master_key": self.KEY},
        }
        # JSON is YAML.
        (folder / "config.yaml").write_text(json.dumps(config))
        command = [venv / "bin/litellm", "--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        variables = {"HOME": str(folder), "PATH": os.environ["PATH"], "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.side = Side(f"127.0.0.1:{port}", self._process.pid, self.KEY)
        try:
            until(lambda: self._process.poll() is not None or fetch(self.side.url("/health/liveliness")), 180)
            assert self._process.poll() is None, (folder / "log").read_text()
        except BaseException:
            end(self._process)
            raise

    def __enter__(self) -> "LiteLlm":
        return self

    def __exit__(self, *_) -> None:
        end(self._process)
