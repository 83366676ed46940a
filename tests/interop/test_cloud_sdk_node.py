"""The official cloud SDK for Node.js, over TLS."""

import json

import pytest

INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 13, 14, 16


@pytest.fixture
def run(node, tls_emulator):
    """The outcome of a streamed completion."""

    def run(token: str | None = None, *, trusted: bool = True) -> dict:
        variables = {"ADDRESS": tls_emulator.address, "MODEL": f"gpt://{tls_emulator.folder_id}/yandexgpt/latest"}
        if token is not None:
            variables["IAM_TOKEN"] = token
        if trusted:
            variables["CA_FILE"] = str(tls_emulator.ca_file)
        return node("cloud_sdk.cjs", **variables)

    return run


def test_an_iam_token(run, tls_emulator):
    texts = run(tls_emulator.iam_token())["texts"]

    assert texts[-1] == tls_emulator.answer("iam-token from control")
    assert len(texts) > 1
    assert all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:]))


def test_without_a_token_the_call_is_refused(run):
    assert run()["code"] == UNAUTHENTICATED


def test_a_token_that_was_never_issued_is_refused(run):
    assert run("t1.FAKE-OF-NO-CLOUD.fake")["code"] == UNAUTHENTICATED


def test_an_expired_and_a_revoked_token_are_refused(run, tls_emulator):
    token = tls_emulator.iam_token(lifetime=60)
    tls_emulator.advance(61)
    assert run(token)["code"] == UNAUTHENTICATED

    token = tls_emulator.iam_token()
    tls_emulator.revoke_iam_token(token)
    assert run(token)["code"] == UNAUTHENTICATED


def test_without_the_authority_it_refuses_the_certificate(run, tls_emulator):
    assert run(tls_emulator.iam_token(), trusted=False)["code"] == UNAVAILABLE


@pytest.fixture
def exchange(node, fixed_emulator):
    """The outcome of a streamed completion at the addresses in the code of the SDK, where the emulator is."""

    def exchange(**credential: str) -> dict:
        model = f"gpt://{fixed_emulator.folder_id}/yandexgpt/latest"
        trusted = fixed_emulator.variables["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]
        return node("cloud_sdk.cjs", MODEL=model, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=trusted, **credential)

    return exchange


@pytest.fixture
def with_key(exchange, tmp_path):
    def with_key(key: dict) -> dict:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(key))
        return exchange(KEY_FILE=str(file))

    return with_key


CREATE = "POST /yandex.cloud.iam.v1.IamTokenService/Create"


def test_an_oauth_token(exchange, fixed_emulator):
    texts = exchange(OAUTH_TOKEN=fixed_emulator.oauth_token)["texts"]

    assert texts[-1].endswith("by iam-token from oauth-token; you said: hello")
    assert len(texts) > 1
    assert fixed_emulator.requests(CREATE) == 1


def test_an_oauth_token_from_after_the_cut_off_is_refused(exchange, fixed_emulator):
    refused = exchange(OAUTH_TOKEN=fixed_emulator.new_oauth_token())

    # gRPC gives the program another code than the one of IAM.
    assert refused["code"] == INTERNAL
    assert "2026-06-01" in refused["message"]


def test_an_authorized_key(with_key, fixed_emulator):
    texts = with_key(fixed_emulator.new_service_account_key())["texts"]

    account = fixed_emulator.service_account_id
    assert texts[-1].startswith(f"authenticated as service account {account} by iam-token from ")
    assert len(texts) > 1
    assert fixed_emulator.requests(CREATE) == 1


def test_a_key_that_was_deleted_is_refused(with_key, fixed_emulator):
    key = fixed_emulator.new_service_account_key()
    fixed_emulator.delete_service_account_key(key["id"])
    assert with_key(key)["code"] == UNAUTHENTICATED
