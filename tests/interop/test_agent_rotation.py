"""A token that rotates every second, under load, with clients as published: no request fails.

The tokens live for 1.4 s, and the agent renews a token after three quarters of its life, or up to a tenth earlier: after
0.95 to 1.05 s. A client that has just got a token may use it for a quarter of a second at least. It shows the token at
once to a server, which asks the emulator whether the token is alive.
"""

import subprocess
import sys
import time
from contextlib import ExitStack

from agent import ANY, counts, ready
from daemons import TokenServer
from processes import end
from test_agent_load import KeptConnection, Load
from test_agent_oauth import Endpoint

LIFE = 1.4  # seconds
SECONDS = 8
EXCHANGE = "POST /iam/v1/tokens"

#: These programs end at the first request that fails. google-auth asks for a token before each request, because no token has
#: the 225 s left that it wants. The next program has to do so: `expires_in` is in whole seconds, and one at least.
GOOGLE_AUTH = """
import sys, time
from google.auth import compute_engine
from google.auth.transport.requests import AuthorizedSession

url, seconds = sys.argv[1:]
session = AuthorizedSession(compute_engine.Credentials(), max_refresh_attempts=0)
end = time.monotonic() + float(seconds)
while time.monotonic() < end:
    session.get(url).raise_for_status()
"""

REQUESTS_OAUTHLIB = """
import sys, time
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

url, seconds, endpoint, client_id, client_secret = sys.argv[1:]
session = OAuth2Session(client=BackendApplicationClient(client_id=client_id))
end = time.monotonic() + float(seconds)
while time.monotonic() < end:
    session.fetch_token(endpoint, client_id=client_id, client_secret=client_secret)
    session.get(url).raise_for_status()
"""

#: curl ends with 22 where a server refuses it.
CURL = """
end=$(($(date +%s) + $2))
while [ "$(date +%s)" -lt "$end" ]; do curl -s -S -f -o /dev/null -H "@$3" "$1" || exit; done
"""


def test_no_request_fails_while_the_token_rotates_every_second(serve, make_emulator, tmp_path):
    emulator = make_emulator(lifetime=LIFE)
    token_file = tmp_path / "header"
    options = ["--metadata", ANY, "--token-file", str(token_file), "--format", "header", "--admin", ANY]
    endpoint = Endpoint(serve, emulator, tmp_path, *options)
    metadata, oauth, admin = endpoint.agent.addresses
    ready(endpoint.agent, token_file)
    client = endpoint.client["client_id"], endpoint.client["client_secret"]
    # The command without its first words, and the variables.
    programs = {
        "google-auth": ([sys.executable, "-c", GOOGLE_AUTH], [], {"GCE_METADATA_HOST": metadata, "GCE_METADATA_IP": metadata}),
        "requests-oauthlib": (
            [sys.executable, "-c", REQUESTS_OAUTHLIB],
            [f"http://{oauth}/oauth2/token", *client],
            {"OAUTHLIB_INSECURE_TRANSPORT": "1"},
        ),
        "curl": (["/bin/sh", "-c", CURL, "sh"], [str(token_file)], {"PATH": "/usr/local/bin:/usr/bin:/bin"}),
    }
    with ExitStack() as stack:
        servers = {name: stack.enter_context(TokenServer(emulator.accepts)) for name in programs}
        before, start = emulator.requests(EXCHANGE), time.monotonic()
        load = stack.enter_context(Load(emulator, [KeptConnection(metadata) for _ in range(4)]))
        processes = {}
        for name, (words, more, variables) in programs.items():
            command = [*words, f"http://{servers[name].address}/", str(SECONDS), *more]
            processes[name] = subprocess.Popen(
                command, env=variables, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            stack.callback(end, processes[name])
        errors = {name: process.communicate(timeout=SECONDS + 30)[1] for name, process in processes.items()}
        outcomes = counts(admin)
        rotations, seconds = emulator.requests(EXCHANGE) - before, time.monotonic() - start

    for name, server in servers.items():
        assert (processes[name].returncode, errors[name]) == (0, ""), name
        assert server.statuses == {200} and len(server.requests) > 10 * SECONDS, name
        # The clock of `date` has whole seconds, and Python needs some time for its start.
        assert len(server.tokens) >= SECONDS - 2, name
    assert load.failed == []
    # No client has hidden a failure by a second attempt.
    assert all(failures == [0, 0] for _, *failures in outcomes.values()), outcomes
    assert seconds / 1.25 < rotations < seconds / 0.75
