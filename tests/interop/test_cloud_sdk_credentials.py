"""The credentials of the official cloud SDK (`yandexcloud`), over TLS with the emulator's certificate authority."""

import grpc
import pytest
import yandexcloud
from yandex.cloud.ai.foundation_models.v1.text_generation.text_generation_service_pb2_grpc import (
    TextGenerationServiceStub,
)

from cloud import TIMEOUT, output, request


def test_an_oauth_token_is_exchanged(tls_emulator, cloud):
    text = output(cloud(token=tls_emulator.oauth_token), tls_emulator.folder_id, "hello")

    assert text.startswith("authenticated as user account ")
    assert text.endswith(" by iam-token from oauth-token; you said: hello")
    assert tls_emulator.requests("POST /yandex.cloud.iam.v1.IamTokenService/Create") == 1


def test_an_iam_token(tls_emulator, cloud):
    text = output(cloud(iam_token=tls_emulator.iam_token()), tls_emulator.folder_id, "hello")

    assert text == tls_emulator.answer("iam-token from control")


def test_uses_the_metadata_service_without_other_credentials(tls_emulator, cloud, environment):
    environment.setenv("YC_METADATA_ADDR", tls_emulator.metadata_address)
    text = output(cloud(), tls_emulator.folder_id, "hello")

    assert text == tls_emulator.answer("iam-token from metadata")


def test_a_token_that_was_never_issued_is_refused(tls_emulator, cloud):
    with pytest.raises(grpc.RpcError) as error:
        output(cloud(iam_token="t1.FAKE-OF-NO-CLOUD.fake"), tls_emulator.folder_id, "hello")
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("end", ["expiry", "revocation"])
def test_a_token_that_has_ended_is_refused(end, tls_emulator, cloud):
    token = tls_emulator.iam_token(lifetime=3600)
    sdk = cloud(iam_token=token)
    assert output(sdk, tls_emulator.folder_id, "hello").endswith("you said: hello")

    if end == "expiry":
        tls_emulator.advance(3601)
    else:
        tls_emulator.revoke_iam_token(token)
    with pytest.raises(grpc.RpcError) as error:
        output(sdk, tls_emulator.folder_id, "hello")
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_an_oauth_token_that_was_never_issued_is_not_exchanged(tls_emulator, cloud):
    with pytest.raises(grpc.RpcError, match="OAuth token is invalid or expired") as error:
        output(cloud(token="y0_FAKE-OF-NO-CLOUD"), tls_emulator.folder_id, "hello")
    # gRPC's code for a call whose credentials cannot be obtained. IAM's code is in the message.
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "StatusCode.UNAUTHENTICATED" in error.value.details()


def test_a_plain_text_channel_sends_no_credentials(emulator):
    sdk = yandexcloud.SDK(iam_token=emulator.iam_token(), endpoint=emulator.address)
    service = sdk.client(TextGenerationServiceStub, endpoint=emulator.address, insecure=True)

    with pytest.raises(grpc.RpcError) as error:
        list(service.Completion(request(emulator.folder_id, "hello"), timeout=TIMEOUT))
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    authorization = ("authorization", f"Bearer {emulator.iam_token()}")
    metadata = (authorization,)
    responses = service.Completion(request(emulator.folder_id, "hello"), timeout=TIMEOUT, metadata=metadata)
    assert list(responses)[-1].alternatives[0].message.text.endswith("by iam-token from control; you said: hello")


def test_a_client_without_the_authority_refuses_the_certificate(tls_emulator):
    sdk = yandexcloud.SDK(iam_token=tls_emulator.iam_token(), endpoint=tls_emulator.address)

    with pytest.raises(grpc.RpcError) as error:
        output(sdk, tls_emulator.folder_id, "hello")
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert tls_emulator.requests("POST /yandex.cloud.endpoint.ApiEndpointService/List") == 0
