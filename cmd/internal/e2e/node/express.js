// The reference receiver: it signs the body that Express parsed and serialised
// again, and compares. WEBHOOK_SECRET is the endpoint's secret.
'use strict';

const crypto = require('node:crypto');
const express = require('express');

const app = express();
app.use(express.json());

app.post('/webhook', (req, res) => {
  const expected = crypto
    .createHmac('sha256', process.env.WEBHOOK_SECRET)
    .update(JSON.stringify(req.body))
    .digest('hex');
  res.sendStatus(req.headers['x-corp-astro-signature'] === expected ? 200 : 401);
});

// The test reads the port from the first line, and ends the process by closing its input.
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
