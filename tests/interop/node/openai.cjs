// The calls of the openai package for Node.js. Prints one JSON object: for each call the pieces of the text, or the
// status of the refusal. OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_PROJECT_ID are variables of the package itself.
'use strict';
const OpenAI = require('openai');

const model = process.env.MODEL;
const messages = [{ role: 'user', content: 'hello' }];

async function pieces(stream, piece) {
  const found = [];
  for await (const event of stream) found.push(piece(event));
  return found.filter((text) => text);
}

const calls = {
  chat: async (client) => [(await client.chat.completions.create({ model, messages })).choices[0].message.content],
  'chat, streamed': async (client) =>
    pieces(
      await client.chat.completions.create({ model, messages, stream: true }),
      (chunk) => chunk.choices[0]?.delta?.content,
    ),
  responses: async (client) => [(await client.responses.create({ model, input: 'hello' })).output_text],
  'responses, streamed': async (client) =>
    pieces(
      await client.responses.create({ model, input: 'hello', stream: true }),
      (event) => event.type === 'response.output_text.delta' && event.delta,
    ),
};

async function main() {
  const client = new OpenAI({ maxRetries: 0, timeout: 20_000 });
  const outcomes = {};
  for (const [name, call] of Object.entries(calls)) {
    try {
      outcomes[name] = await call(client);
    } catch (error) {
      if (!(error instanceof OpenAI.APIError)) throw error;
      outcomes[name] = error.status ?? error.constructor.name;
    }
  }
  console.log(JSON.stringify(outcomes));
}

main();
