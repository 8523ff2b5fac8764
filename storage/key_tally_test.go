package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// TestKeyTally: each key that gained or lost endpoints comes once, by ID. What stays equal
// and what has no key does not come.
func TestKeyTally(t *testing.T) {
	sealed := func(id string) webhook.SealedValues {
		return webhook.SealedValues{KeyID: id, Check: []byte("check of " + id)}
	}
	var tally storage.KeyTally
	for _, move := range [][2]string{{"c", "b"}, {"", "b"}, {"a", ""}, {"d", "e"}, {"e", "d"}, {"f", "f"}} {
		tally.Move(sealed(move[0]), sealed(move[1]))
	}
	var got []string
	note := func(id string, by int64, check []byte) error {
		got = append(got, fmt.Sprintf("%s %+d %s", id, by, check))
		return nil
	}
	if err := tally.Each(note); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a -1 ", "b +2 check of b", "c -1 "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	stop, calls := errors.New("stop"), 0
	if err := tally.Each(func(string, int64, []byte) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if err := new(storage.KeyTally).Each(note); err != nil || len(got) != 3 {
		t.Errorf("an empty tally: %v, %q", err, got)
	}
}
