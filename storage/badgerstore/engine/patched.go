//go:build !unpatched

package engine

import (
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// The compiler stops here when Badger lacks the patches: run `make patch` once, and
// go build, go test and editors find the patched copy. To build without it, which
// can lose accepted events on a disk with errors, take -tags unpatched.
const _ = badger.RunMakePatch

const patched = true

// Patched reports whether this program was built with the patches in the folder
// patches, as `make build` does. Without them a disk with errors can lose accepted
// events.
func Patched() bool { return patched }

// NewKey is the bit of an entry's user meta that says that no version of its key was ever
// written before. Such a key that is removed while it is in memory leaves nothing on
// disk. A wrong bit brings an older version of the key back.
const NewKey = badger.NewKey

// The functions below are the only users of what the patches add to Badger's methods.

func verifyTables(db *badger.DB, next func(size int64) bool) error { return db.VerifyTables(next) }

func releaseTables(db *badger.DB) { db.ForgetTables() }

func rewriteAfter(db *badger.DB, age time.Duration) { db.RewriteAfter(age) }

func limitLogs(db *badger.DB, size int64) { db.LimitLogs(size) }

func logState(db *badger.DB) (left int64, waiting int) { return db.LogState() }

func endLog(db *badger.DB) { db.EndLog() }

func reuseLogs(db *badger.DB, spare string) { db.ReuseLogs(spare) }

func logIsFilled(db *badger.DB) bool { return db.LogIsFilled() }

func squeezeTables(db *badger.DB, on bool) { db.Squeeze(on) }
