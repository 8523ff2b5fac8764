package sealed

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
)

// errDamaged: what was decrypted is not what Seal encrypted.
var errDamaged = errors.New("sealed values are damaged")

// Keys encrypts and decrypts the values of endpoints. It is safe for concurrent use.
type Keys struct {
	ring *keyring.Keyring
	// check is the check of the key that encrypts, made once: each is different.
	check []byte
}

// NewKeys returns the keys of a ring, which must not be nil.
func NewKeys(ring *keyring.Keyring) Keys {
	_, check := ring.Seal(checkText, checkOwner(ring.Writing()))
	return Keys{ring: ring, check: check}
}

// Seal returns the endpoint as a backend stores it: values empty, and encrypted in
// Sealed. The ID must be complete, number included.
func (k Keys) Seal(e webhook.Endpoint) webhook.Endpoint {
	sealed := e.WithoutSecrets()
	sealed.Sealed = webhook.SealedValues{}
	if len(e.Secrets)+len(e.Headers) == 0 {
		return sealed
	}
	var values []byte
	for _, s := range e.Secrets {
		values = appendString(values, s.Value)
	}
	for _, h := range e.Headers {
		values = appendString(values, h.Value)
	}
	sealed.Sealed.KeyID, sealed.Sealed.Text = k.ring.Seal(values, ownerOf(&e))
	sealed.Sealed.Check = k.check
	clear(values) // keep the plain text in memory no longer than needed
	return sealed
}

// Open returns a stored endpoint with its values, and Sealed zero. The error is one
// of package keyring's, or says that the decrypted text is damaged.
func (k Keys) Open(e webhook.Endpoint) (webhook.Endpoint, error) {
	sealed := e.Sealed
	e = e.WithoutSecrets()
	e.Sealed = webhook.SealedValues{}
	if sealed.KeyID == "" {
		return e, nil
	}
	values, err := k.ring.Open(sealed.KeyID, sealed.Text, ownerOf(&e))
	if err != nil {
		return e, err
	}
	defer clear(values)
	rest := values
	for i := range e.Secrets {
		e.Secrets[i].Value, rest, err = cutString(rest, err)
	}
	for i := range e.Headers {
		e.Headers[i].Value, rest, err = cutString(rest, err)
	}
	return e, err
}

// CheckOpens reports why the values of a stored endpoint cannot be decrypted.
func (k Keys) CheckOpens(e webhook.Endpoint) error {
	_, err := k.Open(e)
	return err
}

// ownerOf is what an endpoint's values are bound to: its ID and its client's.
func ownerOf(e *webhook.Endpoint) []byte {
	return append(e.ID.AppendTo(nil), e.ClientID...)
}

// appendString appends a text with its length in front.
func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// cutString reads what appendString wrote. After an error it reads nothing more.
func cutString(text []byte, failed error) (value string, rest []byte, err error) {
	if failed != nil {
		return "", nil, failed
	}
	length, n := binary.Uvarint(text)
	if n <= 0 || length > uint64(len(text)-n) {
		return "", nil, errDamaged
	}
	text = text[n:]
	return string(text[:length]), text[length:], nil
}

// A check is checkText, encrypted with a key and bound to the key's id. It shows at
// a start whether the configured key is the one that encrypted, without decrypting
// any endpoint.
var checkText = []byte("astrohook")

// checkOwner is what the check of a key is bound to: the letter of badgerstore's key
// records and the id. It must stay as it is: checks on disk are bound to it.
func checkOwner(keyID string) []byte { return append([]byte{'y'}, keyID...) }

// KeyError reports a key that encrypts endpoints and that the ring lacks, or has wrong.
type KeyError struct {
	ID        string
	Endpoints int64 // whose values it encrypts
	Cause     error // keyring.ErrUnknownKey, ErrWrongKey or ErrChanged
}

// Error names the key and what is lost without it.
func (e *KeyError) Error() string {
	return fmt.Sprintf("the secrets of %d webhooks cannot be read: %v", e.Endpoints, e.Cause)
}

// Unwrap returns the cause.
func (e *KeyError) Unwrap() error { return e.Cause }

// CheckUses returns a KeyError for the first key in use that is missing or wrong.
func (k Keys) CheckUses(uses []storage.KeyUse) error {
	for _, use := range uses {
		if _, err := k.ring.Open(use.KeyID, use.Check, checkOwner(use.KeyID)); err != nil {
			return &KeyError{ID: use.KeyID, Endpoints: use.Endpoints, Cause: err}
		}
	}
	return nil
}
