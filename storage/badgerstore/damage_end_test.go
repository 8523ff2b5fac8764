package badgerstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
)

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
