#!/usr/bin/env bash
# openai (npm) 6: parallel requests of one client share the last value that the `apiKey` function returned.
#
# Seen in November 2026 with openai 6.49.0, the version that Node.js 20 gets: the function runs once for each request, but
# its value is kept in the client, so four parallel requests all carry the value of the last call. A token for each user
# or each request goes to the wrong one. 7.59.0 sends its own value with each request.
#
# The server is on loopback.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{}' >package.json
npm install --silent --no-audit --no-fund old@npm:openai@6.49.0 new@npm:openai@7.59.0

cat >probe.cjs <<'JS'
const http = require('node:http');
async function keys(OpenAI) {
  const seen = [];
  const server = http.createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.setHeader('content-type', 'application/json');
    response.end('{"object":"list","data":[]}');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  let calls = 0;
  const apiKey = async () => `key-${++calls}`;
  const client = new OpenAI({ baseURL: `http://127.0.0.1:${server.address().port}/v1`, apiKey, maxRetries: 0 });
  await Promise.all([1, 2, 3, 4].map(() => client.models.list()));
  server.close();
  server.closeAllConnections();
  return seen.sort().join(', ');
}
(async () => {
  for (const name of ['old', 'new']) {
    console.log(`${require(`./node_modules/${name}/package.json`).version}: ${await keys(require(name))}`);
  }
})();
JS
seen=$(node probe.cjs)
echo "$seen"
expected='6.49.0: Bearer key-4, Bearer key-4, Bearer key-4, Bearer key-4
7.59.0: Bearer key-1, Bearer key-2, Bearer key-3, Bearer key-4'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
