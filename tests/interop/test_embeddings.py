"""Embeddings, over gRPC and over the OpenAI-compatible API."""

import pytest

from studio import TIMEOUT, VECTORS

TEXT = "hello there"


@pytest.fixture
def sdk(emulator, studio):
    return studio(auth=emulator.api_key)


def test_both_apis_return_the_same_vector(sdk):
    native = sdk.models.text_embeddings(VECTORS).run(TEXT, timeout=TIMEOUT)
    compatible = sdk.chat.text_embeddings(VECTORS).run(TEXT, timeout=TIMEOUT)

    assert len(native) == len(compatible) > 1
    assert tuple(native) == tuple(compatible)
    assert (native.num_tokens, compatible.usage.prompt_tokens) == (2, 2)
    assert native.model_version
    assert compatible.model.startswith("emb://")


def test_texts_and_questions_have_models_with_short_names(sdk, emulator):
    doc, query = sdk.models.text_embeddings("doc"), sdk.models.text_embeddings("query")

    assert doc.uri == f"emb://{emulator.folder_id}/text-search-doc/latest"
    assert query.uri == f"emb://{emulator.folder_id}/text-search-query/latest"
    assert len(query.run(TEXT, timeout=TIMEOUT)) == len(doc.run(TEXT, timeout=TIMEOUT))


@pytest.mark.parametrize("domain", ["models", "chat"])
def test_equal_texts_have_equal_vectors_and_other_texts_have_others(sdk, domain):
    model = getattr(sdk, domain).text_embeddings(VECTORS)

    first, again, other = (tuple(model.run(text, timeout=TIMEOUT)) for text in (TEXT, TEXT, "good night"))
    assert first == again != other


@pytest.mark.parametrize("domain", ["models", "chat"])
def test_a_vector_has_the_requested_dimensions(sdk, domain):
    model = getattr(sdk, domain).text_embeddings(VECTORS).configure(dimensions=3)

    assert len(model.run(TEXT, timeout=TIMEOUT)) == 3


def test_list_returns_the_embedding_models(sdk):
    models = sdk.chat.text_embeddings.list(timeout=TIMEOUT)

    assert VECTORS in [model.name for model in models]
    assert all(model.uri.startswith("emb://") for model in models)
