package engine

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// openTiny opens a database whose levels are so small that a few megabytes fill several
// of them. It has no compactors.
func openTiny(t *testing.T, dir string) *badger.DB {
	t.Helper()
	db, err := badger.Open(badgerOptions(Options{Dir: dir, NoSync: true}, newLogger(slog.New(slog.DiscardHandler))).
		WithNumCompactors(0).WithMemTableSize(768 << 10).WithValueThreshold(64 << 10).
		WithBaseTableSize(128 << 10).WithBaseLevelSize(256 << 10).WithNumLevelZeroTables(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// reopen opens a database again, which leaves nothing in memory tables.
func reopen(t *testing.T, db *badger.DB) *badger.DB {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return openTiny(t, db.Opts().Dir)
}

// merged compacts a database, which leaves nothing in the first level either.
func merged(t *testing.T, db *badger.DB) *badger.DB {
	t.Helper()
	db = reopen(t, db)
	if err := db.Flatten(1); err != nil {
		t.Fatal(err)
	}
	return db
}

// writeAll calls write with each number up to n, and stores what it wrote.
func writeAll(t *testing.T, db *badger.DB, n int, write func(b *badger.WriteBatch, n int) error) {
	t.Helper()
	batch := db.NewWriteBatch()
	defer batch.Cancel()
	for i := range n {
		if err := write(batch, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Flush(); err != nil {
		t.Fatal(err)
	}
}

// put writes keys of several kinds, with numbers from from up to to.
func put(t *testing.T, db *badger.DB, kinds string, from, to int) {
	t.Helper()
	writeAll(t, db, to-from, func(b *badger.WriteBatch, n int) error {
		var errs []error
		for _, kind := range kinds {
			errs = append(errs, b.Set(kindKey(kind, from+n), make([]byte, 500)))
		}
		return errors.Join(errs...)
	})
}

func kindKey(kind rune, n int) []byte { return fmt.Appendf(nil, "%c%08d", kind, n) }

func countKeys(t *testing.T, db *badger.DB) (n int) {
	t.Helper()
	if err := db.View(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func tableIDs(db *badger.DB) (ids []uint64) {
	for _, table := range db.Tables() {
		ids = append(ids, table.ID)
	}
	slices.Sort(ids)
	return ids
}

// TestTablesAreMoved: records whose keys arrive in order are written into one table each,
// however many levels the table passes, and older tables stay as they are.
func TestTablesAreMoved(t *testing.T) {
	needPatch(t)
	db := openTiny(t, t.TempDir())
	const each = 10_000
	var settled []uint64
	for round := range 3 {
		put(t, db, "e", round*each, (round+1)*each)
		db = reopen(t, db)
		before := tableIDs(db)
		if err := db.Flatten(1); err != nil {
			t.Fatal(err)
		}
		after := tableIDs(db)
		added := after[len(settled):]
		if !slices.Equal(after[:len(settled)], settled) {
			t.Fatalf("round %d: tables %v became %v", round, settled, after)
		}
		first := before[len(before)-1] + 1
		for i, id := range added {
			if id != first+uint64(i) {
				t.Fatalf("round %d: tables %v, want %d made after %d, each once", round, added, len(added), first)
			}
		}
		settled = after
		if db = reopen(t, db); !slices.Equal(tableIDs(db), settled) {
			t.Fatalf("round %d: tables %v, opened again %v", round, settled, tableIDs(db))
		}
		if n := countKeys(t, db); n != (round+1)*each {
			t.Fatalf("round %d: %d keys, want %d", round, n, (round+1)*each)
		}
	}
}

// TestKindsHaveTablesOfTheirOwn: no table below the first level has keys of two kinds. It
// would overlap every key that arrives between the two.
func TestKindsHaveTablesOfTheirOwn(t *testing.T) {
	needPatch(t)
	db := openTiny(t, t.TempDir())
	put(t, db, "deq", 0, 2000)
	db = merged(t, db)
	for _, table := range db.Tables() {
		if table.Left[0] != table.Right[0] {
			t.Errorf("a table of level %d has keys from %q to %q", table.Level, table.Left, table.Right)
		}
	}
	if n := countKeys(t, db); n != 6000 {
		t.Errorf("%d keys, want 6000", n)
	}
}

// TestRemovedKeysAreNotMoved: a table that holds nothing but removals is dropped once
// nothing is below it, rather than moved.
func TestRemovedKeysAreNotMoved(t *testing.T) {
	needPatch(t)
	// Some time after the open, a goroutine of Badger's records up to which version no
	// transaction reads any more. A merge before that keeps removed keys.
	const tries = 4
	var left []badger.TableInfo
	for range tries {
		if left = removedAfterMerges(t); len(left) == 0 {
			return
		}
	}
	for _, table := range left {
		t.Errorf("a table of level %d has the keys from %q to %q", table.Level, table.Left, table.Right)
	}
}

// removedAfterMerges adds and removes keys of a kind, merges all tables, and returns
// those that have keys of that kind.
func removedAfterMerges(t *testing.T) (left []badger.TableInfo) {
	db := openTiny(t, t.TempDir())
	for round := range 2 {
		put(t, db, "eqx", round*2000, (round+1)*2000)
		writeAll(t, db, 2000, func(b *badger.WriteBatch, n int) error { return b.Delete(kindKey('q', round*2000+n)) })
		db = merged(t, db)
	}
	for _, table := range db.Tables() {
		if ofKind('q')(table) {
			left = append(left, table)
		}
	}
	return left
}

// TestMovedTablesKeepTheOrder changes keys at random, mostly those with large numbers,
// while tables are merged and moved, and compares every key and value.
func TestMovedTablesKeepTheOrder(t *testing.T) {
	needPatch(t)
	db := openTiny(t, t.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	want := map[string][]byte{}
	for round := range 12 {
		writeAll(t, db, 6000, func(b *badger.WriteBatch, n int) error {
			last := round*6000 + n
			key := kindKey(rune("deq"[random.IntN(3)]), last)
			value := bytes.Repeat([]byte{byte(round), byte(n)}, 150)
			if random.IntN(4) == 0 {
				key = kindKey(rune("deq"[random.IntN(3)]), random.IntN(last+1))
			}
			if key[0] == 'q' && random.IntN(3) == 0 { // what is removed keeps a table from being moved
				delete(want, string(key))
				return b.Delete(key)
			}
			want[string(key)] = value
			return b.Set(key, value)
		})
		if round%3 > 0 {
			db = merged(t, db)
		} else { // then there are two generations in the first level
			db = reopen(t, db)
		}
		wantExactly(t, db, want)
	}
	wantExactly(t, reopen(t, db), want)
}

func wantExactly(t *testing.T, db *badger.DB, want map[string][]byte) {
	t.Helper()
	seen := 0
	if err := db.View(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			seen++
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			if key := it.Item().Key(); !bytes.Equal(value, want[string(key)]) {
				return fmt.Errorf("%s is %x, want %x", key, value[:2], want[string(key)][:min(2, len(want[string(key)]))])
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if seen != len(want) {
		t.Fatalf("%d keys, want %d", seen, len(want))
	}
}

// TestExpiredTablesGo: expired records leave the disk although nothing new comes near
// them, and all others stay. Their table is in the last level, or in the one above, which is
// not full.
func TestExpiredTablesGo(t *testing.T) {
	needPatch(t)
	for name, settle := range map[string]func(*testing.T, *badger.DB) *badger.DB{"last level": merged, "above": reopen} {
		t.Run(name, func(t *testing.T) { expire(t, settle) })
	}
}

func expire(t *testing.T, settle func(*testing.T, *badger.DB) *badger.DB) {
	db := openTiny(t, t.TempDir())
	put(t, db, "e", 0, 2000)
	db = merged(t, db)
	writeAll(t, db, 2000, func(b *badger.WriteBatch, n int) error {
		return b.SetEntry(badger.NewEntry(kindKey('d', n), make([]byte, 50)).WithTTL(5 * time.Second))
	})
	db = settle(t, db)
	if !slices.ContainsFunc(db.Tables(), ofKind('d')) {
		t.Fatal("no table has what expires")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := badger.Open(db.Opts().WithNumCompactors(2))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rewriteAfter(db, time.Second)
	for begun := time.Now(); slices.ContainsFunc(db.Tables(), ofKind('d')); time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("what expired is still in", db.Tables())
		}
	}
	if n := countKeys(t, db); n != 2000 {
		t.Errorf("%d keys, want 2000", n)
	}
}

func ofKind(kind byte) func(badger.TableInfo) bool {
	return func(table badger.TableInfo) bool { return table.Left[0] == kind }
}
