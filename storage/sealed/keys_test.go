package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// ring returns a ring of keys whose bytes are made of their ids and a salt.
func ring(t testing.TB, salt string, ids ...string) *keyring.Keyring {
	t.Helper()
	var keys []keyring.Key
	for _, id := range ids {
		key, err := keyring.Generate(id, strings.NewReader(strings.Repeat(id+salt, keyring.KeySize)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	r, err := keyring.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func endpoint() webhook.Endpoint {
	return webhook.Endpoint{
		ID: webhook.ID{Seq: 7, Endpoint: 3, Nonce: 5}, ClientID: "client", TargetURL: "https://example.com",
		Secrets: []signing.Secret{{Value: "a secret nobody sees"}, {Value: "an older one"}},
		Headers: []webhook.CustomHeader{{Name: "Authorization", Value: "Bearer nobody"}, {Name: "Empty"}},
	}
}

func TestSealAndOpen(t *testing.T) {
	k := NewKeys(ring(t, "", "k"))
	for name, e := range map[string]webhook.Endpoint{
		"secrets and headers": endpoint(),
		"a secret only":       {ID: webhook.ID{Seq: 1}, Secrets: []signing.Secret{{Value: "s"}}},
		"an empty header":     {ID: webhook.ID{Seq: 1}, Headers: []webhook.CustomHeader{{Name: "Empty"}}},
	} {
		sealed := k.Seal(e)
		if sealed.Sealed.KeyID != "k" || len(sealed.Sealed.Check) == 0 || strings.Contains(fmt.Sprintf("%+v%s", sealed, sealed.Sealed.Text), "nobody") {
			t.Errorf("%s: sealed as %+v", name, sealed)
		}
		got, err := k.Open(sealed)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s: opened as %+v, %v; want %+v", name, got, err, e)
		}
		if err := k.CheckOpens(sealed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSealNothing: an endpoint without values takes no key, so that deleted ones do
// not keep an old key in use.
func TestSealNothing(t *testing.T) {
	k := NewKeys(ring(t, "", "k"))
	e := webhook.Endpoint{ID: webhook.ID{Seq: 1}, ClientID: "client"}
	sealed := k.Seal(e)
	if sealed.Sealed.KeyID != "" || sealed.Sealed.Text != nil {
		t.Errorf("sealed: %+v", sealed.Sealed)
	}
	if got, err := k.Open(sealed); err != nil || got.ClientID != "client" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestSealForgetsWhatWasSealed: what an endpoint came with belongs to its values of before.
func TestSealForgetsWhatWasSealed(t *testing.T) {
	k := NewKeys(ring(t, "", "k"))
	e := k.Seal(endpoint())
	e.Secrets, e.Headers = nil, nil
	if got := k.Seal(e).Sealed; got.KeyID != "" || got.Text != nil || got.Check != nil {
		t.Errorf("without values it is sealed as %+v", got)
	}
}

// TestCutStringEnds: after a failure nothing more is read, whatever is left.
func TestCutStringEnds(t *testing.T) {
	failed := errors.New("before")
	whole := appendString(nil, "text")
	for reason, c := range map[string]struct {
		text   []byte
		failed error
		want   string
		rest   int
		err    error
	}{
		"a text":                  {whole, nil, "text", 0, nil},
		"a text and more":         {append(bytes.Clone(whole), 'x', 'y'), nil, "text", 2, nil},
		"an empty text":           {[]byte{0, 'x'}, nil, "", 1, nil},
		"after a failure":         {whole, failed, "", 0, failed},
		"nothing":                 {nil, nil, "", 0, errDamaged},
		"a text that is cut off":  {whole[:len(whole)-1], nil, "", 0, errDamaged},
		"a length that is no end": {[]byte{0xff, 0xff}, nil, "", 0, errDamaged},
	} {
		value, rest, err := cutString(c.text, c.failed)
		if value != c.want || len(rest) != c.rest || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %q, %v", reason, value, rest, err)
		}
	}
}

// TestSealLeavesItsArgument: the caller's endpoint keeps its values.
func TestSealLeavesItsArgument(t *testing.T) {
	e := endpoint()
	NewKeys(ring(t, "", "k")).Seal(e)
	if !reflect.DeepEqual(e, endpoint()) {
		t.Errorf("changed to %+v", e)
	}
}

// TestOpenFails: values open only where they were sealed, with the key that sealed.
func TestOpenFails(t *testing.T) {
	k := NewKeys(ring(t, "", "k"))
	for reason, c := range map[string]struct {
		keys Keys
		move func(*webhook.Endpoint)
		want error
	}{
		"another endpoint": {k, func(e *webhook.Endpoint) { e.ID.Endpoint++ }, keyring.ErrChanged},
		"another client":   {k, func(e *webhook.Endpoint) { e.ClientID = "other" }, keyring.ErrChanged},
		"a changed byte":   {k, func(e *webhook.Endpoint) { e.Sealed.Text[len(e.Sealed.Text)-1] ^= 1 }, keyring.ErrChanged},
		"an unknown key":   {NewKeys(ring(t, "", "other")), func(*webhook.Endpoint) {}, keyring.ErrUnknownKey},
		"a wrong key":      {NewKeys(ring(t, "salt", "k")), func(*webhook.Endpoint) {}, keyring.ErrWrongKey},
		"one secret more":  {k, func(e *webhook.Endpoint) { e.Secrets = append(e.Secrets, make([]signing.Secret, 5)...) }, errDamaged},
	} {
		sealed := k.Seal(endpoint())
		sealed.Sealed.Text = bytes.Clone(sealed.Sealed.Text)
		c.move(&sealed)
		if _, err := c.keys.Open(sealed); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", reason, err, c.want)
		}
		if err := c.keys.CheckOpens(sealed); !errors.Is(err, c.want) {
			t.Errorf("%s: CheckOpens: %v, want %v", reason, err, c.want)
		}
	}
}

// TestCheckUses: a key that is missing or wrong is named with what is lost.
func TestCheckUses(t *testing.T) {
	old := NewKeys(ring(t, "", "old"))
	uses := []storage.KeyUse{{KeyID: "old", Endpoints: 3, Check: old.Seal(endpoint()).Sealed.Check}}
	if err := NewKeys(ring(t, "", "young", "old")).CheckUses(uses); err != nil {
		t.Error(err)
	}
	for want, k := range map[error]Keys{
		keyring.ErrUnknownKey: NewKeys(ring(t, "", "young")),
		keyring.ErrWrongKey:   NewKeys(ring(t, "salt", "old")),
	} {
		refused, ok := errors.AsType[*KeyError](k.CheckUses(uses))
		if !ok || !errors.Is(refused, want) || refused.ID != "old" || refused.Endpoints != 3 || !strings.Contains(refused.Error(), "3 webhooks") {
			t.Errorf("%v, want %v", refused, want)
		}
	}
	if err := old.CheckUses([]storage.KeyUse{{KeyID: "old", Check: []byte("no check")}}); !errors.Is(err, keyring.ErrChanged) {
		t.Error("a damaged check:", err)
	}
}

// FuzzCutString: no text makes it read past the end.
func FuzzCutString(f *testing.F) {
	f.Add(appendString(nil, "text"))
	f.Add([]byte{0x80})
	f.Add([]byte{200, 'x'})
	f.Fuzz(func(t *testing.T, text []byte) {
		value, rest, err := cutString(text, nil)
		if err == nil && len(value)+len(rest) >= len(text) {
			t.Errorf("%q was cut into %q and %q", text, value, rest)
		}
	})
}
