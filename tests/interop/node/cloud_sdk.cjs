// A streamed completion by the cloud SDK for Node.js. Prints one JSON object: the texts of the stream, which grow, or the
// code of the gRPC status. The SDK has variables for nothing, so all values are ours. Without ADDRESS, the address of the
// service is the one in the code of the SDK. The address of IAM is always that one.
'use strict';
const { readFileSync } = require('node:fs');
const { Session } = require('@yandex-cloud/nodejs-sdk');
const { textGenerationService } = require('@yandex-cloud/nodejs-sdk/ai-foundation_models-v1');

const { ADDRESS, CA_FILE, IAM_TOKEN, KEY_FILE, MODEL, OAUTH_TOKEN } = process.env;
const { CompletionRequest, TextGenerationServiceClient } = textGenerationService;

function credential() {
  if (OAUTH_TOKEN) return { oauthToken: OAUTH_TOKEN };
  if (KEY_FILE) {
    const key = JSON.parse(readFileSync(KEY_FILE, 'utf8'));
    // Its names are not those of the file.
    const { id: accessKeyId, service_account_id: serviceAccountId, private_key: privateKey } = key;
    return { serviceAccountJson: { accessKeyId, serviceAccountId, privateKey } };
  }
  // The SDK checks no value: without a token, the text "undefined" is the token.
  return { iamToken: IAM_TOKEN };
}

async function main() {
  const session = new Session({
    ...credential(),
    ssl: CA_FILE ? { rootCerts: readFileSync(CA_FILE) } : undefined,
  });
  const request = CompletionRequest.fromPartial({
    modelUri: MODEL,
    completionOptions: { stream: true },
    messages: [{ role: 'user', text: 'hello' }],
  });
  const texts = [];
  try {
    const service = session.client(TextGenerationServiceClient, ADDRESS);
    for await (const response of service.completion(request)) texts.push(response.alternatives[0].message.text);
    console.log(JSON.stringify({ texts }));
  } catch (error) {
    if (error.code === undefined) throw error;
    console.log(JSON.stringify({ code: error.code, message: error.message }));
  }
}

main();
