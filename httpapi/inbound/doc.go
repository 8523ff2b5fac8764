// Package inbound holds everything that the API needs because it speaks HTTP/1.1 on
// the wire, and because fasthttp does the parsing.
//
// A Server is one listener and its connections. The listener bounds how many are open
// (listener.go); when all are taken, the one that waits longest gives way, so that
// slow and idle peers keep nobody out. Each connection counts the bytes of its present
// request (conn.go). Begin refuses a request that another server could frame
// differently (framing.go), and Conclude closes the connection unless exactly one
// request came on it since the last answer. Together they leave no room for request
// smuggling. Bodies are read when the caller is known (bodies.go), into memory that
// grows with what arrives, not with what is announced, and that callers share.
//
// What is refused here is a *Refusal: a sentinel error with a text for the caller.
// httpapi turns it into a problem document.
//
// What does not belong here: what a request means. The package knows no routes, no
// callers except the name that their memory is charged to, and no JSON.
//
// docs/decisions/0002-fasthttp.md says why fasthttp parses requests, and what the
// repairs in this package cost.
package inbound
