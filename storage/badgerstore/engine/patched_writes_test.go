package engine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"testing"

	badger "github.com/dgraph-io/badger/v4"
)

// TestWritesKeepTheirOrder: of several writes of one key in a transaction the last one
// counts: in the transaction itself, after its commit, and after a kill. Half of the
// transactions read in between.
func TestWritesKeepTheirOrder(t *testing.T) {
	dir, killed := t.TempDir(), filepath.Join(t.TempDir(), "killed")
	db := openTest(t, dir)
	r, want := rand.New(rand.NewPCG(1, 2)), map[string]string{}
	for n := range 200 {
		tx, reads := db.NewTransaction(true), n%2 == 0
		for m := range 1 + r.IntN(40) {
			key := fmt.Sprintf("%c%d", 'a'+rune(r.IntN(3)), r.IntN(20))
			if r.IntN(3) == 0 {
				delete(want, key)
				must(t, tx.Delete([]byte(key)))
			} else {
				want[key] = fmt.Sprint(n, m)
				must(t, tx.Set([]byte(key), []byte(want[key])))
			}
			if reads && r.IntN(5) == 0 {
				equal(t, stored(t, tx), want)
				equal(t, looked(t, tx), want)
			}
		}
		must(t, tx.Commit())
		tx.Discard()
	}
	check := func(db *DB) {
		tx := db.NewTransaction(false)
		defer tx.Discard()
		equal(t, stored(t, tx), want)
	}
	check(db)
	copyKilled(t, dir, killed)
	check(openTest(t, killed))
}

// TestEntryTwice: an entry that is set twice in one transaction is written once.
func TestEntryTwice(t *testing.T) {
	db := openTest(t, t.TempDir())
	tx := db.NewTransaction(true)
	defer tx.Discard()
	e := badger.NewEntry([]byte("key"), []byte("value"))
	must(t, errors.Join(tx.SetEntry(e), tx.SetEntry(e), tx.Commit()))
	now := db.NewTransaction(false)
	defer now.Discard()
	equal(t, stored(t, now), map[string]string{"key": "value"})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Fatalf("%v\nwant\n%v", got, want)
	}
}

// stored returns what a transaction finds by going through all keys.
func stored(t *testing.T, tx *badger.Txn) map[string]string {
	t.Helper()
	found := map[string]string{}
	it := tx.NewIterator(badger.DefaultIteratorOptions)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		value, err := it.Item().ValueCopy(nil)
		must(t, err)
		found[string(it.Item().Key())] = string(value)
	}
	return found
}

// looked returns what a transaction finds by asking for each key.
func looked(t *testing.T, tx *badger.Txn) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, kind := range "abc" {
		for n := range 20 {
			key := fmt.Sprintf("%c%d", kind, n)
			item, err := tx.Get([]byte(key))
			if errors.Is(err, badger.ErrKeyNotFound) {
				continue
			}
			must(t, err)
			value, err := item.ValueCopy(nil)
			must(t, err)
			found[key] = string(value)
		}
	}
	return found
}

// TestLargeWritesAreReadAtOnce: a commit of many keys, which are inserted while the log is
// synced, returns when all of them can be read.
func TestLargeWritesAreReadAtOnce(t *testing.T) {
	db := openTest(t, t.TempDir())
	const rounds, each = 10, 1000
	for round := range rounds {
		must(t, db.Update(func(tx *badger.Txn) (err error) {
			for n := range each {
				err = errors.Join(err, tx.Set(fmt.Appendf(nil, "%c%d", 'a'+n%26, round*each+n), nil))
			}
			return err
		}))
		tx := db.NewTransaction(false)
		if found := len(stored(t, tx)); found != (round+1)*each {
			t.Fatalf("round %d: %d keys, want %d", round, found, (round+1)*each)
		}
		tx.Discard()
	}
}
