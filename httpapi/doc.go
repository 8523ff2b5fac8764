// Package httpapi is the HTTP API of Astrohook, for publishers and for the clients that
// own webhooks.
//
// What belongs here: the routes in one table (routes.go), the resources, one per file,
// and the table that maps errors to answers (errors.go). openapi.yaml describes every
// call and is served as it is; a test compares the two.
//
// What does not belong here: how requests arrive (inbound), who sends them and what that
// caller may do (auth), how bodies are read (eventinput for events, jsonbody for all
// others), how a webhook is written (registration), how lists continue (paging), and
// what happens to an event after it is accepted. The API reaches storage and actors
// through the interfaces in seams.go.
//
// A request passes the stations of Server.serve: its framing is checked, its route
// found, its caller identified and admitted, its share of the server taken, its query
// checked, its body read, and then the route's own function answers. An error at any
// station becomes a problem document (RFC 9457).
//
// The front page, the probes, openapi.yaml and the public keys of webhooks (public.go)
// need no token. What belongs to another client looks like what does not exist.
//
// Nothing of a request outlives its handler, because fasthttp and inbound reuse the
// buffers: handlers copy what they keep.
package httpapi
