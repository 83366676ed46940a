#!/usr/bin/env bash
# The Node.js SDK of Yandex Cloud fetches the token of the metadata service twice, and then never again.
#
# Seen in November 2026 with @yandex-cloud/nodejs-sdk 3.2.0 (2.8.0 is alike): the token is fetched at the first call and
# once more 30 seconds later. `expires_in` is not read. A process that lives longer than the second token (12 hours at
# most) sends an expired token with every call. https://github.com/yandex-cloud/nodejs-sdk/issues/130
#
# The clock is a fake one of node:test, so this takes no time; the metadata service is a function.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @yandex-cloud/nodejs-sdk@3.2.0

cat >probe.cjs <<'JS'
const { mock } = require('node:test');
const axios = require('axios');
let fetched = 0;
axios.default.get = axios.get = async () => ({ status: 200, data: { access_token: `token ${++fetched}`, expires_in: 43200 } });
mock.timers.enable({ apis: ['setTimeout', 'Date'] });
const file = './node_modules/@yandex-cloud/nodejs-sdk/dist/token-service/metadata-token-service.js';
const service = new (require(file).MetadataTokenService)();
const turn = () => new Promise((resolve) => setImmediate(resolve));
(async () => {
  for (const seconds of [0, 30, 3600, 43200, 86400]) {
    mock.timers.tick(seconds * 1000 - Date.now());
    await turn();
    await turn();
    console.log(`after ${seconds} s: ${await service.getToken()}`);
  }
})();
JS
seen=$(node --no-warnings probe.cjs)
echo "$seen"
expected='after 0 s: token 1
after 30 s: token 2
after 3600 s: token 2
after 43200 s: token 2
after 86400 s: token 2'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
