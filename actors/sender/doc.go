// Package sender is the one way out of the process: it makes the HTTP requests
// that deliver events.
//
// What belongs here: where an attempt goes (resolver, dialer, race of addresses,
// egress proxy), the connections and who may keep them (idle pool, origins), the
// content of a request, and what became of it in the terms of webhook.Attempt.
// What does not: which targets may be reached (package guard), how HTTP/1.1 is
// written and read (http1), what the system knows about a socket (socket), when to
// send and whether to send again (actors/lane). docs/decisions/0001-own-http1-client.md
// says why the client is our own.
//
// A Client has what all endpoints share: the guard, the resolver and its cache, the
// rules for TLS, the idle connections. A Target is one endpoint. Endpoints with the
// same scheme, host, port and CA bundle share an origin, and so its connections.
//
// # What reaches the network
//
// A request leaves only for an address that the guard admitted, and that very
// address is dialled. Names are resolved once per connection; if one of the answers
// is refused, all are. All answers are checked before the first is dialled, and the
// dialer checks address and port once more right before it connects. Through a
// Proxy the guard judges only what needs no resolver: addresses, ports and names.
//
// # Once, or twice
//
// An attempt writes its request once. It writes the request a second time, on a new
// connection, only if the first one went to a kept connection and the receiver
// cannot have read any of it; see unseen. An attempt has one deadline, and every
// step from the lookup to the end of the head is within it.
//
// # Memory
//
// An attempt in flight holds a reader of 1 KiB while the receiver is silent, and a
// reader of 16 KiB at most after that. The request's memory is free again as soon
// as the request is written. So thousands of silent receivers cost a few MiB.
package sender
