// Package webhook is the vocabulary of Astrohook as pure types and rules: what an
// event, an endpoint, a delivery and an attempt are, how events match endpoints,
// what follows from an attempt, what a delivery looks like on the wire and how it
// is signed. It does no I/O and reads no clock: time and chance are arguments.
//
// A receiver written in Go needs a Verifier only.
package webhook
