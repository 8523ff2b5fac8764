package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	badger "github.com/dgraph-io/badger/v4"
)

// TestReadersSurviveALogThatCannotBeMade: the write that needs the next log fails, and what
// was written before can still be read.
func TestReadersSurviveALogThatCannotBeMade(t *testing.T) {
	needPatch(t)
	db := openTiny(t, t.TempDir())
	put(t, db, "k", 0, 10)
	var number int
	if _, err := fmt.Sscanf(filepath.Base(onlyFile(t, db.Opts().Dir, "*.mem")), "%d.mem", &number); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(db.Opts().Dir, fmt.Sprintf("%05d.mem", number+1)), 0o700); err != nil {
		t.Fatal(err)
	}
	endLog(db)
	if err := db.Update(func(tx *badger.Txn) error { return tx.Set([]byte("z"), nil) }); err == nil {
		t.Fatal("a write without a log succeeded")
	}
	if n := countKeys(t, db); n != 10 {
		t.Errorf("%d keys, want 10", n)
	}
	if err := db.View(func(tx *badger.Txn) error {
		_, found := tx.Get(kindKey('k', 0))
		_, missing := tx.Get([]byte("z"))
		if found != nil || !errors.Is(missing, badger.ErrKeyNotFound) {
			t.Error(found, missing)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
