package badgerstore

import (
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// Patched tells whether this program was built with badger.patch, as `make build`
// does. Without it a disk with errors can lose what was acknowledged.
func Patched() bool {
	_, patched := any((*badger.DB)(nil)).(tableVerifier)
	return patched
}

// tableVerifier is the method that the patch adds to Badger: it reads every table
// once, after asking with its size whether to go on.
type tableVerifier interface {
	VerifyTables(next func(size int64) bool) error
}

// rewriter is another one: at which age a table is written anew, without what has expired.
type rewriter interface {
	RewriteAfter(age time.Duration)
}

// expireTables sees to it that what has expired leaves the disk. By the time that
// its table is that old all of it has: what was delivered, that is; events, which
// stay as long, are removed a little earlier by Reap, with the table around them.
func (s *Store) expireTables() {
	if db, ok := any(s.db).(rewriter); ok {
		db.RewriteAfter(s.retention + s.retention/10)
	}
}
