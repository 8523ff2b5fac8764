package engine

import "time"

// releaseInterval is how often the pages of the tables are released while there are
// commits. Tables are read through mapped memory, and without a release the process
// would grow by all that it ever reads. The kernel keeps the pages as cache.
const releaseInterval = 2 * time.Second

// releasePages releases the tables' pages in the background if it is time. Only the
// writer calls it; Close waits for it.
func (db *DB) releasePages(now time.Time) {
	if !patched || now.Sub(db.released) < releaseInterval {
		return
	}
	db.released = now
	db.background.Go(func() { releaseTables(db.badger) })
}
