// A receiver that verifies with the Standard Webhooks library. WEBHOOK_SECRET is
// the endpoint's secret; one that does not start with whsec_ is used as it is.
'use strict';

const http = require('node:http');
const { Webhook } = require('standardwebhooks');

const secret = process.env.WEBHOOK_SECRET;
const webhook = secret.startsWith('whsec_') ? new Webhook(secret) : new Webhook(secret, { format: 'raw' });

const server = http.createServer((req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    try {
      webhook.verify(Buffer.concat(chunks).toString('utf8'), req.headers);
      res.writeHead(204).end();
    } catch (error) {
      res.writeHead(401).end(error.message);
    }
  });
});

// The test reads the port from the first line, and ends the process by closing its input.
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
