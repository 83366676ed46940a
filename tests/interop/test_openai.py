"""The `openai` package for Python, at the OpenAI-compatible API of the emulator."""

import openai
import pytest
from openai import OpenAI

from openai_api import CALLS, TIMEOUT, assert_texts, outcomes, refused

CHAT = "POST /v1/chat/completions"


@pytest.fixture
def client(emulator):
    def make(api_key, **options):
        options = {"max_retries": 0, "timeout": TIMEOUT, "project": emulator.folder_id, **options}
        return OpenAI(api_key=api_key, base_url=f"{emulator.url}/v1", **options)

    return make


@pytest.fixture
def model(emulator):
    return f"gpt://{emulator.folder_id}/yandexgpt/latest"


def test_an_api_key(client, emulator, model):
    assert_texts(outcomes(client(emulator.api_key), model), emulator.answer("api-key"))


def test_an_iam_token(client, emulator, model):
    assert_texts(outcomes(client(emulator.iam_token()), model), emulator.answer("iam-token from control"))


def test_its_own_variables_are_enough(emulator, environment, model):
    environment.setenv("OPENAI_BASE_URL", f"{emulator.url}/v1")
    environment.setenv("OPENAI_API_KEY", emulator.api_key)
    environment.setenv("OPENAI_PROJECT_ID", emulator.folder_id)

    assert_texts(outcomes(OpenAI(timeout=TIMEOUT), model), emulator.answer("api-key"))


def test_a_function_is_asked_for_each_request(client, emulator, model):
    """So a program can give the package a token that is valid for each request."""
    given = []

    def token() -> str:
        given.append(emulator.iam_token(lifetime=60))
        return given[-1]

    sdk = client(token)
    text = emulator.answer("iam-token from control")
    for _ in range(2):
        assert_texts(outcomes(sdk, model), text)
        emulator.advance(61)
    assert len(set(given)) == 2 * len(CALLS)


def test_lists_the_models(client, emulator, model):
    assert model in [listed.id for listed in client(emulator.api_key).models.list()]


def test_embeddings(client, emulator):
    vectors = client(emulator.api_key).embeddings.create(
        model=f"emb://{emulator.folder_id}/text-search-doc/latest", input="hello", encoding_format="float"
    )
    assert len(vectors.data[0].embedding) == 256


@pytest.mark.parametrize("key", ["AQVNFAKE-OF-NO-CLOUD", "t1.FAKE-OF-NO-CLOUD.fake"])
def test_a_credential_that_was_never_issued_is_refused_at_once(key, client, emulator, model):
    assert outcomes(client(key, max_retries=2), model) == refused(401)
    # The package does not retry a refusal.
    assert emulator.requests(CHAT) == 2
    assert emulator.requests("POST /v1/responses") == 2


def test_an_expired_and_a_revoked_token_are_refused(client, emulator, model):
    sdk = client(emulator.iam_token(lifetime=60))
    emulator.advance(61)
    assert outcomes(sdk, model) == refused(401)

    token = emulator.iam_token()
    emulator.revoke_iam_token(token)
    assert outcomes(client(token), model) == refused(401)


def test_an_api_key_without_the_scope_is_forbidden(client, emulator, model):
    assert outcomes(client(emulator.api_key_with_scopes("yc.search-api.execute")), model) == refused(403)


def test_retries_after_a_short_outage(client, emulator, model):
    emulator.fault(kind="status", status=503, target="ai", times=1)

    assert CALLS["chat"](client(emulator.api_key, max_retries=1), model)
    assert emulator.requests(CHAT) == 2


def test_trusts_the_authority_of_ssl_cert_file(tls_emulator, environment):
    model = f"gpt://{tls_emulator.folder_id}/yandexgpt/latest"

    def chat():
        sdk = OpenAI(api_key=tls_emulator.api_key, base_url=f"{tls_emulator.url}/v1", max_retries=0)
        return CALLS["chat"](sdk, model)

    with pytest.raises(openai.APIConnectionError):
        chat()
    assert tls_emulator.requests(CHAT) == 0
    environment.setenv("SSL_CERT_FILE", tls_emulator.variables["SSL_CERT_FILE"])
    assert chat()
