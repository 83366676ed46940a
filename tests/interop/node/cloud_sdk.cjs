// A streamed completion by the cloud SDK for Node.js. Prints one JSON object: the texts of the stream, which grow, or the
// code of the gRPC status. The SDK has variables for nothing, so all values are ours.
'use strict';
const { readFileSync } = require('node:fs');
const { Session } = require('@yandex-cloud/nodejs-sdk');
const { textGenerationService } = require('@yandex-cloud/nodejs-sdk/ai-foundation_models-v1');

const { ADDRESS, CA_FILE, IAM_TOKEN, MODEL } = process.env;
const { CompletionRequest, TextGenerationServiceClient } = textGenerationService;

async function main() {
  // The SDK checks no value: without a token, the text "undefined" is the token.
  const session = new Session({
    iamToken: IAM_TOKEN,
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
