// A receiver that verifies v1a signatures with nothing but Node's own crypto. It
// trusts the public keys of its own endpoint: WEBHOOK_SECRET is the address of
// their key set, or the one key (whpk_).
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');

const secret = process.env.WEBHOOK_SECRET;

async function publicKeys() {
  if (secret.startsWith('whpk_')) {
    const x = Buffer.from(secret.slice('whpk_'.length), 'base64').toString('base64url');
    return [{ kty: 'OKP', crv: 'Ed25519', x }];
  }
  const { keys } = await (await fetch(secret)).json();
  for (const { kty, crv, x, kid } of keys) {
    const thumbprint = crypto.createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
    if (kid !== thumbprint) throw new Error(`${kid} is not the thumbprint ${thumbprint}`);
  }
  return keys;
}

async function verify(headers, body) {
  const age = Date.now() / 1000 - Number(headers['webhook-timestamp']);
  if (!(Math.abs(age) < 300)) throw new Error(`sent ${age} s ago`);
  const signed = Buffer.concat([Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), body]);
  const signatures = headers['webhook-signature'].split(' ').filter((text) => text.startsWith('v1a,'));
  for (const jwk of await publicKeys()) {
    const key = crypto.createPublicKey({ key: jwk, format: 'jwk' });
    for (const text of signatures) {
      if (crypto.verify(null, signed, key, Buffer.from(text.slice('v1a,'.length), 'base64'))) return;
    }
  }
  throw new Error('no signature by one of the keys');
}

const server = http.createServer((req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    verify(req.headers, Buffer.concat(chunks)).then(
      () => res.writeHead(204).end(),
      (error) => res.writeHead(401).end(error.message),
    );
  });
});

// The test reads the port from the first line, and ends the process by closing its input.
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
