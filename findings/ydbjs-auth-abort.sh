#!/usr/bin/env bash
# @ydbjs/auth: the call that aborts takes the token from all other calls that wait for the same token.
#
# Seen in November 2026 with @ydbjs/auth 6.0.4 (npm): parallel calls share one request of the metadata service, and the
# request has the AbortSignal of the first call. If the first call gives up, the others fail with its AbortError, although
# nobody aborted them. The signal of every other call is not read: such a call cannot give up.
#
# The metadata service is on loopback.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @ydbjs/auth@6.0.4

cat >probe.mjs <<'JS'
import http from 'node:http';
import { MetadataCredentialsProvider } from '@ydbjs/auth/metadata';

// Answers when `answer` is called.
let asked, answer;
const server = http.createServer((_, response) => {
  answer = () => response.end('{"access_token":"token","expires_in":43200}');
  asked();
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const endpoint = `http://127.0.0.1:${server.address().port}/token`;
const told = (promise) => promise.then((token) => token, (error) => error.name);

// Who aborts: the first call, or the second one.
for (const name of ['first', 'second']) {
  const credentials = new MetadataCredentialsProvider({ endpoint });
  const request = new Promise((resolve) => { asked = resolve; });
  const abort = { first: new AbortController(), second: new AbortController() };
  const calls = ['first', 'second'].map((call) => told(credentials.getToken(false, abort[call].signal)));
  await request;
  abort[name].abort();
  if (name === 'second') answer();
  const [first, second] = await Promise.all(calls);
  console.log(`the ${name} call aborts: the first one gets ${first}, the second one gets ${second}`);
}
server.close();
server.closeAllConnections();
JS
seen=$(node --no-warnings probe.mjs)
echo "$seen"
expected='the first call aborts: the first one gets AbortError, the second one gets AbortError
the second call aborts: the first one gets token, the second one gets token'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
