// Package http1 is the client's side of HTTP/1.1 (RFC 9112): the pieces of a
// request's head, and a reader of responses that works in bounded memory and time.
//
// What belongs here: what can be said of a message without knowing who sends it or
// why. What does not: connections and when they may be used again for another
// request (actors/sender), TLS, and what a status means for a delivery
// (webhook.Attempt). It is a client of hostile servers, so each loop has a bound in
// bytes, and the status line decides: headers that make no sense cost the
// connection, and never the verdict. docs/decisions/0001-own-http1-client.md says
// why this is not net/http.
//
// The reader is stricter than the RFC where two programs could disagree on where a
// body ends (response splitting and smuggling): such a connection is closed.
// There are no pipelined requests, no upgrades, no trailers, and no HTTP/2.
package http1
