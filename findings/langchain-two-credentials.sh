#!/usr/bin/env bash
# LangChain with both YC_API_KEY and YC_IAM_TOKEN: its Python class sends the token, its JavaScript classes the key.
#
# Seen in November 2026 with langchain-community 0.4.2 (PyPI) and @langchain/yandex 1.0.3 (npm):
#
#   Python       the IAM token wins; the folder goes along with a token only
#   JavaScript   the API key wins, even an empty one; ChatYandexGPT sends the folder with a key only, YandexGPT and
#                YandexGPTEmbeddings with a token only
#
# No request leaves the process: `fetch` is a function that prints the headers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @langchain/yandex@1.0.3 @langchain/core@^1
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-input langchain-community==0.4.2

cat >probe.py <<'PYTHON'
from langchain_community.llms.yandex import YandexGPT

headers = dict(YandexGPT().grpc_metadata)
print(f"Python YandexGPT: {headers['authorization']}, folder {headers.get('x-folder-id', '')!r}")
PYTHON
cat >probe.mjs <<'JS'
import { ChatYandexGPT, YandexGPT, YandexGPTEmbeddings } from '@langchain/yandex';
let name;
globalThis.fetch = async (_, { headers }) => {
  console.log(`JavaScript ${name}: ${headers.Authorization}, folder '${headers['x-folder-id']}'`);
  return new Response('{}', { status: 401 });
};
const calls = {
  ChatYandexGPT: () => new ChatYandexGPT({ maxRetries: 0 }).invoke('hello'),
  YandexGPT: () => new YandexGPT({ maxRetries: 0 }).invoke('hello'),
  YandexGPTEmbeddings: () => new YandexGPTEmbeddings({ maxRetries: 0 }).embedQuery('hello'),
};
for (name of Object.keys(calls)) await calls[name]().catch(() => {});
JS
both() { env YC_API_KEY=key YC_IAM_TOKEN=token YC_FOLDER_ID=folder "$@"; }
seen=$(
  both python/bin/python -W ignore probe.py
  both node probe.mjs
  echo 'an empty YC_API_KEY:'
  both env YC_API_KEY= python/bin/python -W ignore probe.py
  both env YC_API_KEY= node probe.mjs
)
echo "$seen"
expected="Python YandexGPT: Bearer token, folder 'folder'
JavaScript ChatYandexGPT: Api-Key key, folder 'folder'
JavaScript YandexGPT: Api-Key key, folder ''
JavaScript YandexGPTEmbeddings: Api-Key key, folder ''
an empty YC_API_KEY:
Python YandexGPT: Bearer token, folder 'folder'
JavaScript ChatYandexGPT: Api-Key , folder 'folder'
JavaScript YandexGPT: Api-Key , folder ''
JavaScript YandexGPTEmbeddings: Api-Key , folder ''"
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
