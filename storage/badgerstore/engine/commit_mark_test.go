package engine

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestMissingEnd: a database that ends before what the commit mark knows is refused,
// until the mark is removed, as the error says.
func TestMissingEnd(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, Options{Dir: dir})
	w.commit(t, 0, 3)
	closed(t, w)
	for _, missing := range []uint64{0, 1} {
		mark := commitMark{dir: dir}
		if err := mark.begin(w.commits); err != nil {
			t.Fatal(missing, err)
		}
		if err := errors.Join(mark.note(w.commits+missing), mark.close()); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, dir)
	if err := os.Remove(filepath.Join(dir, markName)); err != nil {
		t.Fatal(err)
	}
	openWriter(t, Options{Dir: dir})
}

// TestMarkThatIsNoWitness: a mark of another format, size or checksum says nothing.
func TestMarkThatIsNoWitness(t *testing.T) {
	m := marked{commits: 7, manifest: manifestExtent{beginning: [8]byte{1, 2}, size: 99}}
	whole := m.encode()
	for name, c := range map[string]struct {
		text []byte
		want marked
	}{
		"whole":          {whole, m},
		"cut off":        {whole[:markSize-1], marked{}},
		"longer":         {append(bytes.Clone(whole), 0), marked{}},
		"another format": {append([]byte{markFormat + 1}, whole[1:]...), marked{}},
		"a flipped bit":  {append(append(bytes.Clone(whole[:5]), whole[5]^1), whole[6:]...), marked{}},
		"empty":          {nil, marked{}},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, markName), c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readMark(dir); got != c.want || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := readMark(t.TempDir()); got != (marked{}) || err != nil {
		t.Errorf("missing: %+v, %v", got, err)
	}
}

// TestCloseMarksTheManifest: the tables that a close makes are known to the mark.
func TestCloseMarksTheManifest(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, Options{Dir: dir})
	w.commit(t, 0, 3)
	before, err := readMark(dir)
	if err != nil || before.commits != w.commits {
		t.Fatal(before, err)
	}
	closed(t, w)
	after, err := readMark(dir)
	if err != nil || after.commits != w.commits || after.manifest.size <= before.manifest.size {
		t.Errorf("%+v, before the close %+v, %v", after, before, err)
	}
}

// TestBrokenCloseMarksNothing: what is on disk is unknown then.
func TestBrokenCloseMarksNothing(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, Options{Dir: dir})
	w.commit(t, 0, 3)
	before, err := readMark(dir)
	if err != nil {
		t.Fatal(err)
	}
	broken := make(chan struct{})
	close(broken)
	if err := w.Close(broken, func() {}); err != nil {
		t.Log(err) // a slow machine may abandon the close
	}
	if after, err := readMark(dir); after != before || err != nil {
		t.Errorf("%+v, before the close %+v, %v", after, before, err)
	}
}
