package main

import (
	"strings"
	"testing"

	"github.com/corpastro/astrohook/storage/keyring"
)

func TestSecretKey(t *testing.T) {
	seen := map[string]bool{}
	for _, args := range [][]string{nil, nil, {"--id", "k1"}, {"--id", "k1"}} {
		got := runCommand(t, "", append([]string{"secret-key"}, args...)...)
		if _, err := keyring.ParseKey(got.out); err != nil || got.code != 0 || strings.Count(got.out, "\n") != 1 {
			t.Errorf("%v: %+v, %v", args, got, err)
		}
		if id, _, _ := strings.Cut(got.out, ":"); args != nil && id != "k1" || seen[id] && args == nil {
			t.Errorf("%v: the id is %s", args, id)
		} else {
			seen[id] = true
		}
		if seen[got.out] {
			t.Error("the same key twice")
		}
		seen[got.out] = true
	}
}
