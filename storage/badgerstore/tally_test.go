package badgerstore

import (
	"testing"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
)

// TestPendingWithoutTally: a directory of an older program does not say how much
// is pending, or says it of an earlier commit. Then Open counts.
func TestPendingWithoutTally(t *testing.T) {
	for name, change := range map[string]func(tx *badger.Txn) error{
		"none": func(tx *badger.Txn) error { return tx.Delete(layout.MetaPending) },
		"earlier": func(tx *badger.Txn) error {
			return tx.Set(layout.MetaPending, layout.Tally{Commits: 0, Pending: 7}.Encode())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir)
			acceptMany(t, s, countChunk+10, 1, 2)
			if err := s.db.Update(change); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, dir)
			if got, want := s.Pending(), int64(2*countChunk+20); got != want {
				t.Fatalf("Pending is %d, want %d", got, want)
			}
			acceptMany(t, s, 1, 1)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if got, want := openTest(t, dir).Pending(), int64(2*countChunk+21); got != want {
				t.Fatalf("after another start Pending is %d, want %d", got, want)
			}
		})
	}
}

// TestPendingCountCorrectsTheTally: a stored count that is wrong is found out by the
// count after the start, and the right one is stored.
func TestPendingCountCorrectsTheTally(t *testing.T) {
	for _, endpoints := range []int{1, countChunk + 10} { // counted by Open, and in the background
		dir := t.TempDir()
		s := openTest(t, dir)
		acceptMany(t, s, endpoints, 1)
		wrong := layout.Tally{Commits: s.tally.Commits, Pending: 1_000_000}.Encode()
		if err := s.db.Update(func(tx *badger.Txn) error { return tx.Set(layout.MetaPending, wrong) }); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, dir)
		<-s.counted
		acceptMany(t, s, 1, 1) // its commit comes after the correction
		if got, want := s.Pending(), int64(endpoints+1); got != want {
			t.Fatalf("Pending is %d, want %d", got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := openTest(t, dir).Pending(), int64(endpoints+1); got != want {
			t.Fatalf("after another start Pending is %d, want %d", got, want)
		}
	}
}
