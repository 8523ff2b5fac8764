// Package signing signs deliveries and verifies them: the schemes of Standard
// Webhooks 1.0.0 (https://www.standardwebhooks.com), and a plain HMAC in hex for
// receivers that know nothing of that standard.
//
// A receiver written in Go needs a Verifier and its five errors only. The package
// imports nothing but the standard library, so that a receiver takes on no other
// dependency.
//
// The package holds what depends on a signature scheme: how secrets are generated,
// checked and shown, how a Signer signs with them, how a Verifier verifies. Each
// scheme is one file and one row of the table in scheme.go. The other headers of a
// request belong to package webhook. The HTTP API decides when a secret rotates.
package signing

// Headers of Standard Webhooks 1.0.0. Their names are the same for every operator.
const (
	HeaderID        = "webhook-id"        // the delivery's id
	HeaderTimestamp = "webhook-timestamp" // the attempt's time in Unix seconds
	HeaderSignature = "webhook-signature" // one signature for each valid secret
)

const (
	// DefaultHexHeader carries the signature in hex unless the operator chooses
	// another prefix (setting header-prefix).
	DefaultHexHeader = "X-Corp-Astro-Signature"
	// NextSuffix ends the name of the header that carries, during a rotation, the
	// signature in hex with the newest secret.
	NextSuffix = "-Next"
)
