package keyring

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// KeySize is the size of a key in bytes.
const KeySize = 32

// maxID bounds the id of a key, in characters.
const maxID = 32

// Key is a key and its id, which is stored with every sealed text. Printed, it shows
// the id only; Text returns all of it.
type Key struct {
	id    string
	bytes [KeySize]byte
}

// keyEncoding is strict, so that there is only one text for a key.
var keyEncoding = base64.StdEncoding.Strict()

// Generate returns a key of bytes read from random, which is crypto/rand.Reader
// except in tests.
func Generate(id string, random io.Reader) (Key, error) {
	if err := checkID(id); err != nil {
		return Key{}, err
	}
	key := Key{id: id}
	if _, err := io.ReadFull(random, key.bytes[:]); err != nil {
		return Key{}, fmt.Errorf("generate key: %w", err)
	}
	return key, nil
}

// ParseKey reads a key's text: id, colon, and 32 bytes in base64. The error does not
// contain the text, because errors are logged.
func ParseKey(text string) (Key, error) {
	id, encoded, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok {
		return Key{}, fmt.Errorf("is not an id, a colon and %d bytes in base64", KeySize)
	}
	if err := checkID(id); err != nil {
		return Key{}, err
	}
	decoded, err := keyEncoding.DecodeString(encoded)
	if err != nil || len(decoded) != KeySize {
		return Key{}, fmt.Errorf("with the id %q is not %d bytes in base64 after the colon", id, KeySize)
	}
	return Key{id: id, bytes: [KeySize]byte(decoded)}, nil
}

// Parse returns a ring of keys in text form; the first one seals.
func Parse(texts []string) (*Keyring, error) {
	var keys []Key
	for i, text := range texts {
		key, err := ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("key %d of %d %w", i+1, len(texts), err)
		}
		keys = append(keys, key)
	}
	return New(keys...)
}

// Text returns what ParseKey reads: the key itself is in it.
func (k Key) Text() string { return k.id + ":" + keyEncoding.EncodeToString(k.bytes[:]) }

// String returns the id, never the key.
func (k Key) String() string { return "key " + k.id }

func checkID(id string) error {
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, notInID) {
		return fmt.Errorf("has an id that is not 1 to %d letters, digits, dots, hyphens and underscores", maxID)
	}
	return nil
}

func notInID(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-", c)
}
