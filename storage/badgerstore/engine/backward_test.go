package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// scanned runs a scan to its end, or to the step at which it stops, and returns what it
// found, newest first.
func scanned(t *testing.T, db *DB, prefix, from string, allowance int) (found []string, last Step) {
	t.Helper()
	tx := db.NewTransaction(false)
	defer tx.Discard()
	scan := NewBackward(tx, []byte(prefix))
	defer scan.Close()
	for scan.Seek([]byte(from)); ; {
		switch last = scan.Next([]byte(prefix), &allowance); last {
		case Found:
			found = append(found, string(scan.Key)+"="+string(scan.Value))
		case Stopped:
			return append(found, "at "+string(scan.Key)), last
		default:
			return found, last
		}
	}
}

// TestBackward: what a scan finds among keys that were removed, replaced or expired.
func TestBackward(t *testing.T) {
	db := openTest(t, t.TempDir())
	for _, change := range []func(tx *badger.Txn) error{
		func(tx *badger.Txn) error {
			var err error
			for _, key := range []string{"a1", "b1", "b2", "b3", "b4", "b5", "b51", "c1"} {
				err = tx.Set([]byte(key), []byte("old"))
			}
			return err
		},
		func(tx *badger.Txn) error { return tx.Delete([]byte("b2")) },
		func(tx *badger.Txn) error { return tx.Set([]byte("b3"), []byte("new")) },
		func(tx *badger.Txn) error {
			return tx.SetEntry(&badger.Entry{Key: []byte("b4"), ExpiresAt: uint64(time.Now().Add(-time.Hour).Unix())})
		},
		func(tx *badger.Txn) error { return tx.Delete([]byte("b51")) },
		func(tx *badger.Txn) error { return tx.Set([]byte("b51"), []byte("again")) },
	} {
		if err := db.Update(change); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		reason       string
		prefix, from string
		allowance    int
		want         []string
		last         Step
	}{
		{"all of a prefix, and nothing of its neighbours", "b", "b\xff", Unlimited, []string{"b51=again", "b5=old", "b3=new", "b1=old"}, Ended},
		{"from a key on, which belongs to the scan", "b", "b5", Unlimited, []string{"b5=old", "b3=new", "b1=old"}, Ended},
		{"from a key that does not exist", "b", "b49", Unlimited, []string{"b3=new", "b1=old"}, Ended},
		{"below the prefix's first key", "b", "b0", Unlimited, nil, Ended},
		{"no key has the prefix", "bb", "bb\xff", Unlimited, nil, Ended},
		{"a longer prefix than keys", "b5", "b5\xff", Unlimited, []string{"b51=again", "b5=old"}, Ended},
		{"removed and expired keys use the allowance up", "b", "b\xff", 2, []string{"b51=again", "b5=old", "b3=new", "at b2"}, Stopped},
		{"the first of them does", "b", "b\xff", 1, []string{"b51=again", "b5=old", "at b4"}, Stopped},
		{"keys that exist cost nothing", "b5", "b5\xff", 1, []string{"b51=again", "b5=old"}, Ended},
	} {
		found, last := scanned(t, db, c.prefix, c.from, c.allowance)
		if !slices.Equal(found, c.want) || last != c.last {
			t.Errorf("%s: %q and then %d, want %q and then %d", c.reason, found, last, c.want, c.last)
		}
	}
}

// TestBackwardStops: a page of a list looks at a bounded number of keys, however many
// were removed; a scan that begins where the last one stopped reaches the end.
func TestBackwardStops(t *testing.T) {
	db := openTest(t, t.TempDir())
	const removed = 1000
	batch := db.NewWriteBatch()
	for n := range removed {
		if err := batch.Set(fmt.Appendf(nil, "k%06d", n), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Flush(); err != nil {
		t.Fatal(err)
	}
	batch = db.NewWriteBatch()
	for n := 1; n < removed; n++ {
		if err := batch.Delete(fmt.Appendf(nil, "k%06d", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Flush(); err != nil {
		t.Fatal(err)
	}
	from, pages := "k\xff", 0
	for ; ; pages++ {
		found, last := scanned(t, db, "k", from, 100)
		if last == Ended {
			if !slices.Equal(found, []string{"k000000="}) {
				t.Errorf("found %q", found)
			}
			break
		}
		from = found[len(found)-1][len("at "):]
	}
	if pages < removed/101 || pages > removed/99+1 {
		t.Errorf("%d pages of 100 removed keys each, of %d", pages, removed)
	}
}
