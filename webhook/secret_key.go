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
