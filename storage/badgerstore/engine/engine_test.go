package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// needPatch skips a test of what upstream's Badger does not have.
func needPatch(t *testing.T) {
	t.Helper()
	if !patched {
		t.Skip("built with upstream's Badger; make test builds with the patched one")
	}
}

// patchKey returns the key of a number.
func patchKey(n int) []byte { return fmt.Appendf(nil, "key %08d", n) }

// commitsKey holds the number of the last commit, as badgerstore's "m commits" does.
var commitsKey = []byte("commits")

// writer is the one writer of a test's database.
type writer struct {
	*DB
	commits uint64
}

// openWriter opens a database as a store does. The caller may close it early.
func openWriter(t *testing.T, o Options) *writer {
	t.Helper()
	w, err := startWriter(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(nil, func() {}) })
	return w
}

// startWriter opens a database, and starts it with the number of its last commit. After
// an error nothing is left open.
func startWriter(o Options) (*writer, error) {
	db, err := Open(o)
	if err != nil {
		return nil, err
	}
	w := &writer{DB: db}
	tx := db.NewTransaction(false)
	item, err := tx.Get(commitsKey)
	if err == nil {
		err = item.Value(func(value []byte) error { w.commits = binary.BigEndian.Uint64(value); return nil })
	}
	tx.Discard()
	if errors.Is(err, badger.ErrKeyNotFound) {
		err = nil
	}
	if err = errors.Join(err, db.Start(w.commits)); err != nil {
		return nil, errors.Join(err, db.Close(nil, func() {}))
	}
	return w, nil
}

// commit commits the keys from a number up to another, and acknowledges them.
func (w *writer) commit(t *testing.T, from, to int) {
	t.Helper()
	tx := w.NewTransaction(true)
	defer tx.Discard()
	err := tx.Set(commitsKey, binary.BigEndian.AppendUint64(nil, w.commits+1))
	for n := from; n < to; n++ {
		err = errors.Join(err, tx.Set(patchKey(n), make([]byte, 200)))
	}
	if err = errors.Join(err, tx.Commit()); err != nil {
		t.Fatal(err)
	}
	w.commits++
	w.Committed(w.commits, time.Now())
}

// openTest opens a database that does not sync.
func openTest(t *testing.T, dir string) *DB {
	t.Helper()
	return openWriter(t, Options{Dir: dir, NoSync: true}).DB
}

// closed closes a database before the test ends.
func closed(t *testing.T, w *writer) {
	t.Helper()
	if err := w.Close(nil, func() {}); err != nil {
		t.Fatal(err)
	}
}

// fill makes a database with so many keys, all of them in one table.
func fill(t *testing.T, dir string, keys int) {
	t.Helper()
	w := openWriter(t, Options{Dir: dir, NoSync: true})
	for from := 0; from < keys; from += 100 {
		w.commit(t, from, min(from+100, keys))
	}
	closed(t, w) // which writes the table
}

// onlyFile returns the path of the one file in a directory whose name has a pattern: *.sst of
// tables, *.mem of logs.
func onlyFile(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return files[0]
}

// exists reports whether a key can be read.
func exists(t *testing.T, db *DB, key []byte) bool {
	t.Helper()
	tx := db.NewTransaction(false)
	defer tx.Discard()
	_, err := tx.Get(key)
	if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// copyKilled copies a directory in use to another, as a kill at this moment would leave
// it. The ballast, which is large, stays behind.
func copyKilled(t *testing.T, dir, killed string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, ballastName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
}

// refused opens a directory twice: a first refusal must not repair, and so hide, the
// damage.
func refused(t *testing.T, dir string) {
	t.Helper()
	for range 2 {
		w, err := startWriter(Options{Dir: dir})
		if err == nil {
			_ = w.Close(nil, func() {})
		}
		if !errors.Is(err, ErrDamaged) {
			t.Error("opened:", err)
		}
	}
}

// fillAndKill makes a directory as a killed process leaves it: with tables, a log, and a
// commit mark. It returns how many keys the directory holds.
func fillAndKill(t *testing.T, dir string) (keys int) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "source")
	for round := range 4 {
		if err := os.MkdirAll(source, 0o700); err != nil {
			t.Fatal(err)
		}
		w := openWriter(t, Options{Dir: source})
		w.commit(t, keys, keys+100)
		if keys += 100; round == 3 {
			copyKilled(t, source, dir)
		}
		closed(t, w)
	}
	return keys
}
