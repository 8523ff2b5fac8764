package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	badger "github.com/dgraph-io/badger/v4"
)

// openKinds opens a database whose memory tables are large enough for kinds of keys that
// have tables of their own.
func openKinds(t *testing.T, dir string, compactors int) *badger.DB {
	t.Helper()
	db, err := badger.Open(kindOptions(dir, compactors))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func kindOptions(dir string, compactors int) badger.Options {
	return badgerOptions(Options{Dir: dir, NoSync: true}, newLogger(slog.New(slog.DiscardHandler))).
		WithNumCompactors(compactors).WithMemTableSize(4 << 20).WithValueThreshold(64 << 10).
		WithBaseTableSize(1 << 20).WithBaseLevelSize(1 << 20).WithNumLevelZeroTables(3).WithNumLevelZeroTablesStall(12)
}

func reopenKinds(t *testing.T, db *badger.DB) *badger.DB {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return openKinds(t, db.Opts().Dir, db.Opts().NumCompactors)
}

// tablesOf returns the tables that hold only keys of a kind, in the last level or above it.
func tablesOf(db *badger.DB, kind byte, last bool) (ids []uint64) {
	for _, table := range db.Tables() {
		if table.Left[0] == kind && table.Right[0] == kind && last == (table.Level == db.Opts().MaxLevels-1) {
			ids = append(ids, table.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// TestOrderedKeysStayWhereTheyAreFlushed: keys of a large kind that arrive in order are
// written to one table, which no compaction writes again; small kinds share tables.
func TestOrderedKeysStayWhereTheyAreFlushed(t *testing.T) {
	needPatch(t)
	db := openKinds(t, t.TempDir(), 0)
	const each = 5000 // 2.5 MB
	var stay []uint64
	for round := range 4 {
		put(t, db, "e", round*each, (round+1)*each)
		put(t, db, "dgm", round*100, (round+1)*100)
		db = reopenKinds(t, db)
		now := tablesOf(db, 'e', true)
		if len(now) <= len(stay) || !slices.Equal(now[:len(stay)], stay) || len(tablesOf(db, 'e', false)) > 0 {
			t.Fatalf("round %d: tables %v of the last level became %v, and %v are above", round, stay, now, tablesOf(db, 'e', false))
		}
		stay = now
		if above := len(db.Tables()) - len(stay); above != 2*(round+1) {
			t.Errorf("round %d: %d tables of small kinds, want two of each flush: d, and g with m", round, above)
		}
	}
	if err := db.Flatten(1); err != nil {
		t.Fatal(err)
	}
	if now := tablesOf(db, 'e', true); !slices.Equal(now, stay) {
		t.Errorf("a merge of all made %v of %v", now, stay)
	}
	if n := countKeys(t, reopenKinds(t, db)); n != 4*(each+300) {
		t.Errorf("%d keys, want %d", n, 4*(each+300))
	}
}

// TestNothingIsBelowItsRemoval: what overlaps another table goes to the first level, on top
// of it, and so does a table with removals.
func TestNothingIsBelowItsRemoval(t *testing.T) {
	needPatch(t)
	db := openKinds(t, t.TempDir(), 0)
	const each = 5000
	put(t, db, "e", 0, each)
	db = reopenKinds(t, db)
	put(t, db, "e", each-1, 2*each) // one key again
	db = reopenKinds(t, db)
	if above := tablesOf(db, 'e', false); len(above) != 1 {
		t.Errorf("tables %v are in the first level, want one, that overlaps", above)
	}
	put(t, db, "e", 3*each, 4*each)
	writeAll(t, db, 1, func(b *badger.WriteBatch, _ int) error { return b.Delete(kindKey('e', 4*each)) })
	db = reopenKinds(t, db)
	if above := tablesOf(db, 'e', false); len(above) != 2 {
		t.Errorf("tables %v are in the first level, want two", above)
	}
	put(t, db, "e", 2*each, 3*each) // between the other two
	db = reopenKinds(t, db)
	if below := tablesOf(db, 'e', true); len(below) != 2 {
		t.Errorf("tables %v are in the last level, want two", below)
	}
	if n := countKeys(t, db); n != 4*each {
		t.Errorf("%d keys, want %d", n, 4*each)
	}
}

// TestReapedKindHasATableForWhatIsNew: the oldest keys of a kind are removed while new ones
// arrive. The new ones stay where they are flushed all the same.
func TestReapedKindHasATableForWhatIsNew(t *testing.T) {
	needPatch(t)
	db := openKinds(t, t.TempDir(), 0)
	const each = 5000
	put(t, db, "e", 0, each)
	db = reopenKinds(t, db)
	removeAll(t, db, 'e', each/2)
	put(t, db, "e", each, 2*each)
	db = reopenKinds(t, db)
	if last, above := tablesOf(db, 'e', true), tablesOf(db, 'e', false); len(last) != 2 || len(above) != 1 {
		t.Errorf("tables %v are in the last level and %v above, want the two of puts and one of removals", last, above)
	}
	if err := db.Flatten(1); err != nil {
		t.Fatal(err)
	}
	if n := countKeys(t, db); n != each+each/2 {
		t.Errorf("%d keys, want %d", n, each+each/2)
	}
}

// TestFlushThatFails: when a later table of a memory table cannot be made, those before it
// are removed, and the next try makes all.
func TestFlushThatFails(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	db := openKinds(t, dir, 0)
	put(t, db, "e", 0, 1)
	db = reopenKinds(t, db) // table 1
	put(t, db, "deq", 1, 2500)
	blockTable(t, dir, 4) // of 2, 3 and 4
	db = reopenKinds(t, db)
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(files) != len(db.Tables()) {
		t.Errorf("%v for %d tables, %v", files, len(db.Tables()), err)
	}
	for _, made := range db.Tables() {
		if made.ID == 2 || made.ID == 3 {
			t.Errorf("table %d of the try that failed is in use", made.ID)
		}
	}
	if n := countKeys(t, db); n != 1+3*2499 {
		t.Errorf("%d keys, want %d", n, 1+3*2499)
	}
}

// TestKilledFlush opens what a kill leaves between the manifest's entry and the removal of
// the log: tables that are in use, and the log with all that they hold.
func TestKilledFlush(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	db := openKinds(t, dir, 0)
	put(t, db, "de", 0, 3000)
	removeAll(t, db, 'd', 1000)
	log := onlyFile(t, dir, "*.mem")
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(db.Close(), os.WriteFile(log, text, 0o600)); err != nil {
			t.Fatal(err)
		}
		db = openKinds(t, dir, 0)
		if n := countKeys(t, db); n != 5000 {
			t.Fatalf("%d keys, want 5000", n)
		}
	}
	db = reopenKinds(t, db)
	if err := db.Flatten(1); err != nil {
		t.Fatal(err)
	}
	if n := countKeys(t, db); n != 5000 {
		t.Errorf("%d keys after a merge, want 5000", n)
	}
}

// TestFlushesAndCompactionsAgree writes keys in order and at random, removes some, and
// compares all with a map, while compactions run beside the flushes.
func TestFlushesAndCompactionsAgree(t *testing.T) {
	needPatch(t)
	db := openKinds(t, t.TempDir(), 3)
	random := rand.New(rand.NewPCG(3, 4))
	want, next := map[string][]byte{}, 0
	direct := 0
	for round := range 10 {
		for range 12 {
			writeAll(t, db, 2000, func(b *badger.WriteBatch, n int) error {
				kind := rune("deeeq"[random.IntN(5)])
				key := kindKey(kind, next)
				next++
				if kind != 'e' || random.IntN(2000) == 0 {
					key = kindKey(kind, random.IntN(next))
				}
				if kind == 'q' && random.IntN(2) == 0 || kind == 'e' && random.IntN(5000) == 0 {
					delete(want, string(key))
					return b.Delete(key)
				}
				want[string(key)] = fmt.Appendf(make([]byte, 200), "%d %d", round, n)
				return b.Set(key, want[string(key)])
			})
			allRead(t, db)
		}
		wantExactly(t, db, want)
		direct += len(tablesOf(db, 'e', true))
	}
	if direct == 0 {
		t.Error("no table of ordered keys is in the last level")
	}
	db = reopenKinds(t, db)
	wantExactly(t, db, want)
	if err := db.VerifyChecksum(); err != nil {
		t.Error(err)
	}
}
