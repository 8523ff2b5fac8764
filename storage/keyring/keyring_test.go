package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// newKey makes a key at random.
func newKey(t *testing.T, id string) Key {
	t.Helper()
	key, err := Generate(id, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRing(t *testing.T, keys ...Key) *Keyring {
	t.Helper()
	ring, err := New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestSealAndOpen(t *testing.T) {
	old, young := newKey(t, "old"), newKey(t, "young")
	before, after := newRing(t, old), newRing(t, young, old)
	for _, plain := range []string{"", "secret", strings.Repeat("x", 10_000)} {
		id, sealed := before.Seal([]byte(plain), []byte("place"))
		if id != "old" || len(sealed) != len(plain)+Overhead || plain != "" && bytes.Contains(sealed, []byte(plain)) {
			t.Errorf("%d bytes: sealed with %q to %d bytes", len(plain), id, len(sealed))
		}
		got, err := after.Open(id, sealed, []byte("place"))
		if err != nil || string(got) != plain {
			t.Errorf("the older key: %q, %v", got, err)
		}
		if id, _ := after.Seal([]byte(plain), nil); id != "young" {
			t.Errorf("sealed with %q, not with the first key", id)
		}
	}
	if after.Writing() != "young" || !slices.Equal(after.IDs(), []string{"young", "old"}) {
		t.Errorf("%q of %q", after.Writing(), after.IDs())
	}
}

// TestSealNeverRepeats: a nonce that came twice would give the key away.
func TestSealNeverRepeats(t *testing.T) {
	ring, seen := newRing(t, newKey(t, "k")), map[string]bool{}
	for range 10_000 {
		_, sealed := ring.Seal([]byte("the same"), nil)
		nonce := string(sealed[fingerprintSize : fingerprintSize+nonceSize])
		if seen[nonce] {
			t.Fatal("a nonce came twice")
		}
		seen[nonce] = true
	}
}

// TestOpenFails: each fault has its own error, and none gives a text.
func TestOpenFails(t *testing.T) {
	ring := newRing(t, newKey(t, "k"), newKey(t, "other"))
	id, sealed := ring.Seal([]byte("secret"), []byte("place"))
	refused := func(reason string, r *Keyring, id string, sealed []byte, place string, want error) {
		t.Helper()
		got, err := r.Open(id, sealed, []byte(place))
		if !errors.Is(err, want) || got != nil {
			t.Errorf("%s: %q, %v; want %v", reason, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), id) {
			t.Errorf("%s: %v does not name the key", reason, err)
		}
	}
	refused("no such key", ring, "gone", sealed, "place", ErrUnknownKey)
	refused("another key of the same id", newRing(t, newKey(t, "k")), id, sealed, "place", ErrWrongKey)
	refused("another key's id", ring, "other", sealed, "place", ErrWrongKey)
	refused("another place", ring, id, sealed, "places", ErrChanged)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		refused(fmt.Sprintf("byte %d", i), ring, id, changed, "place", ErrChanged)
		if i < Overhead {
			refused(fmt.Sprintf("cut off at %d", i), ring, id, sealed[:i], "place", ErrChanged)
		}
	}
	refused("one byte missing", ring, id, sealed[:len(sealed)-1], "place", ErrChanged)
	refused("one byte more", ring, id, append(bytes.Clone(sealed), 0), "place", ErrChanged)
}

func TestParse(t *testing.T) {
	const zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	ring, err := Parse([]string{"b:" + zeros, " a.1_x-Y:" + zeros + "\n"})
	if err != nil || !slices.Equal(ring.IDs(), []string{"b", "a.1_x-Y"}) {
		t.Fatal(ring, err)
	}
	for reason, texts := range map[string][]string{
		"none":                   nil,
		"empty":                  {""},
		"no id":                  {zeros},
		"an empty id":            {":" + zeros},
		"a space in the id":      {"a b:" + zeros},
		"a long id":              {strings.Repeat("i", maxID+1) + ":" + zeros},
		"31 bytes":               {"a:" + base64.StdEncoding.EncodeToString(make([]byte, 31))},
		"33 bytes":               {"a:" + base64.StdEncoding.EncodeToString(make([]byte, 33))},
		"bits after the end":     {"a:" + zeros[:42] + "B="},
		"not base64":             {"a:" + strings.Repeat("?", 44)},
		"an id that comes twice": {"a:" + zeros, "a:" + zeros},
	} {
		ring, err := Parse(texts)
		if err == nil {
			t.Errorf("%s: %v", reason, ring)
		} else if strings.Contains(err.Error(), zeros[:30]) {
			t.Errorf("%s: the error shows the key: %v", reason, err)
		}
	}
}

// TestTextRoundTrips: what Text shows is the key, and nothing else shows it.
func TestTextRoundTrips(t *testing.T) {
	key := newKey(t, "k1")
	again, err := ParseKey(key.Text())
	if err != nil || again != key {
		t.Error(again, err)
	}
	_, encoded, _ := strings.Cut(key.Text(), ":")
	for _, shown := range []string{fmt.Sprintf("%v %+v %s", key, key, key), fmt.Sprintf("%v %+v", newRing(t, key), newRing(t, key))} {
		if !strings.Contains(shown, "k1") || strings.Contains(shown, encoded) || strings.Contains(shown, fmt.Sprint(key.bytes[0], " ", key.bytes[1])) {
			t.Errorf("printed: %s", shown)
		}
	}
	if _, err := Generate("", rand.Reader); err == nil {
		t.Error("a key without an id")
	}
	if _, err := Generate("k", strings.NewReader("short")); err == nil {
		t.Error("a key of too few bytes")
	}
}
