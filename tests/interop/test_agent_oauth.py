"""Clients of the OAuth 2 token endpoint at `yc-auth serve --oauth`: client credentials, in a header and in the body."""

import json
import time

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError
from requests_oauthlib import OAuth2Session

from agent import ANY
from daemons import Envoy, TokenServer
from processes import wait_for

FORMS = pytest.mark.parametrize("form", ["client_secret_basic", "client_secret_post"])
USER_INFO = "/oauth/userinfo"


class Endpoint:
    """The token endpoint of an agent, and its client."""

    def __init__(self, serve, emulator, folder, *options: str, client: dict | None = None, **settings: str):
        file = folder / "oauth-client.json"
        if client:
            file.write_text(json.dumps(client))
            file.chmod(0o600)
        self.agent = serve(emulator, "--oauth", ANY, "--oauth-client", str(file), *options, **settings)
        self.client = json.loads(file.read_text())
        self.url = f"http://{self.agent.address}/oauth2/token"


@pytest.fixture
def endpoint(serve, emulator, tmp_path, environment):
    # oauthlib wants TLS even on loopback, unless this is set.
    environment.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    return Endpoint(serve, emulator, tmp_path)


def requests_oauthlib(url: str, form: str, client_id: str, client_secret: str) -> OAuth2Session:
    session = OAuth2Session(client=BackendApplicationClient(client_id=client_id))
    if form == "client_secret_post":
        session.fetch_token(url, client_secret=client_secret, include_client_id=True)
    else:
        session.fetch_token(url, client_id=client_id, client_secret=client_secret)
    return session


def authlib(kind, url: str, form: str, client_id: str, client_secret: str):
    session = kind(client_id, client_secret, token_endpoint_auth_method=form)
    session.fetch_token(url, grant_type="client_credentials")
    return session


@FORMS
def test_requests_oauthlib(form, endpoint, emulator):
    session = requests_oauthlib(endpoint.url, form, **endpoint.client)

    assert session.get(emulator.url + USER_INFO).status_code == 200
    assert session.token["token_type"] == "Bearer"
    # A minute less than the token lives.
    assert 11 * 3600 < session.token["expires_in"] <= 12 * 3600 - 60


@FORMS
@pytest.mark.parametrize("kind", [AuthlibSession, OAuth2Client], ids=["requests", "httpx"])
def test_authlib(kind, form, endpoint, emulator):
    session = authlib(kind, endpoint.url, form, **endpoint.client)

    assert session.get(emulator.url + USER_INFO).status_code == 200


@pytest.mark.parametrize("authentication", ["header", "body"])
def test_the_client_of_n8n(authentication, endpoint, emulator, node):
    id, secret = endpoint.client["client_id"], endpoint.client["client_secret"]
    variables = {"TOKEN_ENDPOINT": endpoint.url, "USER_INFO": emulator.url + USER_INFO, "CLIENT_ID": id}
    variables["AUTHENTICATION"] = authentication

    found = node("n8n.cjs", **variables, CLIENT_SECRET=secret)
    assert found["status"] == 200 and 11 * 3600 < found["expires_in"] <= 12 * 3600 - 60
    wrong = node("n8n.cjs", **variables, CLIENT_SECRET="a-wrong-secret-of-the-test")
    assert wrong == {"code": "EAUTH", "error": "invalid_client"}


@FORMS
def test_a_wrong_secret_is_the_error_of_the_standard(form, endpoint):
    wrong = {**endpoint.client, "client_secret": "a-wrong-secret-of-the-test"}

    with pytest.raises(InvalidClientError):
        requests_oauthlib(endpoint.url, form, **wrong)
    with pytest.raises(OAuthError) as error:
        authlib(OAuth2Client, endpoint.url, form, **wrong)
    assert error.value.error == "invalid_client"


@FORMS
def test_a_secret_with_signs_of_its_own(form, serve, emulator, tmp_path, environment):
    """These clients send the secret in the header as it is. The standard has it encoded as in a form."""
    environment.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client = {"client_id": "the client", "client_secret": "a+b%41 c/d=e:f&g-of-the-test"}
    endpoint = Endpoint(serve, emulator, tmp_path, client=client)

    for make in requests_oauthlib, lambda *words, **client: authlib(OAuth2Client, *words, **client):
        assert make(endpoint.url, form, **client).get(emulator.url + USER_INFO).status_code == 200


def test_authlib_renews_before_the_token_ends(serve, make_emulator, tmp_path):
    # The endpoint tells whole seconds, and never less than one: hence the leeway.
    emulator = make_emulator(lifetime=3)
    endpoint = Endpoint(serve, emulator, tmp_path)
    session = OAuth2Client(
        **endpoint.client, token_endpoint=endpoint.url, grant_type="client_credentials", leeway=1
    )
    session.fetch_token()
    statuses, tokens = [], set()
    while len(tokens) < 3:
        statuses.append(session.get(emulator.url + USER_INFO).status_code)
        tokens.add(session.token["access_token"])
        time.sleep(0.05)

    assert set(statuses) == {200}


def status_of(address: str) -> int:
    return httpx.get(f"http://{address}/").status_code


def test_envoy(serve, make_emulator, tmp_path):
    """The injector of Envoy fetches at its start, and again before each end."""
    # A token that is fetched last lives for two seconds more, so that its whole seconds are no more than it has.
    emulator = make_emulator(lifetime=8)
    endpoint = Endpoint(serve, emulator, tmp_path)
    with (
        TokenServer(emulator.accepts) as server,
        Envoy(tmp_path, endpoint.url, endpoint.client, server) as envoy,
    ):
        # Until it has a token, Envoy itself refuses.
        wait_for(lambda: status_of(envoy.address) == 200, 10)
        while len(server.tokens) < 2:
            assert status_of(envoy.address) == 200
            time.sleep(0.05)

    assert server.statuses == {200}
