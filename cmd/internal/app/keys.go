package app

import (
	"errors"
	"fmt"
	"os"

	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/storage/badgerstore"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
)

// keys are what tokens are verified with. Files are read once, at the start.
func (c *Config) keys() ([]httpapi.Key, error) {
	var keys []httpapi.Key
	if c.JWTSecret != "" {
		key, err := httpapi.SecretKey("", []byte(c.JWTSecret))
		if err != nil {
			return nil, &webhook.FieldError{Field: "jwt-secret", Reason: fmt.Sprintf("cannot be used: %v", err)}
		}
		keys = append(keys, key)
	}
	for _, path := range c.JWTPublicKeys {
		key, err := readPublicKey(path)
		if err != nil {
			return nil, &webhook.FieldError{Field: "jwt-public-keys", Reason: fmt.Sprintf("cannot be used: %v", err)}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func readPublicKey(path string) (httpapi.Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return httpapi.Key{}, err
	}
	key, err := httpapi.PublicKey("", text)
	if err != nil {
		return httpapi.Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// secretKeys are what the secrets on disk are sealed with. nil for no texts.
func secretKeys(texts []string) (*keyring.Keyring, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	keys, err := keyring.Parse(texts)
	if err != nil {
		return nil, &webhook.FieldError{Field: "secret-keys", Reason: fmt.Sprintf("cannot be used: %v", err)}
	}
	return keys, nil
}

// missingKey tells of a key that storage cannot do without as a wrong setting.
func missingKey(err error) error {
	refused, ok := errors.AsType[*badgerstore.KeyError](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, keyring.ErrUnknownKey):
		return &webhook.FieldError{Field: "secret-keys", Cause: err, Reason: fmt.Sprintf(
			"lacks the key %q, which encrypts the secrets of %d webhooks in the data directory", refused.ID, refused.Endpoints)}
	}
	return &webhook.FieldError{Field: "secret-keys", Cause: err, Reason: fmt.Sprintf(
		"has a wrong key %q: the secrets of %d webhooks in the data directory were encrypted with another key of that id", refused.ID, refused.Endpoints)}
}
