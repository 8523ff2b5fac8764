// Package sealed encrypts the values of endpoints' secrets and headers before a
// backend stores them, and decrypts them when they are read, for any backend. The
// backend keeps names of keys and bytes; the keys themselves stay here.
//
// The values of one endpoint are encrypted together, in one text, under the first
// key of a keyring.Keyring, and bound to the endpoint's ID and client: copied to
// another endpoint they do not open. Reencrypt moves endpoints from older keys to
// the first one, in steps.
//
// Ciphers and key formats belong to package keyring, the encoding of endpoint
// records to the backends.
package sealed
