"""The servers that tools ask with a token: a registry of images, a package index, an API server of Kubernetes, an Object
Storage, a git repository, an MCP server, AI Studio's Responses API, and a gateway of the Messages API.

One TLS server has the place of all their hosts. It takes a token where the emulator takes it, and records each request.
"""

import base64
import hashlib
import io
import json
import ssl
import threading
import zipfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: `run` leads the names of the hosts here.
ADDRESS = "127.0.0.2"


@dataclass
class Request:
    host: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    #: The token, however it came.
    token: str | None = None
    #: The user of Basic authentication.
    user: str | None = None
    status: int = 0


@dataclass
class Certificates:
    """An authority, and a certificate for all hosts."""

    authority: Path
    chain: Path
    key: Path


def make_certificates(folder: Path, names: list[str]) -> Certificates:
    now = datetime.now(timezone.utc)

    def build(subject, issuer, key, signer, *extensions):
        builder = x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]),
            key.public_key(),
            x509.random_serial_number(),
            now - timedelta(hours=1),
            now + timedelta(days=1),
        )
        key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        for extension, is_critical in [*extensions, (key_id, False)]:
            builder = builder.add_extension(extension, is_critical)
        subject_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return builder.add_extension(subject_id, False).sign(signer, hashes.SHA256())

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    constraints = (x509.BasicConstraints(True, None), True)
    authority = build("interop root", "interop root", root, root, constraints, (usage, True))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    server = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = build(names[0], "interop root", leaf, root, (alternatives, False), (server, False))

    found = Certificates(folder / "root.pem", folder / "server.pem", folder / "server.key")
    pem = serialization.Encoding.PEM
    found.authority.write_bytes(authority.public_bytes(pem))
    found.chain.write_bytes(certificate.public_bytes(pem))
    private = leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    found.key.write_bytes(private)
    found.key.chmod(0o600)
    return found


def wheel() -> bytes:
    """A package without content."""
    name = "interop_probe-1.0.dist-info"
    files = {
        "interop_probe.py": "",
        f"{name}/METADATA": "Metadata-Version: 2.1\nName: interop-probe\nVersion: 1.0\n",
        f"{name}/WHEEL": "Wheel-Version: 1.0\nGenerator: interop\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{name}/RECORD"])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in {**files, f"{name}/RECORD": record}.items():
            archive.writestr(path, text)
    return content.getvalue()


WHEEL = wheel()
MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": 2,
            "digest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}",
        },
        "layers": [],
    }
).encode()


@dataclass
class ToolServer:
    certificates: Certificates
    #: Whether a token is taken.
    accepts: Callable[[str], bool]
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates.chain, self.certificates.key)
        handler = type("Handler", (Handler,), {"owner": self, "context": context})
        self._server = ThreadingHTTPServer((ADDRESS, 443), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    owner: ToolServer
    context: ssl.SSLContext

    def setup(self):
        # In the thread of the connection: a client that says nothing must not hold the others.
        self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, *_):
        pass

    def respond(self):
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            self.headers.get("Host", "").removesuffix(":443"),
            self.command,
            *self.path.partition("?")[::2],
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        read_token(request)
        self.owner.requests.append(request)
        if request.token is None or not self.owner.accepts(request.token):
            status, kind, body = 401, "text/plain", b"no or another token, please"
        else:
            status, kind, body = answer(request)
        request.status = status
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="interop"')
        if request.path.startswith("/v2/"):
            # docker before 23 wants it.
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_DELETE = respond


def read_token(request: Request) -> None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer" and value:
        request.token = value
    elif scheme == "Basic":
        request.user, _, password = base64.b64decode(value).decode().partition(":")
        # pip and uv try the user of the URL without a password first.
        request.token = password or None
    elif scheme == "AWS4-HMAC-SHA256":
        request.token = request.headers.get("x-amz-security-token")


def answer(request: Request) -> tuple[int, str, bytes]:
    """The answer to a request with a good token."""
    path, as_json = request.path, "application/json"
    if "x-amz-security-token" in request.headers:
        return 200, "application/xml", b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"
    if path == "/v2/" or "/blobs/" in path:
        return 200, as_json, b"{}"
    if "/manifests/" in path:
        return 200, MEDIA_TYPE, MANIFEST
    if path.endswith("/simple/interop-probe/"):
        return 200, "text/html", b'<a href="interop_probe-1.0-py3-none-any.whl">interop_probe-1.0-py3-none-any.whl</a>'
    if path.endswith(".whl"):
        return 200, "application/octet-stream", WHEEL
    if path == "/repository.git/info/refs":
        return 200, "text/plain", b"1" * 40 + b"\trefs/heads/main\n"
    if path == "/repository.git/HEAD":
        return 200, "text/plain", b"ref: refs/heads/main\n"
    if path in ("/version", "/version/"):
        fields = ["buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "major", "minor", "platform"]
        version = {**dict.fromkeys(fields, "interop"), "gitVersion": "v1.37.1"}
        return 200, as_json, json.dumps(version).encode()
    if path == "/mcp" and request.method == "POST":
        return mcp(json.loads(request.body))
    if path == "/v1/messages":
        return messages(json.loads(request.body))
    if path == "/v1/responses":
        return responses()
    if path == "/v1/models":
        return 200, as_json, b'{"object":"list","data":[],"models":[]}'
    return 404, "text/plain", b""


def mcp(message: dict) -> tuple[int, str, bytes]:
    if "id" not in message:
        return 202, "application/json", b""
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        server = {"name": "interop", "version": "1.0"}
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
    else:
        result = {"tools": []}
    return 200, "application/json", json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()


def messages(question: dict) -> tuple[int, str, bytes]:
    """An answer of the Messages API."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": question["model"], "usage": usage}
    text = {"type": "text", "text": "you said something"}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    if not question.get("stream"):
        return 200, "application/json", json.dumps({**message, "content": [text], **end}).encode()
    start = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    events = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text["text"]}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": usage},
        {"type": "message_stop"},
    ]
    return stream(events)


def responses() -> tuple[int, str, bytes]:
    """An answer of the Responses API."""
    part = {"type": "output_text", "text": "you said something", "annotations": []}
    item = {"type": "message", "id": "item_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "interop"}
    return stream(
        [
            {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {
                "type": "response.completed",
                "response": {**response, "status": "completed", "output": [item], "usage": usage},
            },
        ]
    )


def stream(events: list[dict]) -> tuple[int, str, bytes]:
    lines = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return 200, "text/event-stream", lines.encode()
