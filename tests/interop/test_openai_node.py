"""The `openai` package for Node.js, at the OpenAI-compatible API of the emulator."""

import pytest

from openai_api import assert_texts, refused


@pytest.fixture
def run(node, emulator):
    """The outcome of each call, with only the variables of the package."""

    def run(key: str, emulator=emulator, **variables: str) -> dict:
        return node(
            "openai.cjs",
            OPENAI_BASE_URL=f"{emulator.url}/v1",
            OPENAI_API_KEY=key,
            OPENAI_PROJECT_ID=emulator.folder_id,
            MODEL=f"gpt://{emulator.folder_id}/yandexgpt/latest",
            **variables,
        )

    return run


def test_an_api_key(run, emulator):
    assert_texts(run(emulator.api_key), emulator.answer("api-key"))


def test_an_iam_token(run, emulator):
    assert_texts(run(emulator.iam_token()), emulator.answer("iam-token from control"))


def test_a_credential_that_was_never_issued_is_refused(run):
    assert run("AQVNFAKE-OF-NO-CLOUD") == refused(401)


def test_an_expired_token_is_refused(run, emulator):
    token = emulator.iam_token(lifetime=60)
    emulator.advance(61)
    assert run(token) == refused(401)


def test_an_api_key_without_the_scope_is_forbidden(run, emulator):
    assert run(emulator.api_key_with_scopes("yc.search-api.execute")) == refused(403)


def test_trusts_the_authority_of_node_extra_ca_certs(run, tls_emulator):
    text = tls_emulator.answer("api-key")
    trusted = {"NODE_EXTRA_CA_CERTS": str(tls_emulator.ca_file)}
    assert_texts(run(tls_emulator.api_key, tls_emulator, **trusted), text)

    served = tls_emulator.requests("POST /v1/chat/completions")
    assert run(tls_emulator.api_key, tls_emulator) == refused("APIConnectionError")
    assert tls_emulator.requests("POST /v1/chat/completions") == served
