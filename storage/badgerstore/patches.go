package badgerstore

// Patched reports whether this program was built with the patches in the folder
// patches, as `make build` does. Without them a disk with errors can lose accepted
// events.
func Patched() bool { return patched }

// expireTables has Badger remove what has expired from the disk. When a table
// reaches this age, everything in it has expired: what was delivered expires after
// the retention, and Reap removes the events, which stay as long, a little earlier.
func (s *Store) expireTables() { rewriteAfter(s.db, s.retention+s.retention/10) }
