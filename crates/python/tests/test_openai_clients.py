"""openai, langchain-openai and mcp."""

import asyncio

import pytest
from yandex_cloud_auth import Credentials, NotConfigured
from yandex_cloud_auth.openai import api_key, api_key_async


@pytest.fixture
def options(emulator):
    return {"base_url": f"{emulator.url}/v1", "project": emulator.folder_id, "max_retries": 0}


def test_the_sync_client_asks_for_each_call(emulator, options):
    openai = pytest.importorskip("openai")
    creds = Credentials.metadata()
    client = openai.OpenAI(api_key=api_key(creds), **options)
    assert list(client.models.list())
    emulator.revoke_iam_token(creds.token())
    with pytest.raises(openai.AuthenticationError):
        client.models.list()
    creds.invalidate(creds.token())
    assert list(client.models.list())


def test_the_async_client_asks_for_each_call(emulator, options):
    openai = pytest.importorskip("openai")
    creds = Credentials.metadata()

    async def main():
        async with openai.AsyncOpenAI(api_key=api_key_async(creds), **options) as client:
            return [model.id async for model in client.models.list()]

    assert asyncio.run(main())


def test_the_client_of_httpx2_inside_checks_hosts_and_replays(emulator, options):
    openai = pytest.importorskip("openai")
    httpx2 = pytest.importorskip("httpx2")
    from yandex_cloud_auth.httpx2 import Auth

    creds = Credentials.metadata()
    client = openai.OpenAI(api_key="unused", http_client=httpx2.Client(auth=Auth(creds), trust_env=False), **options)
    assert list(client.models.list())
    emulator.revoke_iam_token(creds.token())
    assert list(client.models.list())


def test_langchain_asks_for_each_call(emulator, options):
    langchain = pytest.importorskip("langchain_openai")
    chat = langchain.ChatOpenAI(
        model=f"gpt://{emulator.folder_id}/yandexgpt/latest",
        api_key=api_key(Credentials.metadata()),
        base_url=options["base_url"],
        default_headers={"OpenAI-Project": emulator.folder_id},
    )
    assert "metadata" in chat.invoke("hello").content
    assert "metadata" in asyncio.run(chat.ainvoke("hello")).content


def test_none_has_no_key():
    with pytest.raises(NotConfigured):
        api_key(Credentials.none())()
    with pytest.raises(NotConfigured):
        asyncio.run(api_key_async(Credentials.none())())


def test_mcp_takes_the_auth_of_httpx2(emulator):
    pytest.importorskip("mcp")
    from mcp.shared._httpx_utils import create_mcp_http_client
    from yandex_cloud_auth.httpx2 import Auth

    async def main():
        async with create_mcp_http_client(auth=Auth(Credentials.metadata())) as client:
            return (await client.get(f"{emulator.url}/v1/models")).status_code

    assert asyncio.run(main()) == 200
