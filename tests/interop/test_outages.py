"""Faults and the retries of the SDK."""

import grpc
import pytest
from yandex_ai_studio_sdk.auth import OAuthTokenAuth
from yandex_ai_studio_sdk.retry import RetryPolicy

from studio import CALLS, MODEL, TIMEOUT, outcome

AT_ONCE = RetryPolicy(max_attempts=3, initial_backoff=0.01, max_backoff=0.01, jitter=0)
COMPLETION = "POST /yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion"


def test_retries_a_service_after_a_short_outage(emulator, studio):
    emulator.fault(kind="status", status=503, target="ai", times=1)
    sdk = studio(auth=emulator.api_key, retry_policy=AT_ONCE)

    result = sdk.models.completions(MODEL).run("hello", timeout=TIMEOUT)
    assert result.text.endswith("by api-key; you said: hello")
    assert emulator.requests(COMPLETION) == 2


def test_retries_iam_after_a_short_outage(emulator, studio):
    emulator.fault(kind="status", status=503, target="iam", times=1)
    sdk = studio(auth=OAuthTokenAuth(emulator.oauth_token), retry_policy=AT_ONCE)

    result = sdk.models.completions(MODEL).run("hello", timeout=TIMEOUT)
    assert result.text.endswith("by iam-token from oauth-token; you said: hello")
    assert emulator.requests("POST /yandex.cloud.iam.v1.IamTokenService/Create") == 2


def test_a_long_outage_is_unavailable(emulator, studio):
    emulator.fault(kind="status", status=503, target="ai")
    sdk = studio(auth=emulator.api_key, retry_policy=AT_ONCE)

    assert outcome(CALLS["completions.run"], sdk) == "UNAVAILABLE"
    assert outcome(CALLS["chat.run"], sdk) == 503


def test_a_service_that_hangs_exceeds_the_deadline(emulator, studio):
    emulator.fault(kind="hang", target="ai")
    sdk = studio(auth=emulator.api_key, retry_policy=AT_ONCE)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        sdk.models.completions(MODEL).run("hello", timeout=0.5)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
