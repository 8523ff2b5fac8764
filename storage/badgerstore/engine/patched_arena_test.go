//go:build !unpatched

package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	badger "github.com/dgraph-io/badger/v4"
)

// openSmallTables opens a database whose memory tables hold 4 MiB.
func openSmallTables(t *testing.T) *badger.DB {
	t.Helper()
	db, err := badger.Open(badgerOptions(Options{Dir: t.TempDir(), NoSync: true}, newLogger(slog.New(slog.DiscardHandler))).
		WithMemTableSize(4 << 20).WithValueThreshold(64 << 10))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// passTables writes values of 48 KiB, until about so many memory tables were full. A value
// is its number again and again. passTables calls wrote with each number.
func passTables(t *testing.T, db *badger.DB, tables int, wrote func(n int)) {
	t.Helper()
	value := make([]byte, 48<<10)
	for n := range tables * 80 {
		fillWith(value, n)
		must(t, db.Update(func(tx *badger.Txn) error { return tx.Set(arenaKey(n), value) }))
		wrote(n)
	}
}

func arenaKey(n int) []byte { return fmt.Appendf(nil, "key %08d", n) }

func fillWith(value []byte, n int) {
	for at := 0; at < len(value); at += 8 {
		binary.LittleEndian.PutUint64(value[at:], uint64(n))
	}
}

// TestMemoryTablesTakeTheSameMemory: memory tables take no new memory once one of them has
// become a table.
func TestMemoryTablesTakeTheSameMemory(t *testing.T) {
	db := openSmallTables(t)
	const tables = 20
	passTables(t, db, 3, func(int) {})
	before := arenasMade()
	passTables(t, db, tables, func(int) {})
	made := arenasMade() - before
	t.Logf("%d new ones for %d memory tables", made, tables)
	if made > tables/2 {
		t.Error("memory is not taken again")
	}
}

// arenasMade returns how often memory for a memory table was allocated. The profile has all
// objects of that size.
func arenasMade() (made int64) {
	runtime.GC() // the profile is complete up to the last but one collection
	runtime.GC()
	records := make([]runtime.MemProfileRecord, 10_000)
	n, _ := runtime.MemProfile(records, true)
	for _, r := range records[:n] {
		frames := runtime.CallersFrames(r.Stack())
		for {
			frame, more := frames.Next()
			if strings.HasSuffix(frame.Function, ".(*arenas).take") {
				made += r.AllocObjects
			}
			if !more {
				break
			}
		}
	}
	return made
}

// TestValuesOutliveTheirMemoryTable: whoever reads while memory tables come and go gets
// what was written.
func TestValuesOutliveTheirMemoryTable(t *testing.T) {
	db := openSmallTables(t)
	var latest atomic.Int64
	latest.Store(-1)
	var readers sync.WaitGroup
	for back := range 3 {
		readers.Go(func() {
			want := make([]byte, 48<<10)
			for latest.Load() != stopReading {
				n := max(0, int(latest.Load())-80*back)
				fillWith(want, n)
				err := db.View(func(tx *badger.Txn) error {
					item, err := tx.Get(arenaKey(n))
					if err != nil {
						return err
					}
					return item.Value(func(value []byte) error {
						if !bytes.Equal(value, want) {
							t.Errorf("key %d has another value", n)
						}
						return nil
					})
				})
				if err != nil && (n > 0 || !errors.Is(err, badger.ErrKeyNotFound)) {
					t.Error(n, err)
				}
			}
		})
	}
	passTables(t, db, 20, func(n int) { latest.Store(int64(n)) })
	latest.Store(stopReading)
	readers.Wait()
}

const stopReading = -2
