#!/usr/bin/env bash
# On Node.js 20, `npm install NAME` takes an older major version of a package, without a warning.
#
# Seen in November 2026 with npm 11.19.1 on Node.js 20.20.2: the newest version whose `engines` allow this Node.js is
# taken, and nothing says that a newer one exists. `npm install NAME@VERSION` warns (EBADENGINE) and installs it.
#
#   @yandex-cloud/nodejs-sdk   2.8.0 instead of 3.2.0 (wants Node.js 22.15): another interface, `serviceClients`
#   openai                     6.49.0 instead of 7.59.0 (wants Node.js 22): see openai-node-shared-key.sh
#
# The ranges below end at the version that was newest, so that a later release changes nothing here.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

if node -e 'process.exit(process.versions.node.split(".")[0] < 22 ? 1 : 0)'; then
  echo "Node.js $(node --version) is no Node.js 20: nothing to see"
  exit
fi
echo '{}' >package.json
# Resolves the versions, and installs nothing.
npm install --package-lock-only --no-audit --no-fund '@yandex-cloud/nodejs-sdk@<=3.2.0' 'openai@<=7.59.0' >output 2>&1
seen=$(node -p '
  const { packages } = require("./package-lock.json");
  ["@yandex-cloud/nodejs-sdk", "openai"].map((name) => `${name} ${packages[`node_modules/${name}`].version}`).join("\n")')
warnings=$(grep -c EBADENGINE output || true)
printf '%s\nwarnings about the version of Node.js: %s\n' "$seen" "$warnings"
[ "$seen" = $'@yandex-cloud/nodejs-sdk 2.8.0\nopenai 6.49.0' ] && [ "$warnings" = 0 ] ||
  { echo 'this has changed' >&2; exit 1; }
