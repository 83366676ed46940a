"""Official clients and plain HTTP accept the output of `yc-auth`."""

import json
import subprocess
from datetime import datetime, timedelta

import httpx
import pytest
from yandex_ai_studio_sdk.auth import IAMTokenAuth

from cloud import output
from studio import ACCEPTED, MODEL, REFUSED, TIMEOUT, all_texts, outcomes, texts

METHODS = {
    "metadata": ("YC_METADATA_ADDR", "service account {} by iam-token from metadata"),
    "oauth-token": ("YC_OAUTH_TOKEN", "by iam-token from oauth-token"),
    "iam-token": ("YC_IAM_TOKEN", "service account {} by iam-token"),
    "env-iam-token": ("YC_TOKEN", "service account {} by iam-token"),
}


@pytest.fixture
def run(yc_auth):
    """Runs `yc-auth` with only these variables. Returns its output."""

    def run(*arguments: str, **variables: str) -> str:
        done = subprocess.run(
            [yc_auth, *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def variables(emulator, name: str) -> dict[str, str]:
    """The variables that point a program at the emulator, with one credential."""
    values = {**emulator.variables, "YC_TOKEN": emulator.variables["YC_IAM_TOKEN"]}
    return {"YC_API_ENDPOINT": values["YC_API_ENDPOINT"], name: values[name]}


@pytest.mark.parametrize("method", METHODS)
def test_the_ai_studio_sdk_accepts_its_token(method, run, emulator, studio):
    name, who = METHODS[method]
    token = run("token", "--method", method, **variables(emulator, name))
    outputs = texts(studio(auth=IAMTokenAuth(token)), "hello")

    text = outputs["completions.run"]
    assert f"{who.format(emulator.service_account_id)}; you said: hello" in text
    assert outputs == all_texts(text)


def test_the_ai_studio_sdk_accepts_its_api_key(run, emulator, studio):
    key = run("token", "--method", "api-key", **variables(emulator, "YC_API_KEY"))

    assert texts(studio(auth=key), "hello") == all_texts(emulator.answer("api-key"))


def test_the_cloud_sdk_accepts_its_token(run, tls_emulator, cloud):
    trusted = {"SSL_CERT_FILE": tls_emulator.variables["SSL_CERT_FILE"]}
    token = run("token", "--method", "oauth-token", **variables(tls_emulator, "YC_OAUTH_TOKEN"), **trusted)
    text = output(cloud(iam_token=token.strip()), tls_emulator.folder_id, "hello")

    assert text.endswith("by iam-token from oauth-token; you said: hello")


@pytest.mark.parametrize("method", ["metadata", "oauth-token"])
def test_it_prints_the_expiry_of_the_token(method, run, emulator, studio):
    name, _ = METHODS[method]
    printed = run("token", "--method", method, "--format", "json", **variables(emulator, name))
    token = json.loads(printed)
    expiry = datetime.fromisoformat(token["expires_at"].replace("Z", "+00:00"))
    sdk = studio(auth=token["token"])

    assert (token["method"], token["scheme"]) == (method, "Bearer")
    # The metadata service returns the remaining lifetime in whole seconds.
    emulator.set_clock((expiry - timedelta(seconds=30)).isoformat())
    assert outcomes(sdk) == ACCEPTED
    emulator.set_clock((expiry + timedelta(seconds=2)).isoformat())
    assert outcomes(sdk) == REFUSED


@pytest.mark.parametrize("name", ["YC_API_KEY", "YC_OAUTH_TOKEN", "YC_METADATA_ADDR"])
def test_its_header_authorises_a_request(name, run, emulator):
    header, _, value = run("header", **variables(emulator, name)).strip().partition(": ")
    model = f"gpt://{emulator.folder_id}/{MODEL}"
    response = httpx.post(
        f"{emulator.url}/v1/chat/completions",
        headers={header: value},
        json={"model": model, "messages": [{"role": "user", "content": "hello"}]},
        timeout=TIMEOUT,
    )

    assert header == "Authorization"
    assert response.json()["choices"][0]["message"]["content"].endswith("you said: hello")
