"""Calls of the AI Studio SDK while tokens live for seconds: our object, and the SDK's own class.

    YC_AUTH=target/debug/yc-auth python crates/python/benches/short_tokens.py [--lifetime 20] [--seconds 60]

Speaks to an emulator on loopback. The status is 1 if a call of ours has failed.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "tests" / "interop"))

from emulator import Emulator
from studio import TEXTS, outcome
from yandex_ai_studio_sdk import AIStudio
from yandex_ai_studio_sdk.auth import MetadataAuth
from yandex_cloud_auth import Credentials
from yandex_cloud_auth.ai_studio import Auth

TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"


class Beside:
    """The same calls by both, in turns."""

    def __init__(self, emulator: Emulator, credentials: Credentials):
        auths = {
            "ours": Auth(credentials),
            "theirs": MetadataAuth(metadata_url=f"http://{emulator.metadata_address}{TOKEN}"),
        }
        self.sdks = {
            name: AIStudio(
                endpoint=emulator.address,
                folder_id=emulator.folder_id,
                verify=False,
                service_map={"http_completions": f"{emulator.url}/v1"},
                auth=auth,
            )
            for name, auth in auths.items()
        }
        self.calls = dict.fromkeys(auths, 0)
        #: The code of each call that failed.
        self.failed = {name: [] for name in auths}

    def call(self):
        """One call of each kind by each: over gRPC and HTTP, whole and as a stream."""
        for call in TEXTS.values():
            for name, sdk in self.sdks.items():
                self.calls[name] += 1
                ended = outcome(call, sdk)
                if ended != "accepted":
                    self.failed[name].append(ended)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lifetime", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    for name in list(os.environ):
        if name.startswith("YC_") and name != "YC_AUTH":
            del os.environ[name]
    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator(os.environ["YC_AUTH"], Path(folder), lifetime=arguments.lifetime)
        try:
            os.environ.update(YC_AUTH_CACHE="off", YC_API_ENDPOINT=emulator.url)
            beside = Beside(emulator, Credentials.metadata(emulator.metadata_address))
            until = time.monotonic() + arguments.seconds
            while time.monotonic() < until:
                beside.call()
                time.sleep(0.5)
        finally:
            emulator.stop()
    for name, failed in beside.failed.items():
        print(f"{name}: {len(failed)} of {beside.calls[name]} calls failed")
    return 1 if beside.failed["ours"] else 0


if __name__ == "__main__":
    sys.exit(main())
