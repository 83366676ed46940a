// The package gcp-metadata. Prints whether it finds the service, the project and the token. GCE_METADATA_HOST and
// GCE_METADATA_IP are variables of the package itself.
'use strict';
const metadata = require('gcp-metadata');

async function main() {
  const found = await metadata.isAvailable();
  const project = await metadata.project('project-id');
  const token = await metadata.instance('service-accounts/default/token');
  console.log(JSON.stringify({ found, project, token }));
}

main();
