// The client of n8n for OAuth 2, in its flow for client credentials. Asks for a token, and shows the token to USER_INFO.
// Prints the status and the seconds of the token, or the code of the refusal.
'use strict';
const { ClientOAuth2 } = require('@n8n/client-oauth2');

const { AUTHENTICATION, CLIENT_ID, CLIENT_SECRET, TOKEN_ENDPOINT, USER_INFO } = process.env;

async function main() {
  const client = new ClientOAuth2({
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    accessTokenUri: TOKEN_ENDPOINT,
    authentication: AUTHENTICATION,
    // What n8n makes of a scope that is left empty.
    scopes: [''],
  });
  try {
    const token = await client.credentials.getToken();
    const { url, ...request } = token.sign({ method: 'GET', url: USER_INFO });
    const { status } = await fetch(url, request);
    console.log(JSON.stringify({ status, expires_in: Number(token.data.expires_in) }));
  } catch (error) {
    if (error.body === undefined) throw error;
    console.log(JSON.stringify({ code: error.code, error: error.body.error }));
  }
}

main();
