// A receiver of webhooks that verifies with the Standard Webhooks library, and handles each
// delivery once.
'use strict';

const http = require('node:http');
const { Webhook } = require('standardwebhooks');

const maxBody = 1 << 20; // bytes; more than any delivery has
const remembered = 100_000; // bounds the ids in memory; a real receiver asks its database

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const seen = new Set();

// read resolves to the raw body: the signature is over these bytes, not over parsed JSON.
async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBody) throw new Error('the body is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// handle does the work, after the answer.
function handle(id, delivery) {
  console.log('handled', id, JSON.stringify(delivery));
}

// receive returns the status of the answer.
async function receive(request) {
  const body = await read(request);
  let delivery;
  try {
    delivery = webhook.verify(body, request.headers);
  } catch {
    return 401;
  }
  const id = request.headers['webhook-id'];
  if (seen.has(id)) {
    console.log('seen before', id);
    return 204;
  }
  if (seen.size === remembered) seen.clear();
  seen.add(id);
  setImmediate(handle, id, delivery);
  return 204;
}

const server = http.createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status).end(),
    () => response.writeHead(400).end(),
  );
});

server.listen(Number(process.env.PORT ?? 9000), '127.0.0.1', () => {
  console.log(`Listening at http://127.0.0.1:${server.address().port}/`);
});
