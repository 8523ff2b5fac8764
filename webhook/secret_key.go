package webhook

// SecretKey tells of a key that seals the secrets of endpoints on disk; the key
// itself is not in it.
type SecretKey struct {
	ID string
	// Writes says that new secrets are sealed with it. All keys open.
	Writes bool
	// Endpoints is how many endpoints' secrets it seals.
	Endpoints int64
}

// SealedValues stands for the values of an endpoint's secrets and headers where they
// are encrypted: between package storage/sealed and the store behind it. Everywhere
// else it is zero, and the values are in the clear.
type SealedValues struct {
	// KeyID names the key that encrypted them; "" if there was nothing to encrypt.
	KeyID string
	// Text is the encrypted values.
	Text []byte
	// Check lets a later start find out whether it has the right key of this ID. It
	// is the same for all endpoints of a key, so that a store may keep it once.
	Check []byte
}
