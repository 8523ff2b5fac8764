package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/webhook"
)

// keys returns the keys that verify tokens. It reads the files now, at a start and at
// each reload: so a key can be replaced without a change of the settings.
func (c *Config) keys() ([]auth.Key, error) {
	r := keyReader{named: map[string]bool{}}
	if c.JWTSecret != "" {
		r.add("jwt-secret", "", func() (auth.Key, error) { return auth.SecretKey("", []byte(c.JWTSecret)) })
	}
	for _, entry := range c.JWTSecrets {
		kid, secret, _ := strings.Cut(entry, "=")
		r.add("jwt-secrets", kid, func() (auth.Key, error) { return auth.SecretKey(kid, []byte(secret)) })
	}
	for _, entry := range c.JWTPublicKeys {
		kid, path, named := strings.Cut(entry, "=")
		if !named {
			kid, path = "", entry
		}
		r.add("jwt-public-keys", kid, func() (auth.Key, error) { return readPublicKey(kid, path) })
	}
	return r.keys, r.err
}

// checkKeysURL checks the URL of the issuer's keys, without resolving its name.
func (c *Config) checkKeysURL() error {
	if c.JWTKeysURL == "" {
		return nil
	}
	_, err := guard.ParseTarget(c.JWTKeysURL)
	if field, ok := errors.AsType[*webhook.FieldError](err); ok {
		return &webhook.FieldError{Field: "jwt-keys-url", Reason: field.Reason}
	}
	return err
}

// keyReader collects keys until one of them is wrong.
type keyReader struct {
	keys  []auth.Key
	named map[string]bool // the kids so far: two keys with one name are a mistake
	err   error           // the first; add does nothing after it
}

// add reads one key of a setting. An error names the setting and the reason, never the
// secret.
func (r *keyReader) add(setting, kid string, read func() (auth.Key, error)) {
	if r.err != nil {
		return
	}
	if kid != "" && r.named[kid] {
		r.err = &webhook.FieldError{Field: setting, Reason: fmt.Sprintf("names a second key %q", kid)}
		return
	}
	r.named[kid] = true
	key, err := read()
	if err != nil {
		r.err = &webhook.FieldError{Field: setting, Reason: fmt.Sprintf("cannot be used: %v", err)}
		return
	}
	r.keys = append(r.keys, key)
}

// readPublicKey reads a key in PEM. An error names the file, because a setting can
// have many.
func readPublicKey(kid, path string) (auth.Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return auth.Key{}, err
	}
	key, err := auth.PublicKey(kid, text)
	if err != nil {
		return auth.Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// secretKeys returns the keys that encrypt the secrets on disk; nil for no texts.
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

// missingKey returns an error about a key that storage needs as a wrong setting; other
// errors unchanged.
func missingKey(err error) error {
	refused, ok := errors.AsType[*sealed.KeyError](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, keyring.ErrUnknownKey):
		return &webhook.FieldError{Field: "secret-keys", Cause: err, Reason: fmt.Sprintf(
			"lacks the key %q, which encrypts the secrets of %d webhooks in storage", refused.ID, refused.Endpoints)}
	}
	return &webhook.FieldError{Field: "secret-keys", Cause: err, Reason: fmt.Sprintf(
		"has a wrong key %q: the secrets of %d webhooks in storage were encrypted with another key of that id", refused.ID, refused.Endpoints)}
}
