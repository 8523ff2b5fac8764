package engine_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/groupcommit"
)

// The one writer of a database numbers its commits, stores each number with the commit,
// and reports it before the commit is acknowledged.
func Example() {
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := engine.Open(engine.Options{Dir: dir, NoSync: true})
	if err != nil {
		panic(err)
	}
	if err := db.Start(0); err != nil { // a new database has no commits
		panic(err)
	}
	if db.Admits(groupcommit.Publishes) {
		tx := db.NewTransaction(true)
		if err := tx.Set([]byte("commits"), binary.BigEndian.AppendUint64(nil, 1)); err != nil {
			panic(err)
		}
		if err := tx.Commit(); err != nil {
			panic(err)
		}
		db.Committed(1, time.Now())
	}
	fmt.Println("new:", db.Replayed().New)
	if err := db.Close(nil, func() {}); err != nil {
		panic(err)
	}
	err = engine.With(dir, func(db *engine.DB) error {
		fmt.Println("new:", db.Replayed().New)
		return nil
	})
	fmt.Println(err)
	// Output:
	// new: true
	// new: false
	// <nil>
}
