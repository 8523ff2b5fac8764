package badgerstore

// Close commits what was handed over, and closes the files. Later calls fail. It
// is safe to call twice. On a broken store, and on a full disk, it takes no longer
// than a second or so: the process has to end then, and all that was acknowledged
// is on disk.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.closed = s.db.Close(s.Broken(), func() {
			s.stop()
			s.committer.Close()
			s.awaitReads()
		})
	})
	return s.closed
}
