// Package sender is the one way out of the process: it makes the HTTP requests
// that deliver events, and judges beforehand where they may go.
//
// A Client holds what all endpoints share: the address guard, the resolver and
// its cache, the rules for TLS, idle connections. A Target is one endpoint, ready
// to be sent to. It uses the connections of its origin: those of all endpoints with
// the same scheme, host, port and certificates.
//
// What the guard promises: a request leaves only for an address that passed
// Guard.Check, and that very address is the one dialled. Names are resolved
// once per connection; if any of the answers is refused, all are. Port and name
// are held against the operator's rules first: what they refuse is not resolved.
// All answers pass before the first is dialled; see dialAny for their order.
// The dialer checks address and port once more right before it connects. Proxy
// variables of the environment are ignored.
//
// What it does not promise: it cannot know what stands behind an address that it
// lets through, a reverse proxy into a private network for example. And through a
// Proxy it judges only what can be judged unresolved: addresses, ports, names.
//
// Names under which machines of one's own network are usually found (of one
// label, or under .local, .internal or .home.arpa) are refused, unless the operator's
// Allow list covers every address that they resolve to; through a Proxy, unless
// its AllowHosts has them. "localhost" and names
// under it are never asked of DNS: they stand for 127.0.0.1 and ::1, as far as
// the guard lets these through.
package sender
