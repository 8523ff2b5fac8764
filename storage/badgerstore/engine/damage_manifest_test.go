package engine

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	badger "github.com/dgraph-io/badger/v4"
)

// TestManifestCutOff takes entries from the end of the manifest. The entries that are
// left make a good manifest, and the log holds the latest transactions; only the commit
// mark knows better.
func TestManifestCutOff(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	fillAndKill(t, whole)
	manifest, err := os.ReadFile(filepath.Join(whole, badger.ManifestFilename))
	if err != nil {
		t.Fatal(err)
	}
	ends := entryEnds(manifest)
	if len(ends) < 3 {
		t.Fatalf("only %d entries", len(ends))
	}
	for _, end := range ends[1:] {
		if err := openCutOff(t, whole, end); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "had") {
			t.Errorf("cut off at %d of %d: opened: %v", end, len(manifest), err)
		}
	}
	if err := openCutOff(t, whole, ends[2]-3); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "breaks off within an entry") {
		t.Errorf("cut off within an entry: %v", err)
	}
}

// entryEnds returns where each entry of a manifest begins.
func entryEnds(manifest []byte) (ends []int) {
	for at := manifestHeader; at < len(manifest); {
		ends = append(ends, at)
		at += 8 + int(binary.BigEndian.Uint32(manifest[at:])) // length, checksum, content
	}
	return ends
}

// openCutOff opens a copy of a directory whose manifest ends early.
func openCutOff(t *testing.T, whole string, end int) error {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cut")
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, badger.ManifestFilename), int64(end)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Dir: dir})
	return err
}

// TestReplacedManifest: Badger replaces a manifest that has grown by a shorter one with
// another beginning. The commit mark says nothing about that one.
func TestReplacedManifest(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 100)
	mark, err := readMark(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*manifestExtent)
		opens  bool
	}{
		"the same manifest, once longer": {func(m *manifestExtent) { m.size++ }, false},
		"another one, longer":            {func(m *manifestExtent) { m.size++; m.beginning[0] ^= 1 }, true},
		"the same one, grown since":      {func(m *manifestExtent) { m.size-- }, true},
	} {
		m := mark
		c.change(&m.manifest)
		if err := os.WriteFile(filepath.Join(dir, markName), m.encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		err := With(dir, func(*DB) error { return nil })
		if (err == nil) != c.opens || !c.opens && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
