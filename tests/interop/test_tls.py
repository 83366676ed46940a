"""The emulator over TLS: only clients that trust its certificate authority can use it."""

import grpc
import httpx
import pytest
from yandex_ai_studio_sdk.retry import RetryPolicy

from studio import CALLS, all_texts, connect, texts


def test_a_client_that_trusts_the_authority_gets_responses(tls_emulator):
    sdk = connect(tls_emulator, auth=tls_emulator.api_key)

    assert texts(sdk, "hello") == all_texts(tls_emulator.answer("api-key"))


def test_a_client_with_only_the_system_authorities_refuses_the_certificate(tls_emulator):
    sdk = connect(tls_emulator, auth=tls_emulator.api_key, verify=True, retry_policy=RetryPolicy(max_attempts=1))

    with pytest.raises(grpc.aio.AioRpcError) as error:
        CALLS["completions.run"](sdk, "hello")
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        CALLS["chat.run"](sdk, "hello")
    assert tls_emulator.requests("POST /v1/chat/completions") == 0
