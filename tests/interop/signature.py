"""AWS Signature Version 4: what a server computes to check a request."""

import hashlib
import hmac

from tool_server import Request


def is_signed(request: Request, key_id: str, secret: str) -> bool:
    """Whether this key signed the request."""
    scheme, _, rest = request.headers["authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    used_id, _, scope = fields["Credential"].partition("/")
    names = fields["SignedHeaders"].split(";")
    # S3 hashes no body over TLS, unless the client did.
    digest = request.headers["x-amz-content-sha256"]
    lines = [request.method, request.path, request.query]
    lines += [f"{name}:{request.headers[name].strip()}" for name in names]
    text = "\n".join([*lines, "", ";".join(names), digest])
    to_sign = [scheme, request.headers["x-amz-date"], scope, hashlib.sha256(text.encode()).hexdigest()]
    signer = f"AWS4{secret}".encode()
    for part in [*scope.split("/"), "\n".join(to_sign)]:
        signer = hmac.digest(signer, part.encode(), "sha256")
    is_whole = {"host", "x-amz-security-token", "x-amz-content-sha256", "x-amz-date"} <= set(names)
    return is_whole and used_id == key_id and hmac.compare_digest(signer.hex(), fields["Signature"])
