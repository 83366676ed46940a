"""Service accounts: JWTs that official clients sign with authorized keys, and impersonation."""

import time

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from yandex.cloud.iam.v1.iam_token_service_pb2 import (
    CreateIamTokenForServiceAccountRequest,
    CreateIamTokenRequest,
    RevokeIamTokenRequest,
)
from yandex.cloud.iam.v1.iam_token_service_pb2_grpc import IamTokenServiceStub

from cloud import TIMEOUT, output

AUDIENCE = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
CREATE = "POST /yandex.cloud.iam.v1.IamTokenService/Create"


@pytest.fixture
def iam(tls_emulator, cloud):
    return cloud(token=tls_emulator.oauth_token).client(IamTokenServiceStub)


def signed(key: dict, *, headers: dict | None = None, algorithm: str = "PS256", **claims) -> str:
    """The JWT of a client. `claims` replace the default claims."""
    now = int(time.time())
    claims = {"iss": key["service_account_id"], "aud": AUDIENCE, "iat": now, "exp": now + 3600} | claims
    headers = {"kid": key["id"]} if headers is None else headers
    return jwt.encode(claims, key["private_key"], algorithm=algorithm, headers=headers)


def created(iam, key: dict, **claims) -> str:
    return iam.Create(CreateIamTokenRequest(jwt=signed(key, **claims)), timeout=TIMEOUT).iam_token


def impersonated(iam, token: str, account: str) -> str:
    message = CreateIamTokenForServiceAccountRequest(service_account_id=account)
    authorization = (("authorization", f"Bearer {token}"),)
    return iam.CreateForServiceAccount(message, metadata=authorization, timeout=TIMEOUT).iam_token


def code(call) -> str:
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code().name


def test_the_sdk_reads_the_key_file_and_iam_accepts_its_jwt(tls_emulator, cloud):
    sdk = cloud(service_account_key=tls_emulator.new_service_account_key())

    text = output(sdk, tls_emulator.folder_id, "hello")
    assert text == tls_emulator.answer("iam-token from service-account-key")
    assert tls_emulator.requests(CREATE) == 1


def test_the_sdk_with_a_key_that_was_created_elsewhere(tls_emulator, cloud):
    made = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    private = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key = {"id": "ajemadebyopenssl", "service_account_id": "ajesomebody", "private_key": private}
    tls_emulator.add_service_account_key(key["id"], key["service_account_id"], public)

    text = output(cloud(service_account_key=key), tls_emulator.folder_id, "hello")
    assert text.startswith("authenticated as service account ajesomebody by ")


def test_the_sdk_with_a_deleted_key_gets_an_error(tls_emulator, cloud):
    key = tls_emulator.new_service_account_key()
    tls_emulator.delete_service_account_key(key["id"])

    with pytest.raises(grpc.RpcError, match="no key has the 'kid' of the JWT, or the key was deleted") as error:
        output(cloud(service_account_key=key), tls_emulator.folder_id, "hello")
    # The code for every credential that cannot be obtained. IAM's code is in the message.
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "StatusCode.UNAUTHENTICATED" in error.value.details()


@pytest.mark.parametrize(
    "audience",
    [AUDIENCE, [AUDIENCE], "https://iam.api.yandexcloud.kz/iam/v1/tokens"],
    ids=["a text, as nodejs-sdk", "an array, as go-sdk and java-sdk", "of another installation"],
)
def test_accepts_every_audience_that_clients_send(audience, iam, tls_emulator, cloud):
    token = created(iam, tls_emulator.new_service_account_key(), aud=audience)
    assert output(cloud(iam_token=token), tls_emulator.folder_id, "hello").endswith("you said: hello")


def test_refuses_an_invalid_jwt(iam, tls_emulator):
    key, other = tls_emulator.new_service_account_key(), tls_emulator.new_service_account_key()
    now = int(time.time())
    for wrong in [
        {"headers": {"kid": other["id"]}},
        {"algorithm": "RS256"},
        {"algorithm": "PS512"},
        {"iss": "ajesomebody"},
        {"aud": "https://iam.api.cloud.yandex.net"},
        {"iat": now + 120, "exp": now + 180},
        {"iat": now - 120, "exp": now - 60},
        {"exp": now + 3700},
    ]:
        assert code(lambda: created(iam, key, **wrong)) == "UNAUTHENTICATED", wrong
    with pytest.raises(grpc.RpcError, match="The required field 'kid' is missing from the JWT header"):
        created(iam, key, headers={})
    long = CreateIamTokenRequest(jwt="x" * 8001)
    assert code(lambda: iam.Create(long, timeout=TIMEOUT)) == "INVALID_ARGUMENT"


def test_deleting_a_key_revokes_its_tokens(iam, tls_emulator, cloud):
    key, other = tls_emulator.new_service_account_key(), tls_emulator.new_service_account_key()
    token, of_other = created(iam, key), created(iam, other)
    tls_emulator.delete_service_account_key(key["id"])

    assert code(lambda: output(cloud(iam_token=token), tls_emulator.folder_id, "hello")) == "UNAUTHENTICATED"
    assert output(cloud(iam_token=of_other), tls_emulator.folder_id, "hello").endswith("you said: hello")


def test_impersonation_can_be_nested(iam, tls_emulator, cloud):
    first, second = tls_emulator.impersonated_account_id, tls_emulator.nested_account_id
    own = created(iam, tls_emulator.new_service_account_key())
    token = impersonated(iam, own, first)
    nested = impersonated(iam, token, second)

    for token, account in [(token, first), (nested, second)]:
        text = output(cloud(iam_token=token), tls_emulator.folder_id, "hello")
        assert text == f"authenticated as service account {account} by iam-token from impersonation; you said: hello"
    assert code(lambda: impersonated(iam, own, second)) == "PERMISSION_DENIED"
    assert code(lambda: impersonated(iam, own, "ajeunknown")) == "NOT_FOUND"
    assert code(lambda: impersonated(iam, own, "")) == "INVALID_ARGUMENT"
    assert code(lambda: impersonated(iam, "t1.FAKE-OF-NO-CLOUD.fake", first)) == "UNAUTHENTICATED"


def test_an_impersonated_token_stays_valid_after_the_callers_token_is_revoked(iam, tls_emulator, cloud):
    parent = tls_emulator.iam_token()
    child = impersonated(iam, parent, tls_emulator.impersonated_account_id)
    authorization = (("authorization", f"Bearer {parent}"),)
    revoked = iam.Revoke(RevokeIamTokenRequest(iam_token=parent), metadata=authorization, timeout=TIMEOUT)

    assert revoked.subject_id == tls_emulator.service_account_id
    assert code(lambda: impersonated(iam, parent, tls_emulator.impersonated_account_id)) == "UNAUTHENTICATED"
    assert output(cloud(iam_token=child), tls_emulator.folder_id, "hello").endswith("you said: hello")
