package badgerstore

import (
	"errors"
	"fmt"
	"time"
)

// abandonAfter bounds how long Close tries when the disk has failed: Badger
// repeats for ever what it cannot write.
const abandonAfter = time.Second

var errAbandoned = errors.New("close storage: the disk has failed; the files are left as they are")

// Close commits what was handed over, and closes the files. Later calls fail. It
// is safe to call twice. On a broken store it takes no longer than a second or
// so: the process has to end then, and all that was acknowledged is on disk.
func (s *Store) Close() error {
	s.closing.Do(func() {
		closed := make(chan error, 1)
		go func() { closed <- s.close() }()
		select {
		case s.closed = <-closed:
			return
		case <-s.Broken():
		}
		select {
		case s.closed = <-closed:
		case <-time.After(abandonAfter):
			s.closed = errAbandoned
		}
	})
	return s.closed
}

func (s *Store) close() (err error) {
	s.stop()
	s.committer.close()
	s.awaitReads()
	defer func() { err = errors.Join(err, s.synced.close()) }()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close storage: %w", err)
	}
	if s.Err() != nil {
		return nil
	}
	return s.synced.note(s.committer.commits)
}
