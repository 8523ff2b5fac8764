package engine

import (
	"errors"
	"fmt"
	"time"
)

// abandonAfter bounds how long a close tries when the disk has failed: Badger repeats
// for ever what it cannot write.
const abandonAfter = time.Second

var (
	errAbandoned = errors.New("close storage: the disk has failed; the files are left as they are")
	errLeftFull  = errors.New("close storage: the disk is full; what is not in a table yet stays in the logs, and nothing is lost")
)

// Close calls drain, which must end all reads and writes, and then closes the files.
// broken is closed when the writer cannot commit any more. In that case, and on a full
// disk, Close takes no longer than a second or so, and leaves goroutines behind: the
// process has to end then, and everything that was acknowledged is on disk.
func (db *DB) Close(broken <-chan struct{}, drain func()) error {
	closed := make(chan error, 1)
	full := db.log.fullFromNow()
	go func() {
		db.stop()
		drain()
		closed <- db.close(broken)
	}()
	abandoned := errAbandoned
	select {
	case err := <-closed:
		return err
	case <-broken:
	case <-full:
		abandoned = errLeftFull
	}
	select {
	case err := <-closed:
		return err
	case <-time.After(abandonAfter):
		return abandoned
	}
}

// close closes the files, and notes how long the list of tables is by now.
func (db *DB) close(broken <-chan struct{}) (err error) {
	db.background.Wait()
	defer func() { err = errors.Join(err, db.mark.close()) }()
	if err := db.badger.Close(); err != nil {
		return fmt.Errorf("close storage: %w", err)
	}
	select {
	case <-broken:
		return nil // what is on disk is unknown
	default:
		return db.mark.noteManifest()
	}
}

// With opens a database that nothing else uses, calls use, and closes it. It looks for
// damage, but keeps no disk space. When Badger cannot write, which it would try for
// ever, With returns the failure after a second, although use may still run.
func With(dir string, use func(db *DB) error) error {
	db, err := open(Options{Dir: dir}.withDefaults())
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	db.OnFailure(func(err error) { failed <- err })
	done := make(chan error, 1)
	go func() { done <- errors.Join(use(db), db.badger.Close()) }()
	select {
	case err = <-done:
	case err = <-failed:
		select {
		case late := <-done:
			err = errors.Join(err, late)
		case <-time.After(abandonAfter):
		}
	}
	return err
}
