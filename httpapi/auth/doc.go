// Package auth answers two questions about a caller of the API: who is calling, and
// what may the caller do?
//
// An Authenticator judges the credential of a request: an API key of this server
// (APIKeys), or a token of the configured issuer (Tokens), which is verified with
// configured keys (Key) or with the keys that the issuer publishes (KeySet). The
// result is a Principal, and a Need says which principals a route admits:
//
//	credential                         the principal may
//	scope admin                        do everything, also in the name of one client
//	client_id                          manage the client's webhooks, read its deliveries and events
//	client_id and scope events:write   the same, and publish to the client's webhooks
//	scope events:write:all             publish to every client's webhooks, read what it published
//	anything else                      nothing
//	scope read besides one of these    the same, except calls that change something
//
// A browser presents the secret of a session (Grants), which does what the token or API key
// may that it was made from, or manages the webhooks of the client that a link is for.
//
// A credential that is refused is counted and logged by its reason (Refusals); the
// caller does not learn the reason.
//
// What does not belong here: HTTP. The package knows no request, no header and no
// status; httpapi takes the credential out of the request and turns errors into
// answers. Cursors and idempotency keys belong to their resources in httpapi.
package auth
