"""`IamTokenService`, as the official cloud SDK calls it. The SDK sends no credentials to IAM by itself."""

from datetime import datetime, timedelta, timezone

import grpc
import pytest
from yandex.cloud.iam.v1.iam_token_service_pb2 import CreateIamTokenRequest, RevokeIamTokenRequest
from yandex.cloud.iam.v1.iam_token_service_pb2_grpc import IamTokenServiceStub

from cloud import TIMEOUT, output


@pytest.fixture
def iam(tls_emulator, cloud):
    return cloud(token=tls_emulator.oauth_token).client(IamTokenServiceStub)


def test_create_returns_a_valid_token_and_its_expiry(iam, tls_emulator, cloud):
    message = CreateIamTokenRequest(yandex_passport_oauth_token=tls_emulator.oauth_token)
    before = datetime.now(timezone.utc)
    created = iam.Create(message, timeout=TIMEOUT)
    after = datetime.now(timezone.utc)

    ends = created.expires_at.ToDatetime(timezone.utc)
    assert before <= ends - timedelta(hours=12) <= after
    text = output(cloud(iam_token=created.iam_token), tls_emulator.folder_id, "hello")
    assert text.endswith("by iam-token from oauth-token; you said: hello")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (CreateIamTokenRequest(yandex_passport_oauth_token="y0_FAKE-OF-NO-CLOUD"), "UNAUTHENTICATED"),
        (CreateIamTokenRequest(), "INVALID_ARGUMENT"),
    ],
    ids=["never issued", "nothing"],
)
def test_create_refuses_invalid_requests(message, code, iam):
    with pytest.raises(grpc.RpcError) as error:
        iam.Create(message, timeout=TIMEOUT)
    assert error.value.code().name == code


def test_revoke_revokes_a_token_and_returns_its_subject(iam, tls_emulator, cloud):
    token, other = tls_emulator.iam_token(), tls_emulator.iam_token()
    authorization = (("authorization", f"Bearer {token}"),)
    revoked = iam.Revoke(RevokeIamTokenRequest(iam_token=token), metadata=authorization, timeout=TIMEOUT)

    assert revoked.subject_id == tls_emulator.service_account_id
    with pytest.raises(grpc.RpcError) as error:
        output(cloud(iam_token=token), tls_emulator.folder_id, "hello")
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert output(cloud(iam_token=other), tls_emulator.folder_id, "hello").endswith("you said: hello")


def test_revoke_needs_credentials(iam, tls_emulator, cloud):
    token = tls_emulator.iam_token()
    with pytest.raises(grpc.RpcError) as error:
        iam.Revoke(RevokeIamTokenRequest(iam_token=token), timeout=TIMEOUT)

    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert output(cloud(iam_token=token), tls_emulator.folder_id, "hello").endswith("you said: hello")
