"""The emulator over TLS: only clients that trust its certificate authority can use it."""

import grpc
import httpx
import pytest
from yandex_ai_studio_sdk import AIStudio
from yandex_ai_studio_sdk.retry import RetryPolicy

from studio import CALLS, all_texts, texts


def studio_over_tls(emulator, verify) -> AIStudio:
    return AIStudio(
        auth=emulator.api_key,
        endpoint=emulator.address,
        folder_id=emulator.folder_id,
        retry_policy=RetryPolicy(max_attempts=1),
        service_map={"http_completions": f"{emulator.url}/v1"},
        verify=verify,
    )


def test_a_client_that_trusts_the_authority_gets_responses(tls_emulator):
    sdk = studio_over_tls(tls_emulator, verify=tls_emulator.ca_file)

    account = tls_emulator.service_account_id
    text = f"authenticated as service account {account} by api-key; you said: hello"
    assert texts(sdk, "hello") == all_texts(text)


def test_a_client_with_only_the_system_authorities_refuses_the_certificate(tls_emulator):
    sdk = studio_over_tls(tls_emulator, verify=True)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        CALLS["completions.run"](sdk, "hello")
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        CALLS["chat.run"](sdk, "hello")
    assert tls_emulator.requests("POST /v1/chat/completions") == 0
