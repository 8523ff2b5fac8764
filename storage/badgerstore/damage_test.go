package badgerstore

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/engine/enginetest"
	"github.com/corpastro/astrohook/webhook"
)

// fillForDamage makes a directory as a killed process leaves it, with tables, logs and a
// commit mark, and returns its events.
func fillForDamage(t *testing.T, dir string) (ids []webhook.ID) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "source")
	for range 3 {
		s, err := Open(Options{Dir: source})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, acceptMany(t, s, 300, 1, 2)...)
		if len(ids) == 900 {
			ids = append(ids, acceptMany(t, s, 1, 1, 2)...)
			copyKilled(t, source, dir)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// TestDamage damages a log in one place. Either the open must refuse, or a check report
// it, or everything is there: nothing may be missing in silence. The end-to-end tests do
// the same to every kind of file, which would leak goroutines here: Badger leaves some
// when it refuses to open.
func TestDamage(t *testing.T) {
	const rounds = 3
	whole := filepath.Join(t.TempDir(), "whole")
	ids := fillForDamage(t, whole)
	outcomes := map[string]int{}
	for name, damage := range enginetest.Damages {
		for _, kind := range []string{"*.mem"} {
			for range rounds {
				dir := filepath.Join(t.TempDir(), "damaged")
				if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
					t.Fatal(err)
				}
				damageOne(t, dir, kind, damage)
				outcome := afterDamage(t, dir, ids)
				if strings.Contains(outcome, "lost") {
					t.Errorf("%s in %s: %s", name, kind, outcome)
				}
				outcomes[name+" in "+kind+": "+outcome]++
				os.RemoveAll(dir)
			}
		}
	}
	for what, n := range outcomes {
		t.Log(n, "×", what)
	}
}

// damageOne damages a file within its content: a log is longer, with zeros at its end.
func damageOne(t *testing.T, dir, kind string, damage func([]byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, kind))
	if err != nil || len(files) == 0 {
		t.Fatal(kind, err)
	}
	path := files[rand.IntN(len(files))]
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := bytes.TrimRight(text, "\x00")
	size := len(text)
	text = damage(slices.Clone(used))
	if len(text) == len(used) {
		text = append(text, make([]byte, size-len(used))...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// afterDamage opens a damaged directory and reads all of it.
func afterDamage(t *testing.T, dir string, ids []webhook.ID) string {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		return "refused"
	}
	defer s.Close()
	if _, err := s.Check(nil); err != nil {
		return "reported"
	}
	lost := 0
	for _, id := range ids {
		for _, n := range []webhook.EndpointNumber{1, 2} {
			if _, err := s.Delivery(t.Context(), id.For(n)); errors.Is(err, webhook.ErrNotFound) {
				lost++
			}
		}
	}
	if lost > 0 {
		return "deliveries lost in silence"
	}
	return "all there"
}

// copyKilled copies a directory in use to another, as a kill at this moment would leave
// it. The ballast, which is large, stays behind.
func copyKilled(t *testing.T, dir, killed string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "BALLAST")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
}

// refused opens a directory twice: the first refusal must not repair, and so hide, the
// damage.
func refused(t *testing.T, dir string) {
	t.Helper()
	for range 2 {
		s, err := Open(Options{Dir: dir})
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, engine.ErrDamaged) {
			t.Error("opened:", err)
		}
	}
}

// TestDamageOfTheLastTransaction damages the last transaction that was acknowledged before
// a kill. In the log alone that looks like a transaction which was being written.
func TestDamageOfTheLastTransaction(t *testing.T) {
	s, dir := openSynced(t)
	killed := filepath.Join(t.TempDir(), "killed")
	acceptMany(t, s, 1, 1)
	copyKilled(t, dir, killed)
	damageOne(t, killed, "*.mem", func(text []byte) []byte {
		text[len(text)-60] ^= 1 // before the marker
		return text
	})
	refused(t, killed)
}

// TestLossOfTheLastOutcomes clears the end of the log, which held nothing but outcomes of
// deliveries: no event is missing, and the rest of the log is whole.
func TestLossOfTheLastOutcomes(t *testing.T) {
	s, dir := openSynced(t)
	killed := filepath.Join(t.TempDir(), "killed")
	ids := acceptMany(t, s, 3, 1)
	accepted := logOf(t, dir)
	for _, id := range ids {
		settle(t, s, delivered(id.For(1)))
	}
	copyKilled(t, dir, killed)
	damageOne(t, killed, "*.mem", func(text []byte) []byte {
		if len(text) <= len(accepted) {
			t.Fatalf("the log has %d bytes, and had %d before the outcomes", len(text), len(accepted))
		}
		clear(text[len(accepted):])
		return text
	})
	refused(t, killed)
}

// openSynced opens a store that syncs each commit, unlike the one of openTest.
func openSynced(t *testing.T) (s *Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

// logOf returns the content of the log in use.
func logOf(t *testing.T, dir string) []byte {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	text, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(text, "\x00")
}
