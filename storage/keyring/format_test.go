package keyring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// storedKey and storedText are a key and what it sealed before: the text "a secret of an
// endpoint", with the associated data "place".
const (
	storedKey  = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	storedText = "4bbf5d0b1e5ceb7760361a4c2a63c1f3a8e27465317e3fcd82bff0d5c5d452b5540e7ae1764ed491db69f4adfa89860b42791ffa31b48fc073f549"
)

// storedRing returns the ring of storedKey, and storedText in bytes.
func storedRing(t testing.TB) (*Keyring, []byte) {
	t.Helper()
	ring, err := Parse([]string{storedKey})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := hex.DecodeString(storedText)
	if err != nil {
		t.Fatal(err)
	}
	return ring, sealed
}

// TestStoredTextOpens: sealed texts are on disks, so that every later version must open what
// this one sealed.
func TestStoredTextOpens(t *testing.T) {
	ring, sealed := storedRing(t)
	plain, err := ring.Open("k1", sealed, []byte("place"))
	if err != nil || string(plain) != "a secret of an endpoint" {
		t.Errorf("%q, %v", plain, err)
	}
	id, again := ring.Seal(plain, []byte("place"))
	if id != "k1" || len(again) != len(sealed) || !bytes.Equal(again[:fingerprintSize], sealed[:fingerprintSize]) {
		t.Errorf("sealed again with %q to %x, which has another form than %x", id, again, sealed)
	}
	if bytes.Equal(again, sealed) {
		t.Error("the same text is sealed alike twice")
	}
}

// TestFingerprintIsOfTheKey: the same key under another id has the same fingerprint, and its
// texts open: an operator may rename a key. Another key has another fingerprint.
func TestFingerprintIsOfTheKey(t *testing.T) {
	_, sealed := storedRing(t)
	renamed, err := Parse([]string{strings.Replace(storedKey, "k1:", "k2:", 1)})
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := renamed.Open("k2", sealed, []byte("place")); err != nil || string(plain) != "a secret of an endpoint" {
		t.Errorf("under another id: %q, %v", plain, err)
	}
	if _, err := renamed.Open("k1", sealed, []byte("place")); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("under its old id: %v", err)
	}
	_, other := newRing(t, newKey(t, "k1")).Seal(nil, nil)
	if bytes.Equal(other[:fingerprintSize], sealed[:fingerprintSize]) {
		t.Error("two keys have one fingerprint")
	}
}

// TestNewRefuses: a ring without a key would seal nothing, and one with an id twice would open
// by chance.
func TestNewRefuses(t *testing.T) {
	if ring, err := New(); err == nil {
		t.Errorf("no key: %v", ring)
	}
	if ring, err := New(newKey(t, "a"), newKey(t, "b"), newKey(t, "a")); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("an id twice: %v, %v", ring, err)
	}
}

func TestKeyringIsSafeForConcurrentUse(t *testing.T) {
	ring := newRing(t, newKey(t, "new"), newKey(t, "old"))
	var done sync.WaitGroup
	for i := range 4 {
		done.Go(func() {
			for j := range 200 {
				plain, place := fmt.Appendf(nil, "secret %d", j), fmt.Appendf(nil, "place %d", i)
				id, sealed := ring.Seal(plain, place)
				if got, err := ring.Open(id, sealed, place); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	done.Wait()
}

// FuzzOpen: only what was sealed opens. Anything else from a damaged disk is an error that
// names the key, and no text.
func FuzzOpen(f *testing.F) {
	ring, stored := storedRing(f)
	f.Add(stored, []byte("place"))
	f.Add(stored[:len(stored)-1], []byte("place"))
	f.Add(stored[:Overhead], []byte{})
	f.Add([]byte{}, []byte(nil))
	f.Fuzz(func(t *testing.T, sealed, associated []byte) {
		plain, err := ring.Open("k1", sealed, associated)
		if err == nil {
			if !bytes.Equal(sealed, stored) || string(associated) != "place" {
				t.Fatalf("%x opens as %q", sealed, plain)
			}
			return
		}
		known := errors.Is(err, ErrChanged) || errors.Is(err, ErrWrongKey)
		if plain != nil || !known || !strings.Contains(err.Error(), "k1") {
			t.Fatalf("%x: %q, %v", sealed, plain, err)
		}
	})
}

// FuzzParseKey: a key has one text, and an error shows nothing of it.
func FuzzParseKey(f *testing.F) {
	f.Add(storedKey)
	f.Add(" " + storedKey + "\n")
	f.Add(":")
	f.Add("k:AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseKey(text)
		if err == nil {
			if key.Text() != strings.TrimSpace(text) || strings.Contains(key.String(), ":") {
				t.Fatalf("%q is %q", text, key.Text())
			}
			return
		}
		if _, encoded, ok := strings.Cut(text, ":"); ok && len(encoded) > 20 && strings.Contains(err.Error(), encoded) {
			t.Fatalf("%q: the error shows it: %v", text, err)
		}
	})
}
