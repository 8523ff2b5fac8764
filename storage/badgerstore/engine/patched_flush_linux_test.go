package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// putAs writes keys of a kind, with numbers up to n and a user meta.
func putAs(t *testing.T, db *badger.DB, kind rune, n int, meta byte) {
	t.Helper()
	writeAll(t, db, n, func(b *badger.WriteBatch, i int) error {
		return b.SetEntry(badger.NewEntry(kindKey(kind, i), []byte{1}).WithMeta(meta))
	})
}

func removeAll(t *testing.T, db *badger.DB, kind rune, n int) {
	t.Helper()
	writeAll(t, db, n, func(b *badger.WriteBatch, i int) error { return b.Delete(kindKey(kind, i)) })
}

// allRead lets Badger know that no snapshot shows less than everything written.
func allRead(t *testing.T, db *badger.DB) {
	t.Helper()
	if err := db.View(func(*badger.Txn) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// inTables counts the versions of keys in all tables.
func inTables(db *badger.DB) (n int) {
	for _, table := range db.Tables() {
		n += int(table.KeyCount)
	}
	return n
}

// TestNewKeysThatAreGoneAreForgotten puts and removes keys, whose memory table becomes a
// table. What was new in the memory table leaves nothing there; of what may have been
// written before, the removal must stay.
func TestNewKeysThatAreGoneAreForgotten(t *testing.T) {
	needPatch(t)
	const each = 500
	for name, c := range map[string]struct {
		meta byte
		left int
	}{"new": {NewKey, 0}, "known": {0, each}, "with other bits": {^NewKey, each}} {
		t.Run(name, func(t *testing.T) {
			db := openTiny(t, t.TempDir())
			putAs(t, db, 'e', each, NewKey)
			putAs(t, db, 'q', each, c.meta)
			removeAll(t, db, 'q', each)
			allRead(t, db)
			db = reopen(t, db)
			if n := inTables(db); n != each+c.left {
				t.Errorf("%d versions of keys are in tables, want %d", n, each+c.left)
			}
			if n := countKeys(t, db); n != each {
				t.Errorf("%d keys, want %d", n, each)
			}
		})
	}
}

// TestNothingIsLeftOfAMemoryTable: a memory table of which nothing has to be kept makes no
// table and no file.
func TestNothingIsLeftOfAMemoryTable(t *testing.T) {
	needPatch(t)
	db := openTiny(t, t.TempDir())
	putAs(t, db, 'q', 100, NewKey)
	removeAll(t, db, 'q', 100)
	allRead(t, db)
	db = reopen(t, db)
	files, err := filepath.Glob(filepath.Join(db.Opts().Dir, "*.sst"))
	if err != nil || len(files) > 0 || len(db.Tables()) > 0 {
		t.Error(files, db.Tables(), err)
	}
	putAs(t, db, 'q', 100, NewKey) // Versions continue where they can.
	if db = reopen(t, db); countKeys(t, db) != 100 {
		t.Error(countKeys(t, db), "keys, want 100")
	}
}

// TestOlderVersionsAreForgotten: of a key that is written with each commit, a table gets
// the latest version.
func TestOlderVersionsAreForgotten(t *testing.T) {
	needPatch(t)
	db := openTiny(t, t.TempDir())
	const commits = 200
	for n := range commits {
		if err := db.Update(func(tx *badger.Txn) error { return tx.Set([]byte("m"), fmt.Append(nil, n)) }); err != nil {
			t.Fatal(err)
		}
	}
	allRead(t, db)
	db = reopen(t, db)
	if n := inTables(db); n != 1 {
		t.Errorf("%d versions, want 1", n)
	}
	wantExactly(t, db, map[string][]byte{"m": fmt.Append(nil, commits-1)})
}

// TestSnapshotKeepsWhatIsGone: a snapshot from between a put and a removal reads the key,
// also once their memory table has become a table.
func TestSnapshotKeepsWhatIsGone(t *testing.T) {
	needPatch(t)
	db := openTiny(t, t.TempDir())
	const each = 100
	putAs(t, db, 'e', 1, NewKey) // which makes a table in any case
	putAs(t, db, 'q', each, NewKey)
	between := db.NewTransaction(false)
	defer between.Discard()
	removeAll(t, db, 'q', each)
	allRead(t, db)
	flush(t, db)
	for n := range each {
		if _, err := between.Get(kindKey('q', n)); err != nil {
			t.Fatal("the snapshot lost key", n, err)
		}
	}
	between.Discard()
	if db = reopen(t, db); countKeys(t, db) != 2 {
		t.Error(countKeys(t, db), "keys, want 2")
	}
}

// flush makes a table of what is in memory, and writes one key after it.
func flush(t *testing.T, db *badger.DB) {
	t.Helper()
	before := len(db.Tables())
	endLog(db)
	put(t, db, "z", 0, 1)
	for begun := time.Now(); len(db.Tables()) == before; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("no table was made")
		}
	}
}

// TestKnownKeysStayRemoved: a key of an earlier table that is removed, put and removed once
// more within a memory table stays removed, however new it was at first.
func TestKnownKeysStayRemoved(t *testing.T) {
	needPatch(t)
	db := openTiny(t, t.TempDir())
	const each = 100
	putAs(t, db, 'q', each, NewKey)
	db = reopen(t, db)
	removeAll(t, db, 'q', each)
	putAs(t, db, 'q', each, 0)
	removeAll(t, db, 'q', each)
	allRead(t, db)
	if db = reopen(t, db); countKeys(t, db) > 0 {
		t.Errorf("%d keys came back", countKeys(t, db))
	}
	if db = merged(t, db); countKeys(t, db) > 0 {
		t.Errorf("%d keys came back by a merge", countKeys(t, db))
	}
}

// TestFailedWriteForgetsNothing: a removal that did not reach the log is in memory only.
// When the memory table becomes a table beside that log, and the log is replayed, the key
// must stay removed.
func TestFailedWriteForgetsNothing(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	closed := openTiny(t, dir)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := badger.Open(closed.Opts().WithSyncWrites(true))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	putAs(t, db, 'q', 1, NewKey)
	log := onlyFile(t, dir, "*.mem")
	readOnly, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	divert(t, log, readOnly)
	if err := db.Update(func(tx *badger.Txn) error { return tx.Delete(kindKey('q', 0)) }); err == nil {
		t.Fatal("a write to a file that is open for reading succeeded")
	}
	allRead(t, db)
	if err := db.Close(); err != nil { // which cannot remove the log
		t.Log(err)
	}
	if _, err := os.Stat(log); errors.Is(err, os.ErrNotExist) {
		t.Fatal("the log is gone")
	}
	db = openTiny(t, dir)
	if n := countKeys(t, db); n != 0 {
		t.Errorf("%d keys came back", n)
	}
}
