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
//	client_id, no scope                manage the client's endpoints, read its deliveries and events
//	client_id and scope events:write   that, and publish to its own endpoints
//	scope events:write                 publish to every client's endpoints, read what it published
//	anything else                      nothing
//
// What belongs to another client is answered like what does not exist.
//
// Nothing of a request outlives its handler: fasthttp reuses the buffers.
package httpapi
