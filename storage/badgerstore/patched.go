package badgerstore

import badger "github.com/dgraph-io/badger/v4"

// Patched tells whether this program was built with badger.patch, as `make build`
// does. Without it a disk with errors can lose what was acknowledged.
func Patched() bool {
	_, patched := any((*badger.DB)(nil)).(interface{ AstrohookPatch() }) // the patch adds this method
	return patched
}
