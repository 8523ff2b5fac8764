const http = require('node:http');
const { Webhook } = require('standardwebhooks');

const webhook = new Webhook(process.env.WEBHOOK_SECRET);

http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8'); // the signature is over these bytes
  try {
    webhook.verify(body, request.headers);
  } catch {
    return response.writeHead(401).end();
  }
  // Store the id and the body here, unless the id is known already. Work on it later.
  console.log('received', request.headers['webhook-id'], body);
  response.writeHead(204).end();
}).listen(process.env.PORT, '127.0.0.1');
