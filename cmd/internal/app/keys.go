package app

import (
	"fmt"
	"os"

	"github.com/corpastro/astrohook/httpapi"
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
