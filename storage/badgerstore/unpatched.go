//go:build unpatched

package badgerstore

import (
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// These stand for the methods that the patches add to Badger, in a program that is
// built without them: they do nothing, and the log in use counts as full.

const patched = false

func verifyTables(*badger.DB, func(size int64) bool) error { return nil }

func forgetTables(*badger.DB) {}

func rewriteAfter(*badger.DB, time.Duration) {}

func limitLogs(*badger.DB, int64) {}

func logState(*badger.DB) (left int64, waiting int) { return 0, 0 }

func endLog(*badger.DB) {}

func squeezeTables(*badger.DB, bool) {}
