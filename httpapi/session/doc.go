// Package session has the calls by which people sign in with a browser, and by which they
// give a client's people access to their webhooks.
//
// Whoever has a token or an API key exchanges it, once, for a session: a cookie that no
// script can read. A portal link does the same for one client, once, within ten minutes. A
// session lasts until a time that is set when it begins, and is checked against the store
// with each request, so that it works on every node, and nowhere once it is revoked.
//
// What belongs here: the calls, the cookie, where a request with a cookie may come from,
// how often somebody may fail to sign in, and what a link's pages look like. What does not:
// whether a secret is good, and what its holder may do (package auth).
package session
