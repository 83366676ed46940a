"""The credentials of the `ydb` package. The emulator has no YDB, so AI Studio judges the ticket of each test."""

import json

import pytest
import ydb
import ydb.iam

from emulator import TOKEN_PATH
from studio import all_texts, texts

HEADER = "x-ydb-auth-ticket"


def ticket(credentials: ydb.Credentials) -> str:
    """The value of the header that a call of YDB has."""
    [(name, value)] = credentials.auth_metadata()
    assert name == HEADER
    return value


@pytest.fixture
def metadata(emulator):
    return ydb.iam.MetadataUrlCredentials(f"http://{emulator.metadata_address}{TOKEN_PATH}")


@pytest.fixture
def with_key(tls_emulator):
    """Credentials with an authorized key. The package exchanges it over TLS only."""

    def make(key: dict) -> ydb.Credentials:
        return ydb.iam.ServiceAccountCredentials.from_content(
            json.dumps(key),
            iam_endpoint=tls_emulator.address,
            iam_channel_credentials={"root_certificates": tls_emulator.ca_file.read_bytes()},
        )

    return make


def test_the_metadata_service(metadata, emulator, studio):
    assert texts(studio(auth=ticket(metadata)), "hello") == all_texts(emulator.answer("iam-token from metadata"))
    assert ticket(metadata) == ticket(metadata)


def test_a_machine_without_a_service_account(metadata, emulator):
    emulator.fault(kind="not-found", target="metadata")

    with pytest.raises(ydb.ConnectionError, match="404"):
        ticket(metadata)


def test_an_authorized_key(with_key, tls_emulator):
    key = tls_emulator.new_service_account_key()
    assert ticket(with_key(key)).startswith("t1.")
    assert tls_emulator.requests("POST /yandex.cloud.iam.v1.IamTokenService/Create") == 1


def test_a_key_that_was_deleted_is_refused(with_key, tls_emulator):
    key = tls_emulator.new_service_account_key()
    tls_emulator.delete_service_account_key(key["id"])

    with pytest.raises(ydb.ConnectionError, match="UNAUTHENTICATED"):
        ticket(with_key(key))


def test_a_given_token_is_sent_bare(emulator):
    token = emulator.iam_token()
    assert ticket(ydb.AccessTokenCredentials(token)) == token
