package badgerstore

import (
	"errors"
	"fmt"
	"time"
)

// abandonAfter bounds how long Close tries when the disk has failed: Badger
// repeats for ever what it cannot write.
const abandonAfter = time.Second

var (
	errAbandoned = errors.New("close storage: the disk has failed; the files are left as they are")
	errLeftFull  = errors.New("close storage: the disk is full; what is not in a table yet stays in the logs, and nothing is lost")
)

// Close commits what was handed over, and closes the files. Later calls fail. It
// is safe to call twice. On a broken store, and on a full disk, it takes no longer
// than a second or so: the process has to end then, and all that was acknowledged
// is on disk.
func (s *Store) Close() error {
	s.closing.Do(func() {
		closed := make(chan error, 1)
		noRoom := s.noRoom()
		go func() { closed <- s.close() }()
		abandoned := errAbandoned
		select {
		case s.closed = <-closed:
			return
		case <-s.Broken():
		case <-noRoom:
			abandoned = errLeftFull
		}
		select {
		case s.closed = <-closed:
		case <-time.After(abandonAfter):
			s.closed = abandoned
		}
	})
	return s.closed
}

// noRoom gets a value when a memory table finds no room on the disk from now on.
func (s *Store) noRoom() <-chan struct{} {
	log, is := s.db.Opts().Logger.(*badgerLog)
	if !is {
		return nil
	}
	select {
	case <-log.noRoom:
	default:
	}
	return log.noRoom
}

func (s *Store) close() (err error) {
	s.stop()
	s.committer.Close()
	s.awaitReads()
	defer func() { err = errors.Join(err, s.synced.close()) }()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close storage: %w", err)
	}
	if s.Err() != nil {
		return nil
	}
	return s.synced.note(s.tally.commits)
}
