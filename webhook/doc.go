// Package webhook is the vocabulary of Astrohook as pure types and rules: what an event, an
// endpoint, a delivery and an attempt are, which events match an endpoint, what follows
// from an attempt, which limits hold, and what a delivery looks like on the wire.
//
// A type belongs here if two of the server's parts exchange it, and a rule if it is decided
// by its arguments alone. The package does no I/O, starts no goroutine and reads no clock:
// time and chance are arguments. How secrets sign is in webhook/signing, the one form of
// JSON in webhook/canonicaljson; neither imports this package. Storage, the HTTP API and the
// actors decide how endpoints are stored, served and delivered to.
//
// A receiver written in Go needs package webhook/signing only.
package webhook
