// Package httpapi is the HTTP API of Astrohook: a fasthttp server for publishers
// and for the clients that own endpoints.
//
// The routes stand in one table (routes.go), one resource per file. A request is
// routed, then authorised for the route that was found, then handled; an error on
// the way becomes an RFC 9457 problem document, by one table (answers.go).
// openapi.yaml describes every call and is served as it is.
//
// Tokens, or API keys in their place, decide what a caller may do:
//
//	token                              may
//	scope admin                        everything; with client_id= in the query, as that client
//	client_id                          manage the client's endpoints, read its deliveries and events
//	client_id and scope events:write   that, and publish to its own endpoints
//	scope events:write:all             publish to every client's endpoints, read what it published
//	anything else                      nothing
//
// The probes, openapi.yaml and the public keys of webhooks (jwks.go) ask for none.
// What belongs to another client is answered like what does not exist.
//
// A connection comes through a listener (listener.go) that bounds how many there
// are. fasthttp parses; before anything else is done for a request, head.go refuses
// what others may frame differently. Bodies are read (body.go) when the caller is
// known, up to MaxBody, into room that grows with what arrives. A connection is
// used again only if exactly one request came on it since the last answer.
//
// Package eventinput reads posted events, package jsonbody every other body.
//
// Nothing of a request outlives its handler: fasthttp and body.go reuse the buffers.
package httpapi
