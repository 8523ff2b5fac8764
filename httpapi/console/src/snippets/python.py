import base64
import hmac
import http.server
import os
import time


def verify(secret, headers, body, now):
    """Raises ValueError unless the request was signed with the secret within the last five minutes."""
    sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent[1].isdecimal() or abs(now - int(sent[1])) > 300:
        raise ValueError("the timestamp is missing or too far from now")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{sent[0]}.{sent[1]}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
    signatures = headers.get("webhook-signature", "").encode().split()
    if not any(hmac.compare_digest(s, expected) for s in signatures):
        raise ValueError("no signature matches")


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = 204
        try:
            verify(os.environ["WEBHOOK_SECRET"], self.headers, body, time.time())
            # Store the id and the body here, unless the id is known already. Work on it later.
            print("received", self.headers["webhook-id"], body.decode(), flush=True)
        except ValueError:
            status = 401
        self.send_response(status)
        self.end_headers()


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
