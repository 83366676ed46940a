"""The official cloud SDK for Node.js, over TLS. Its exchanges of OAuth tokens and keys have fixed addresses in the code,
so these tests give it IAM tokens."""

import pytest

UNAVAILABLE, UNAUTHENTICATED = 14, 16


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

    account = tls_emulator.service_account_id
    assert texts[-1] == f"authenticated as service account {account} by iam-token from control; you said: hello"
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
