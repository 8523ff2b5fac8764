package badgerstore

import badger "github.com/dgraph-io/badger/v4"

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
