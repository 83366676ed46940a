"""Tokens that end within seconds, beside the SDK's own class. `benches/short_tokens.py` does it for a minute."""

import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("yandex_ai_studio_sdk")

from conftest import PROGRAM
from emulator import Emulator
from yandex_cloud_auth import Credentials

sys.path.insert(0, str(Path(__file__).parents[1] / "benches"))

from short_tokens import Beside


def test_no_call_of_ours_fails_where_the_sdk_keeps_a_token_that_has_ended(tmp_path, environment):
    emulator = Emulator(PROGRAM, tmp_path, lifetime=4)
    try:
        environment.setenv("YC_API_ENDPOINT", emulator.url)
        beside = Beside(emulator, Credentials.metadata(emulator.metadata_address))
        deadline = time.monotonic() + 60
        # The SDK asks for another token after an hour.
        while len(beside.failed["theirs"]) < 10:
            assert time.monotonic() < deadline, "no call of the SDK's class has failed"
            beside.call()
        assert set(beside.failed["theirs"]) == {401, "UNAUTHENTICATED"}
        assert beside.failed["ours"] == [] and beside.calls["ours"] > 10
    finally:
        emulator.stop()
