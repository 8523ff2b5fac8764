"""A receiver of webhooks with the standard library only.

It verifies each delivery, stores it in a table whose key is the delivery's id, answers,
and handles it afterwards. A delivery that arrives twice finds its id in the table.
"""

import base64
import hmac
import http.server
import os
import sqlite3
import threading
import time

MAX_BODY = 1 << 20  # bytes; more than any delivery has
SECRET = os.environ["WEBHOOK_SECRET"]
DATABASE = os.environ.get("DATABASE", "inbox.db")
new_deliveries = threading.Event()


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


def open_database():
    """Returns a connection, which belongs to the calling thread."""
    db = sqlite3.connect(DATABASE, timeout=5)
    db.execute("CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, body TEXT, handled INTEGER DEFAULT 0)")
    return db


def store(delivery_id, body):
    """Stores a delivery durably, and reports whether it is new."""
    db = open_database()
    try:
        with db:  # one transaction, committed before the answer
            added = db.execute("INSERT OR IGNORE INTO inbox (id, body) VALUES (?, ?)", (delivery_id, body.decode()))
        return added.rowcount == 1
    finally:
        db.close()


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a connection may be silent

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(length)
        try:
            verify(SECRET, self.headers, body, time.time())
        except ValueError:
            return self.answer(401)
        if store(self.headers["webhook-id"], body):
            new_deliveries.set()
        else:
            print("seen before", self.headers["webhook-id"], flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def handle_all():
    """Does the work, after the answers, also what an earlier process left."""
    db = open_database()
    while True:
        new_deliveries.clear()
        for delivery_id, body in db.execute("SELECT id, body FROM inbox WHERE handled = 0 ORDER BY rowid").fetchall():
            print("handled", delivery_id, body, flush=True)
            with db:
                db.execute("UPDATE inbox SET handled = 1 WHERE id = ?", (delivery_id,))
        new_deliveries.wait()


if __name__ == "__main__":
    threading.Thread(target=handle_all, daemon=True).start()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver)
    print(f"Listening at http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
