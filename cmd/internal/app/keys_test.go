package app

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// TestKeysInUse: a server starts with the keys that its data needs, and with no others.
func TestKeysInUse(t *testing.T) {
	const another, wrong = "other:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	config := testConfig(t)
	a := newApp(t, config)
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	_, err := a.parts.store.CreateEndpoint(t.Context(), webhook.Endpoint{Secrets: []signing.Secret{{Value: testSecret}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	for reason, c := range map[string]struct {
		keys []string
		want string
	}{
		"a missing key": {[]string{another}, `secret-keys lacks the key "test", which encrypts the secrets of 1 webhooks in storage`},
		"a wrong key":   {[]string{another, wrong}, `secret-keys has a wrong key "test"`},
		"both keys":     {[]string{another, testSecretKey}, ""},
	} {
		config.SecretKeys = c.keys
		a := newApp(t, config)
		err := a.Start()
		var field *webhook.FieldError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", reason, err)
		case c.want != "" && (!errors.As(err, &field) || !strings.HasPrefix(field.Error(), c.want)):
			t.Errorf("%s: %v, want %s", reason, err, c.want)
		}
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if c.want == "" {
			continue
		}
		if _, err := Check(config.DataDir, c.keys, nil); !errors.As(err, &field) || field.Field != "secret-keys" {
			t.Errorf("%s: a check says %v", reason, err)
		}
	}
	if found, err := Check(config.DataDir, []string{testSecretKey}, nil); err != nil || found.Opened != 1 {
		t.Errorf("check: %+v, %v", found, err)
	}
}
