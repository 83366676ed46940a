"""The emulator of the tests: the program `yc-auth emulator` and its control API."""

import json
import os
import re
import selectors
import shlex
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from processes import end

STARTED_WITHIN = 30  # seconds
VARIABLES = {
    "YC_API_ENDPOINT",
    "YC_OAUTH_ENDPOINT",
    "YC_METADATA_ADDR",
    "YC_FOLDER_ID",
    "YC_API_KEY",
    "YC_IAM_TOKEN",
    "YC_OAUTH_TOKEN",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_PROJECT_ID",
}

#: The path of the metadata service's token.
TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"

#: The variables with the certificate authority. Each is that of some clients.
AUTHORITY = {
    "SSL_CERT_FILE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
}


class Emulator:
    """An emulator process. `variables` has the variables that the process printed.

    `names` are host names of the cloud: the emulator takes their place, at their port. `lifetime` is that of new IAM
    tokens, in seconds.
    """

    def __init__(
        self,
        program: str,
        folder: Path,
        *,
        tls: bool = False,
        names: list[str] = [],
        lifetime: float | None = None,
    ):
        self.ca_file = folder / "emulator-ca.pem" if tls else None
        options = ["--tls", "--ca-file", str(self.ca_file)] if tls else []
        if lifetime is not None:
            options += ["--token-lifetime", str(lifetime)]
        if names:
            options += ["--listen", "127.0.0.1:443", "--host-name", *names]
        self._log = folder / "emulator-stderr"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, "emulator", *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            expected = VARIABLES | (AUTHORITY if tls else set())
            self.variables = self._read_variables(expected)
        except BaseException:
            self.stop()
            raise
        self.address = self.variables["YC_API_ENDPOINT"].removeprefix("http://")
        self.url = f"{'https' if tls else 'http'}://{self.address}"
        self.metadata_address = self.variables["YC_METADATA_ADDR"]
        self.folder_id = self.variables["YC_FOLDER_ID"]
        self.api_key = self.variables["YC_API_KEY"]
        self.oauth_token = self.variables["YC_OAUTH_TOKEN"]
        handlers = [urllib.request.ProxyHandler({})]
        if tls:
            context = ssl.create_default_context(cafile=self.ca_file)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def _read_variables(self, expected: set[str]) -> dict[str, str]:
        text = b""
        deadline = time.monotonic() + STARTED_WITHIN
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                lines = text.decode().rpartition("\n")[0]
                found = dict(re.findall(r"^export (\w+)=(.*)$", lines, re.MULTILINE))
                if expected <= found.keys():
                    return {name: shlex.split(value)[0] for name, value in found.items()}
                left = deadline - time.monotonic()
                more = os.read(self._process.stdout.fileno(), 65536) if selector.select(max(left, 0)) else b""
                if not more:
                    why = "ended" if left > 0 else "has not started in time"
                    raise RuntimeError(f"the emulator {why}: {self._log.read_text()}")
                text += more

    def __enter__(self) -> "Emulator":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        end(self._process)
        self._process.stdout.close()

    def _control(self, path: str, body: dict | None = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        with self._opener.open(f"{self.url}/_emulator/{path}", data, timeout=10) as response:
            return json.load(response)

    @property
    def authority(self) -> dict[str, str]:
        """The variables with the certificate authority."""
        return {name: self.variables[name] for name in AUTHORITY}

    @property
    def service_account_id(self) -> str:
        return self._control("state")["serviceAccountId"]

    @property
    def impersonated_account_id(self) -> str:
        """The service account that every other subject may impersonate."""
        return self._control("state")["impersonatedAccountId"]

    @property
    def nested_account_id(self) -> str:
        """The service account that only `impersonated_account_id` may impersonate."""
        return self._control("state")["nestedAccountId"]

    def answer(self, credential: str, prompt: str = "hello") -> str:
        """The text of the model, which says that the service account has asked with this kind of credential."""
        return f"authenticated as service account {self.service_account_id} by {credential}; you said: {prompt}"

    def requests(self, route: str) -> int:
        """The number of requests to a route, such as `POST /v1/chat/completions`."""
        return self._control("counters")["routes"].get(route, 0)

    def iam_token(self, lifetime: float = 12 * 3600) -> str:
        """A new IAM token of the service account. The model calls it `iam-token from control`."""
        return self._control("tokens/issue", {"lifetime": lifetime})["iamToken"]

    def new_oauth_token(self) -> str:
        """An OAuth token from after the cut-off date. IAM refuses it."""
        return self._control("oauth-tokens/issue", {"after_cutoff": True})["oauthToken"]

    def api_key_with_scopes(self, *scopes: str) -> str:
        """A new API key of the service account with only these scopes."""
        return self._control("api-keys/issue", {"scopes": scopes})["apiKey"]

    def new_service_account_key(self) -> dict:
        """A new authorized key of the service account: the content of the file that `yc iam key create` writes."""
        return self._control("service-account-keys/issue", {})["serviceAccountKey"]

    def add_service_account_key(self, key_id: str, service_account_id: str, public_key: str) -> None:
        """Trusts a key that was created elsewhere, given its public key in PEM."""
        key = {"keyId": key_id, "serviceAccountId": service_account_id, "publicKey": public_key}
        self._control("service-account-keys/add", key)

    def delete_service_account_key(self, key_id: str) -> None:
        self._control("service-account-keys/delete", {"keyId": key_id})

    def accepts(self, token: str) -> bool:
        """Whether the cloud takes this IAM token now."""
        request = urllib.request.Request(f"{self.url}/oauth/userinfo", headers={"Authorization": f"Bearer {token}"})
        try:
            with self._opener.open(request, timeout=10):
                return True
        except urllib.error.HTTPError:
            return False

    def revoke_iam_token(self, token: str) -> None:
        self._control("tokens/revoke", {"iamToken": token})

    def revoke_api_key(self, key: str) -> None:
        self._control("api-keys/revoke", {"apiKey": key})

    def advance(self, seconds: float) -> None:
        """Moves the clock of the emulator. The clock of the client does not change."""
        self._control("clock/advance", {"seconds": seconds})

    def freeze(self) -> None:
        """Stops the clock of the emulator, so that nothing completes or expires."""
        self._control("clock/freeze", {})

    def set_clock(self, now: str) -> None:
        """Sets the clock to a time in RFC 3339."""
        self._control("clock/set", {"now": now})

    def fault(self, **fault) -> None:
        self._control("faults", fault)

    def reset(self) -> None:
        """Restores the state of the start: no faults, counters of zero, no IAM tokens."""
        self._control("reset", {})
