"""A browser at `yc-auth serve`: the page of `--admin`, and pages of other sites that want the token."""

import json
import re
import threading
import urllib.error
import urllib.parse
from email.utils import parsedate_to_datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent import counts, fetch, free_port, token_of
from browser import Browser
from emulator import TOKEN_PATH
from processes import wait_for

#: The site of a stranger. The second name is one that the stranger leads to this machine, to become its own site there.
STRANGER, REBOUND = "stranger.example.com", "rebound.example.com"

#: What a source may say. Each part would change the title, if the browser took it for markup.
MARKUP = """<script>document.title = "ran"</script><img src="http://stranger.example.com/x" onerror='document.title = "ran"'>"""

TABLES = """
[...document.querySelectorAll("table")].map((table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText)))
"""

#: What becomes of requests: the status and the text, or an error.
OUTCOMES = """
Promise.all(%s.map(([url, options]) => fetch(url, options).then(
  async (response) => [response.status, await response.text()],
  (error) => String(error),
)))
"""

#: A frame with another page.
FRAME = "document.body.append(Object.assign(document.createElement('iframe'), {src: %s}))"


@pytest.fixture
def browser(tmp_path):
    with Browser(tmp_path, STRANGER, REBOUND) as browser:
        yield browser


@pytest.fixture
def site(tmp_path):
    """The port of a server with an empty page."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>a page</title>")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


class Listeners:
    """An agent with a metadata service, a token endpoint and a page. Its second identity has no token."""

    def __init__(self, serve, emulator, folder):
        self.metadata, self.oauth, self.admin = (f"127.0.0.1:{free_port()}" for _ in range(3))
        key_file = folder / "down.json"
        key_file.write_text(json.dumps(emulator.new_service_account_key()))
        key_file.chmod(0o600)
        emulator.fault(kind="status", target="iam", status=503, body=json.dumps({"code": 14, "message": MARKUP}))
        config = folder / "agent.toml"
        config.write_text(
            f"""
[[identity]]
name = "good"
method = "metadata"
[[identity]]
name = "down"
key_file = "down.json"
[[listen]]
kind = "metadata"
address = "{self.metadata}"
identity = "good"
[[listen]]
kind = "oauth"
address = "{self.oauth}"
identity = "good"
[[listen]]
kind = "admin"
address = "{self.admin}"
"""
        )
        serve(emulator, "--config", str(config), source="metadata")
        self.client = json.loads((folder / "oauth-client.json").read_text())
        self.token = token_of(self.metadata)

    def get(self, path: str) -> str:
        return fetch(f"http://{self.admin}{path}").decode()

    def form(self) -> str:
        """What a client sends for a token."""
        return urllib.parse.urlencode({"grant_type": "client_credentials", **self.client})


@pytest.fixture
def listeners(serve, emulator, tmp_path):
    return Listeners(serve, emulator, tmp_path)


def test_the_page(listeners, browser):
    for _ in range(2):
        token_of(listeners.metadata)
    with pytest.raises(urllib.error.HTTPError):
        fetch(f"http://{listeners.metadata}{TOKEN_PATH}")
    wait_for(lambda: "fails now" in listeners.get("/"))

    url = f"http://{listeners.admin}/"
    browser.open(url)
    (head, good, down, [error]), (_, *requests) = browser.run(TABLES)
    assert head == ["identity", "method", "state", "end of the token", "fetches", "failures"]
    ends = re.search(r'_expires_seconds\{identity="good"\} (.+)', listeners.get("/metrics"))[1]
    assert good[:3] == ["good", "metadata", "ready"] and good[4:] == ["1", "0"]
    assert parsedate_to_datetime(good[3]).timestamp() == int(float(ends))
    assert down[:4] == ["down", "service-account-key", "no token", ""] and int(down[5]) >= 1
    assert error.startswith("fails now: service-account-key: ") and MARKUP in error
    assert ["metadata", "3", "1", "0"] in requests and ["oauth", "0", "0", "0"] in requests
    assert browser.run("document.title") == "yc-auth agent"
    assert browser.run("document.querySelectorAll('script, img').length") == 0
    assert browser.messages == []
    assert browser.requests == [url]

    # Even markup that got into the page would be without effect, by the policy of the page. The browser tells that.
    browser.run(f"document.body.append(document.createRange().createContextualFragment({json.dumps(MARKUP)}))")
    wait_for(lambda: browser.run("true") and len(browser.messages) >= 2 and browser.requests == [url])
    assert all("Content Security Policy" in message for message in browser.messages), browser.messages
    assert browser.run("document.title") == "yc-auth agent"


@pytest.mark.parametrize("host", [STRANGER, "127.0.0.1"], ids=["another site", "another port"])
def test_a_page_of_another_origin_reads_no_token(host, listeners, browser, site):
    metadata, oauth = f"http://{listeners.metadata}{TOKEN_PATH}", f"http://{listeners.oauth}/oauth2/token"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    secret = {"method": "POST", "body": listeners.form(), "headers": form}
    browser.open(f"http://{host}:{site}/")
    before = counts(listeners.admin)

    def outcomes(*requests) -> list:
        return browser.run(OUTCOMES % json.dumps(requests))

    unread = "TypeError: Failed to fetch"
    # The last one is a response that a page cannot read.
    assert outcomes(
        [metadata, {}],
        [metadata, {"headers": {"Metadata-Flavor": "Google"}}],
        [metadata, {"mode": "no-cors", "headers": {"Metadata-Flavor": "Google"}}],
    ) == [unread, unread, [0, ""]]
    assert outcomes([oauth, secret], [oauth, {**secret, "mode": "no-cors"}]) == [unread, [0, ""]]
    assert outcomes([f"http://{listeners.admin}/metrics", {}], [f"http://{listeners.admin}/", {}]) == [unread, unread]
    after = counts(listeners.admin)
    # All of them have arrived, and none has got a token: the browser keeps responses from the page, and the agent gives none.
    # The second one is the question of the browser whether the header may be sent.
    assert [now - then for now, then in zip(after["metadata"], before["metadata"])] == [0, 3, 0]
    assert [now - then for now, then in zip(after["oauth"], before["oauth"])] == [0, 2, 0]

    # A frame of the page stays empty, too.
    browser.run(FRAME % json.dumps(f"http://{listeners.admin}/"))
    wait_for(lambda: browser.run("true") and any("frame-ancestors" in message for message in browser.messages))


def test_a_site_that_leads_its_name_to_this_machine_reads_no_token(listeners, browser):
    """Pages of the site are then of the same origin as the listener, so that the browser keeps nothing from them."""
    before = counts(listeners.admin)
    secret = {"method": "POST", "body": listeners.form()}
    requests = {
        listeners.metadata: [TOKEN_PATH, {"headers": {"Metadata-Flavor": "Google"}}],
        listeners.oauth: ["/oauth2/token", {**secret, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}],
        listeners.admin: ["/metrics", {}],
    }
    for address, request in requests.items():
        # The page is the refusal of the listener itself.
        browser.open(f"http://{REBOUND}:{address.partition(':')[2]}/")
        [[status, text]] = browser.run(OUTCOMES % json.dumps([request]))
        assert status == 403 and "Host" in text and listeners.token not in text
    after = counts(listeners.admin)
    # The browser asks for an icon, too.
    assert all(after[name][1] - before[name][1] >= 2 for name in after)
    assert (after["metadata"][0], after["oauth"][0]) == (before["metadata"][0], 0)
