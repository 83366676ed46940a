"""Programs that take a token from the agent and run beside it: Envoy, nginx, Prometheus. And a server that they ask."""

import json
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable

from agent import fetch, free_port
from processes import end, wait_for

#: The unpacked packages of Debian.
DEBIAN = Path(sys.prefix) / "debian/usr"


class TokenServer:
    """Answers 200 to a token that `accepts` takes, else 401. Records the status and `Authorization` of each request.

    With a `tls` context the server speaks TLS.
    """

    def __init__(self, accepts: Callable[[str], bool], tls: ssl.SSLContext | None = None):
        self.requests: list[tuple[int, str | None]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Else the body waits for the receipt of the head, for 40 ms.
            disable_nagle_algorithm = True

            def do_GET(self):
                header = self.headers.get("Authorization")
                scheme, _, token = (header or "").partition(" ")
                status = 200 if scheme == "Bearer" and token and accepts(token) else 401
                owner.requests.append((status, header))
                body = b"interop_probe 1\n"
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def statuses(self) -> set[int]:
        return {status for status, _ in self.requests}

    @property
    def tokens(self) -> set[str | None]:
        return {header for _, header in self.requests}

    def __enter__(self) -> "TokenServer":
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()


class Daemon:
    """A program that serves at `address`, and its log."""

    def __init__(self, folder: Path, name: str):
        self.folder = folder / name
        self.folder.mkdir()
        self.address = f"127.0.0.1:{free_port()}"
        self.log = self.folder / "log"
        command = [str(word) for word in self.command()]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env={"HOME": str(self.folder)}, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_for(lambda: self._process.poll() is not None or self.is_up())
            assert self._process.poll() is None, self.log.read_text()
        except BaseException:
            self.stop()
            raise

    def command(self) -> list:
        """Writes the configuration. Returns the command."""
        raise NotImplementedError

    def is_up(self) -> bool:
        try:
            fetch(f"http://{self.address}/")
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        end(self._process)

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


class Envoy(Daemon):
    """Envoy with `credential_injector` and `injected_credentials.oauth2`, before a server."""

    def __init__(self, folder: Path, token_endpoint: str, client: dict, server: TokenServer):
        self._token_endpoint, self._client, self._server = token_endpoint, client, server
        super().__init__(folder, "envoy")

    def command(self):
        typed = "type.googleapis.com/envoy.extensions."
        oauth = {
            "@type": typed + "http.injected_credentials.oauth2.v3.OAuth2",
            "token_endpoint": {"cluster": "agent", "timeout": "3s", "uri": self._token_endpoint},
            "client_credentials": {
                "client_id": self._client["client_id"],
                "client_secret": {"name": "client-secret"},
            },
            "token_fetch_retry_interval": "1s",
        }
        injector = {
            "@type": typed + "filters.http.credential_injector.v3.CredentialInjector",
            "overwrite": True,
            "credential": {"name": "envoy.http.injected_credentials.oauth2", "typed_config": oauth},
        }
        router = {"@type": typed + "filters.http.router.v3.Router"}
        manager = {
            "@type": typed + "filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "interop",
            "http_filters": [
                {"name": "envoy.filters.http.credential_injector", "typed_config": injector},
                {"name": "envoy.filters.http.router", "typed_config": router},
            ],
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "server"}}],
                    }
                ]
            },
        }
        endpoint = urllib.parse.urlsplit(self._token_endpoint).netloc
        resources = {
            "listeners": [
                {
                    "address": socket_address(self.address),
                    "filter_chains": [
                        {
                            "filters": [
                                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
                            ]
                        }
                    ],
                }
            ],
            "clusters": [cluster("server", self._server.address), cluster("agent", endpoint)],
            "secrets": [
                {
                    "name": "client-secret",
                    "generic_secret": {"secret": {"inline_string": self._client["client_secret"]}},
                }
            ],
        }
        file = self.folder / "envoy.json"
        file.write_text(json.dumps({"static_resources": resources}))
        options = ["--concurrency", "1", "--use-dynamic-base-id", "--disable-hot-restart"]
        return [Path(sys.prefix) / "bin/envoy", "-c", file, *options]


def socket_address(address: str) -> dict:
    host, _, port = address.partition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


def cluster(name: str, address: str) -> dict:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": socket_address(address)}}]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


class Nginx(Daemon):
    """nginx with njs, which reads the token file for each request, before a server."""

    def __init__(self, folder: Path, token_file: Path, server: TokenServer):
        self._token_file, self._server = token_file, server
        super().__init__(folder, "nginx")

    def command(self):
        temporary = "".join(
            f"{name}_temp_path {self.folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "token.js").write_text(
            f"""
import fs from 'fs';
function authorization() {{
  return 'Bearer ' + fs.readFileSync('{self._token_file}', 'utf8');
}}
export default {{ authorization }};
"""
        )
        file = self.folder / "nginx.conf"
        file.write_text(
            f"""
load_module {DEBIAN}/lib/nginx/modules/ngx_http_js_module.so;
daemon off;
master_process off;
pid {self.folder}/pid;
events {{}}
http {{
  access_log off;
  {temporary}
  js_path {self.folder};
  js_import token from token.js;
  js_set $authorization token.authorization;
  server {{
    listen {self.address};
    location / {{
      proxy_pass http://{self._server.address};
      proxy_set_header Authorization $authorization;
    }}
  }}
}}
"""
        )
        return [DEBIAN / "sbin/nginx", "-e", "stderr", "-p", self.folder, "-c", file]


class Prometheus(Daemon):
    """Prometheus, which scrapes a server with the token of a file, and the agent."""

    def __init__(self, folder: Path, token_file: Path, server: TokenServer, agent_address: str):
        self._token_file, self._server, self._agent_address = token_file, server, agent_address
        super().__init__(folder, "prometheus")

    def command(self):
        jobs = [
            {
                "job_name": "server",
                "authorization": {"credentials_file": str(self._token_file)},
                "static_configs": [{"targets": [self._server.address]}],
            },
            {"job_name": "agent", "static_configs": [{"targets": [self._agent_address]}]},
        ]
        file = self.folder / "prometheus.yml"
        # JSON is YAML.
        file.write_text(json.dumps({"global": {"scrape_interval": "100ms"}, "scrape_configs": jobs}))
        data = f"--storage.tsdb.path={self.folder}/data"
        return [DEBIAN / "bin/prometheus", f"--config.file={file}", data, f"--web.listen-address={self.address}"]

    def is_up(self):
        try:
            fetch(f"http://{self.address}/-/ready")
        except OSError:
            return False
        return True

    def value(self, query: str) -> float | None:
        """The value of an expression that has one, or none yet."""
        path = "api/v1/query?" + urllib.parse.urlencode({"query": query})
        result = json.loads(fetch(f"http://{self.address}/{path}"))["data"]["result"]
        return float(result[0]["value"][1]) if result else None


def promtool(*words: str, text: bytes) -> subprocess.CompletedProcess:
    command = [str(DEBIAN / "bin/promtool"), *words]
    return subprocess.run(command, input=text, env={}, capture_output=True, timeout=20)
